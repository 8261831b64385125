//! Patches and fulls that lie: an error each time, never a panic, never more memory or output
//! than was announced.

mod forged;

use forged::Lie;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use upstep_codec::{ApplyLimits, CodecError, DiffOptions, ReadAt, apply, diff, frame, full, read_header};
use upstep_model::Digest;

const LIMITS: ApplyLimits = ApplyLimits { memory: 64 << 20 };

fn old_file() -> Vec<u8> {
    (0..40_000u32).flat_map(|number| (number * number / 3).to_le_bytes()).collect()
}

fn new_file() -> Vec<u8> {
    let mut new = old_file();
    new[70_000..70_020].fill(7);
    new.splice(9_000..9_000, *b"inserted");
    new
}

fn good_patch() -> Vec<u8> {
    diff(&old_file(), &new_file(), &DiffOptions::default()).expect("a patch")
}

fn run(patch: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    apply(patch, &old_file(), &mut out, &LIMITS).map(|_| out)
}

/// A patch with a header that says what it likes and a body of these records, zeros folded.
fn forged(to: &[u8], to_size: u64, memory: u64, folded: &[u8]) -> Vec<u8> {
    let mut patch = Lie { codec: 1, old: &old_file(), new: to, to_size, memory }.header();
    patch.extend(zstd::bulk::compress(folded, 1).expect("compressed"));
    patch
}

#[test]
fn a_patch_that_is_cut_anywhere_is_an_error() {
    let patch = good_patch();
    assert!(run(&patch).expect("whole") == new_file());
    for length in 0..patch.len() {
        let error = run(&patch[..length]).expect_err("cut");
        assert!(matches!(error, CodecError::Truncated { .. }), "cut to {length} of {}: {error}", patch.len());
    }
}

#[test]
fn no_flipped_byte_gives_another_file() {
    let patch = good_patch();
    let mut survived = Vec::new();
    for at in 0..patch.len() {
        for mask in [0x01, 0x10, 0x80, 0xff] {
            let mut bad = patch.clone();
            bad[at] ^= mask;
            match run(&bad) {
                Err(_) => {}
                Ok(out) => {
                    assert!(out == new_file(), "byte {at} ^ {mask:#x} gave another file");
                    survived.push(at);
                }
            }
        }
    }
    // Only a field that declares more than is needed may be changed without harm: memory, and
    // zstd's own window.
    survived.dedup();
    assert!(survived.len() <= 8, "flips at {survived:?} went unnoticed");
}

#[test]
fn bytes_after_the_end_are_an_error() {
    let mut patch = good_patch();
    patch.extend(b"more");
    assert!(run(&patch).is_err());
    let mut doubled = good_patch();
    doubled.extend(zstd::bulk::compress(&[0, 5, 1, 2, 3], 1).expect("compressed"));
    assert!(run(&doubled).is_err());
}

#[test]
fn another_old_file_is_named() {
    let mut other = old_file();
    other[5] ^= 1;
    let patch = good_patch();
    // Whatever the decoder says of the rest, which it has begun to read.
    for patch in [&patch[..], &patch[..patch.len() - 5], &[&patch[..40], &[0xff; 40][..]].concat()] {
        let mut out = Vec::new();
        let error = apply(patch, &other, &mut out, &LIMITS).expect_err("wrong file");
        assert!(
            matches!(&error, CodecError::WrongOld { found: Some(found), .. } if *found == Digest::of(&other)),
            "{error}"
        );
        assert!(out.is_empty(), "{} bytes were written", out.len());
    }
    other.push(0);
    let error = apply(&good_patch()[..], &other, &mut Vec::new(), &LIMITS).expect_err("wrong length");
    assert!(matches!(error, CodecError::WrongOld { found: None, found_size: 160_001, .. }), "{error}");
}

#[test]
fn memory_is_refused_before_anything_is_read() {
    struct Untouched;
    impl ReadAt for Untouched {
        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            panic!("the old file was read")
        }
        fn size(&self) -> io::Result<u64> {
            panic!("the old file was asked for")
        }
    }
    for memory in [LIMITS.memory + 1024, 1 << 40, u64::MAX / 1024 * 1024] {
        let patch = forged(b"", 0, memory, &[]);
        let error = apply(&patch[..], &Untouched, &mut Vec::new(), &LIMITS).expect_err("too much");
        assert!(matches!(error, CodecError::Memory { needs, .. } if needs == memory), "{error}");
    }
}

#[test]
fn a_window_larger_than_declared_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.window_log(26).expect("a window");
    encoder.include_contentsize(false).expect("a flag");
    encoder.write_all(&[0, 2, 0, 0]).expect("in memory");
    let frame = encoder.finish().expect("in memory");
    let declared = 4 << 20;
    let mut patch = forged(b"", 0, declared, &[]);
    let empty = zstd::bulk::compress(&[], 1).expect("compressed").len();
    patch.truncate(patch.len() - empty);
    patch.extend(frame);
    let error = run(&patch).expect_err("a large window");
    assert!(matches!(error, CodecError::Damaged { .. }), "{error}");
}

#[test]
fn less_memory_than_any_patch_needs_is_refused() {
    for memory in [0, 1 << 20, 2 << 20] {
        let error = run(&forged(b"", 0, memory, &[])).expect_err("too little");
        assert!(matches!(error, CodecError::Memory { .. }), "{error}");
    }
}

#[test]
fn lengths_that_nothing_justifies_end_in_an_error_at_once() {
    // add u64::MAX, copy u64::MAX
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let copy = [&[0, 0][..], &most].concat();
    for records in [&most[..], &copy] {
        for to_size in [0, 10, 1 << 62, i64::MAX as u64] {
            assert!(run(&forged(b"", to_size, 4 << 20, records)).is_err());
        }
    }
}

#[test]
fn seeks_out_of_the_old_file_are_errors() {
    // add nothing, copy one byte, seek by -1 and by 2^62, then add one byte
    let seeks = [vec![1], vec![0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]];
    for seek in seeks {
        let records = [&[0, 0, 1, 65][..], &seek, &[1, 1]].concat();
        assert!(run(&forged(b"AB", 2, 4 << 20, &records)).is_err());
    }
}

#[test]
fn output_stops_at_the_size_in_the_header() {
    struct Counted(usize);
    impl Write for Counted {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0 += buf.len();
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut records = vec![0, 0, 0x80, 0x80, 0x40];
    records.resize(1 << 20, 65);
    let mut out = Counted(0);
    let error = apply(&forged(b"", 1000, 4 << 20, &records)[..], &old_file(), &mut out, &LIMITS);
    let error = error.expect_err("too long");
    assert!(matches!(error, CodecError::TooLong { limit: 1000, .. }), "{error}");
    assert!(out.0 <= 1000, "{} bytes were written", out.0);
}

#[test]
fn empty_records_without_end_are_cut_off() {
    // A run of 2^60 zeros is bidiff's record (0, 0, 0) for ever, in twenty bytes of patch.
    let records = [0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    let error = run(&forged(b"", 1, 4 << 20, &records)).expect_err("endless");
    assert!(matches!(error, CodecError::TooLong { .. }), "{error}");
}

#[test]
fn a_stream_of_something_else_is_refused() {
    // The last one has bidiff's own head, which a patch leaves out.
    for folded in [&b"bsdiff40"[..], &[9], &[0xdf, 0xb1, 0, 2, 0x10, 0, 1]] {
        assert!(run(&forged(b"", 0, 4 << 20, folded)).is_err(), "{folded:x?}");
    }
    assert_eq!(run(&forged(b"", 0, 4 << 20, b"")).expect("no record makes nothing"), b"");
}

#[test]
fn the_wrong_result_is_an_error_though_it_has_the_right_length() {
    let error = run(&forged(b"A", 1, 4 << 20, &[0, 0, 1, 66, 0, 0])).expect_err("B is not A");
    assert!(matches!(error, CodecError::WrongNew { found, .. } if found == Digest::of(b"B")), "{error}");
    assert_eq!(run(&forged(b"A", 1, 4 << 20, &[0, 0, 1, 65, 0, 0])).expect("A"), b"A");
}

#[test]
fn errors_of_the_callers_files_are_not_blamed_on_the_patch() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "reset"))
        }
    }
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::StorageFull, "full"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let patch = good_patch();
    let operation = |error: CodecError| match error {
        CodecError::Io { operation, .. } => operation,
        other => panic!("{other}"),
    };
    let cut_off = patch[..40].chain(Broken);
    assert_eq!(
        operation(apply(cut_off, &old_file(), &mut Vec::new(), &LIMITS).expect_err("reset")),
        "read the download"
    );
    assert_eq!(operation(apply(Broken, &old_file(), &mut Vec::new(), &LIMITS).expect_err("reset")), "read the patch");
    assert_eq!(
        operation(apply(&patch[..], &old_file(), &mut Broken, &LIMITS).expect_err("full")),
        "write the new file"
    );
}

#[test]
fn an_old_file_that_shrinks_meanwhile_is_an_error() {
    struct Shrinking(Vec<u8>, AtomicU32);
    impl ReadAt for Shrinking {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            if self.1.fetch_add(1, Ordering::Relaxed) >= 5 { Ok(0) } else { self.0.read_at(buf, offset) }
        }
        fn size(&self) -> io::Result<u64> {
            self.0.size()
        }
    }
    let old = Shrinking(old_file(), AtomicU32::new(0));
    assert!(apply(&good_patch()[..], &old, &mut Vec::new(), &LIMITS).is_err());
}

#[test]
fn a_header_alone_is_not_a_patch() {
    let patch = good_patch();
    let mut rest = &patch[..];
    read_header(&mut rest).expect("a header");
    let header = patch.len() - rest.len();
    assert!(header < 32, "a header has {header} bytes");
    assert!(matches!(run(&patch[..header]), Err(CodecError::Truncated { .. })));
}

#[test]
fn a_full_yields_what_was_announced_or_an_error() {
    let artifact = new_file()[..2000].repeat(3);
    let mut download = Vec::new();
    let made = full::compress(&artifact[..], artifact.len() as u64, &mut download, 19).expect("a full");
    assert_eq!((made.size, made.digest), (download.len() as u64, Digest::of(&download)));
    let run = |download: &[u8], size: u64, memory: u64| {
        let mut out = Vec::new();
        full::decompress(download, &mut out, size, memory).map(|digest| (out, digest))
    };
    let size = artifact.len() as u64;
    let (out, digest) = run(&download, size, made.memory).expect("its own download");
    assert!(out == artifact && digest == Digest::of(&artifact));
    assert!(matches!(run(&download, size - 1, made.memory), Err(CodecError::TooLong { .. })));
    assert!(matches!(run(&download, size + 1, made.memory), Err(CodecError::Truncated { .. })));
    assert!(matches!(run(&download, size, 1000), Err(CodecError::Memory { .. })));
    for length in 0..download.len() {
        assert!(run(&download[..length], size, made.memory).is_err(), "cut to {length}");
    }
    for at in 0..download.len() {
        let mut bad = download.clone();
        bad[at] ^= 0x41;
        if let Ok((out, digest)) = run(&bad, size, made.memory) {
            assert!(digest != Digest::of(&artifact) || out == artifact, "byte {at}");
        }
    }
}

#[test]
fn an_artifact_of_another_length_than_announced_makes_no_full() {
    for size in [0, 9, 11] {
        assert!(full::compress(&b"0123456789"[..], size, &mut Vec::new(), 3).is_err(), "{size}");
    }
    assert!(matches!(full::compress(&b""[..], 0, &mut Vec::new(), 23), Err(CodecError::Level { found: 23 })));
}

#[test]
fn a_zip_bomb_stops_at_the_limit() {
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 19).expect("compressed");
    assert!(bomb.len() < 16 << 10);
    let error = full::decompress(&bomb[..], &mut Vec::new(), 1000, 256 << 20).expect_err("a bomb");
    assert!(matches!(error, CodecError::TooLong { limit: 1000, .. }), "{error}");
    let error = frame::decompress(&bomb, 1 << 20).expect_err("a bomb");
    assert!(matches!(error, CodecError::TooLong { .. }), "{error}");
}

#[test]
fn documents_survive_and_damaged_ones_do_not() {
    let document = br#"{"format":1}"#.repeat(1000);
    let packed = frame::compress(&document);
    assert!(packed.len() < 100);
    assert_eq!(frame::decompress(&packed, document.len()).expect("its own bytes"), document);
    assert!(frame::decompress(&packed, document.len() - 1).is_err());
    assert!(frame::decompress(&packed[..packed.len() - 1], document.len()).is_err());
    assert!(frame::decompress(b"not zstd", 100).is_err());
    assert_eq!(frame::decompress(&frame::compress(b""), 0).expect("nothing"), b"");
}
