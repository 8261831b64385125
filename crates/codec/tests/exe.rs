//! The codec for programs: what it saves, that it gives way to the plain one, and that patches
//! and old files that lie end in an error.

mod forged;
mod programs;

use forged::Lie;
use programs::{FORMS, Form, Offsets, chained, functions, program, universal, with_one_more};
use proptest::prelude::*;
use upstep_codec::{ApplyLimits, CodecError, DiffOptions, Level, apply, compare, diff, read_header, streams};
use upstep_model::Codec;

const LIMITS: ApplyLimits = ApplyLimits { memory: 64 << 20 };

fn exe() -> DiffOptions {
    DiffOptions { codec: Some(Codec::Exe), ..DiffOptions::default() }
}

fn bidiff() -> DiffOptions {
    DiffOptions { codec: Some(Codec::Bidiff), ..DiffOptions::default() }
}

/// Two programs of which the second has a function more in the middle.
fn pair(form: Form, seed: u64, count: usize) -> (Vec<u8>, Vec<u8>) {
    let old = functions(seed, count);
    let mut new = old.clone();
    new.extend(functions(seed ^ 0x55, 1));
    new.swap_remove(count / 2);
    new.splice(count / 3..count / 3, functions(seed ^ 0xaa, 2));
    (program(form, &old), program(form, &new))
}

fn round_trip(old: &[u8], new: &[u8], options: &DiffOptions) -> Vec<u8> {
    let patch = diff(old, new, options).expect("a patch");
    let memory = read_header(&mut &patch[..]).expect("a header").memory;
    let mut out = Vec::new();
    apply(&patch[..], old, &mut out, &ApplyLimits { memory }).expect("its own patch");
    assert!(out == new, "{} to {} bytes", old.len(), new.len());
    patch
}

fn codec(patch: &[u8]) -> Codec {
    read_header(&mut &patch[..]).expect("a header").codec
}

#[test]
fn addresses_that_move_cost_nearly_nothing() {
    for form in FORMS {
        let (old, new) = with_one_more(form, 1);
        let patch = round_trip(&old, &new, &DiffOptions::default());
        let plain = round_trip(&old, &new, &bidiff());
        assert_eq!(codec(&patch), Codec::Exe, "{form:?}");
        assert!(patch.len() * 5 < plain.len(), "{form:?}: {} of {} bytes", patch.len(), plain.len());
    }
}

#[test]
fn what_the_streams_take_is_what_the_patch_has() {
    let (old, new) = pair(Form::ElfX86, 5, 3000);
    let patch = round_trip(&old, &new, &exe());
    let streams = streams(&old, &new, Level::default()).expect("streams");
    let sum: usize = streams.iter().map(|stream| stream.bytes).sum();
    assert!(sum < patch.len() && sum + 200 > patch.len(), "{sum} of {} bytes", patch.len());
    for stream in streams.iter().filter(|stream| stream.bytes > 100 && stream.name != "references in literals") {
        assert!(stream.by_zstd > 50, "{stream:?}");
    }
    let (other, archive) = (b"no program".as_slice(), b"no program either".as_slice());
    assert_eq!(upstep_codec::streams(other, archive, Level::default()).expect("none"), []);
}

#[test]
fn chained_addresses_cost_what_others_do() {
    for form in [Form::MachX86, Form::MachArm64] {
        let (mut old, mut new) = pair(form, 5, 3000);
        let listed = round_trip(&old, &new, &exe()).len();
        chained(&mut old);
        chained(&mut new);
        let patch = round_trip(&old, &new, &exe()).len();
        assert!(patch < listed + listed / 50, "{form:?}: {patch} bytes, {listed} where they are not chained");
    }
}

#[test]
fn a_universal_program_costs_what_its_programs_do() {
    let (old_x86, new_x86) = pair(Form::MachX86, 1, 2000);
    let (old_arm, new_arm) = pair(Form::MachArm64, 2, 2000);
    let apart: usize =
        [(&old_x86, &new_x86), (&old_arm, &new_arm)].iter().map(|(old, new)| round_trip(old, new, &exe()).len()).sum();
    let (old_both, new_both) = (&[old_x86.clone(), old_arm.clone()], &[new_x86.clone(), new_arm.clone()]);
    let [(old, new), long] =
        [Offsets::Of4Bytes, Offsets::Of8Bytes].map(|form| (universal(old_both, form), universal(new_both, form)));
    for (old, new) in [(&old, &new), (&long.0, &long.1)] {
        let both = round_trip(old, new, &exe());
        assert_eq!(codec(&both), Codec::Exe);
        assert!(both.len() < apart + 40, "{} of {apart} bytes", both.len());
    }
    // The order of the programs is nobody's business, nor whether one of them is alone.
    let turned = universal(&[new_arm.clone(), new_x86.clone()], Offsets::Of4Bytes);
    assert!(round_trip(&old, &turned, &exe()).len() < apart + 40);
    let alone = round_trip(&old_arm, &new_arm, &exe()).len();
    assert!(round_trip(&old, &new_arm, &exe()).len() < alone + 40);
    let grown = round_trip(&old_arm, &new, &exe());
    assert!(codec(&grown) == Codec::Exe && grown.len() > apart, "{} bytes", grown.len());
    // A program again, for the other kind of processor.
    let twice = universal(&[new_arm.clone(), new_arm], Offsets::Of4Bytes);
    assert!(round_trip(&old, &twice, &exe()).len() < 2 * alone + 40);
}

#[test]
fn a_universal_program_that_is_damaged_has_a_patch() {
    let (old_x86, new_x86) = pair(Form::MachX86, 1, 60);
    let (old_arm, new_arm) = pair(Form::MachArm64, 2, 60);
    let (old, new) =
        (universal(&[old_x86, old_arm], Offsets::Of4Bytes), universal(&[new_x86, new_arm], Offsets::Of4Bytes));
    for length in [0, 3, 8, 20, 28, 48, 0x4000, 0x4001, 0x4020, 0x5000, 0x8000, old.len() - 1] {
        let length = length.min(old.len()).min(new.len());
        round_trip(&old[..length], &new, &DiffOptions::default());
        round_trip(&old, &new[..length], &DiffOptions::default());
    }
    for at in 4..48 {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bad = new.clone();
            bad[at] = value;
            round_trip(&old, &bad, &exe());
        }
    }
}

#[test]
fn a_patch_of_parts_that_is_damaged_is_an_error() {
    let (old_x86, new_x86) = pair(Form::MachX86, 1, 60);
    let (old_arm, new_arm) = pair(Form::MachArm64, 2, 60);
    // The last part goes by the plain codec.
    let archive = program(Form::ElfX86, &functions(9, 500));
    let old = universal(&[old_x86, old_arm], Offsets::Of4Bytes);
    let new = [universal(&[new_x86, new_arm], Offsets::Of4Bytes), archive.repeat(2)].concat();
    let patch = round_trip(&old, &new, &exe());
    let whole = stream(&patch);
    let (head, tail) = (0..whole.len().min(400), whole.len() - 400..whole.len());
    for at in head.chain(tail).step_by(3) {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        if let Ok(out) = run(&with_stream(&patch, &bad), &old) {
            assert!(out == new, "byte {at}");
        }
        assert!(run(&with_stream(&patch, &whole[..at]), &old).is_err(), "cut to {at}");
    }
    // Of four bytes each may stand where the encoder left out a zero.
    assert!(run(&with_stream(&patch, &[&whole[..], b"more than that"].concat()), &old).is_err());
}

#[test]
fn what_is_no_program_goes_by_the_plain_codec() {
    let (old, new) = pair(Form::ElfX86, 1, 100);
    let (mac, _) = pair(Form::MachX86, 1, 100);
    let (arm, _) = pair(Form::ElfArm64, 1, 100);
    let text = b"echo hello\n".repeat(100);
    for (old, new) in [(&old, &text), (&text, &new), (&old, &mac), (&arm, &new), (&text, &text), (&old, &Vec::new())] {
        assert_eq!(codec(&round_trip(old, new, &exe())), Codec::Bidiff);
    }
    // Headers that point behind the end.
    for length in [1, 63, 64, 100, 600, 0x1100, old.len() - 1] {
        round_trip(&old[..length], &new[..length.min(new.len())], &DiffOptions::default());
    }
}

#[test]
fn only_the_codec_that_was_asked_for_is_tried() {
    let (old, new) = pair(Form::ElfX86, 1, 100);
    for (options, expected) in [
        (exe(), vec![Codec::Exe]),
        (bidiff(), vec![Codec::Bidiff]),
        (DiffOptions::default(), vec![Codec::Exe, Codec::Bidiff]),
    ] {
        let diffed = compare(&old, &new, &options).expect("a patch");
        assert_eq!(codec(&diffed.patch), expected[0]);
        assert_eq!(diffed.tried.iter().map(|(codec, _)| codec.clone()).collect::<Vec<_>>(), expected);
        for (codec, bytes) in diffed.tried {
            let alone = DiffOptions { codec: Some(codec), ..DiffOptions::default() };
            assert_eq!(diff(&old, &new, &alone).expect("a patch").len() as u64, bytes);
        }
    }
}

#[test]
fn a_codec_that_is_not_known_gives_way_too() {
    let options = DiffOptions { codec: Some(Codec::Unknown("future".to_owned())), ..DiffOptions::default() };
    assert_eq!(codec(&round_trip(b"old", b"new", &options)), Codec::Bidiff);
}

#[test]
fn a_program_against_itself_and_backwards_has_a_patch() {
    for form in FORMS {
        let (old, new) = pair(form, 3, 400);
        assert!(round_trip(&old, &old, &DiffOptions::default()).len() < 200, "{form:?}");
        round_trip(&new, &old, &exe());
    }
}

#[test]
fn less_memory_than_declared_is_refused() {
    let (old, new) = pair(Form::ElfX86, 1, 400);
    let patch = diff(&old, &new, &exe()).expect("a patch");
    let memory = read_header(&mut &patch[..]).expect("a header").memory;
    assert!(memory < 16 << 20, "{memory} bytes for a program of {}", new.len());
    let limits = ApplyLimits { memory: memory - 1 };
    let error = apply(&patch[..], &old, &mut Vec::new(), &limits).expect_err("too little");
    assert!(matches!(error, CodecError::Memory { .. }), "{error}");
    // A header that declares too little is found out while decoding.
    for declared in [0, 1 << 20, memory / 2, memory - 1] {
        let error = run(&forged(&patch, &old, &new, declared), &old).expect_err("too little");
        assert!(matches!(error, CodecError::Memory { .. }), "{declared}: {error}");
    }
}

/// The body of `patch` with a header for these files.
fn forged(patch: &[u8], old: &[u8], new: &[u8], memory: u64) -> Vec<u8> {
    let mut body = patch;
    read_header(&mut body).expect("a header");
    let mut forged = Lie { codec: 2, old, new, to_size: new.len() as u64, memory }.header();
    forged.extend(body);
    forged
}

fn run(patch: &[u8], old: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    apply(patch, old, &mut out, &LIMITS).map(|_| out)
}

/// The stream within the frame of a patch, and a patch with another one.
fn stream(patch: &[u8]) -> Vec<u8> {
    let mut body = patch;
    read_header(&mut body).expect("a header");
    zstd::decode_all(body).expect("a frame")
}

fn with_stream(patch: &[u8], stream: &[u8]) -> Vec<u8> {
    let mut body = patch;
    read_header(&mut body).expect("a header");
    let mut changed = patch[..patch.len() - body.len()].to_vec();
    changed.extend(zstd::bulk::compress(stream, 1).expect("a frame"));
    changed
}

#[test]
fn a_patch_that_is_cut_anywhere_is_an_error() {
    let (old, new) = pair(Form::ElfX86, 5, 60);
    let patch = diff(&old, &new, &exe()).expect("a patch");
    assert_eq!(codec(&patch), Codec::Exe);
    for length in 0..patch.len() {
        assert!(matches!(run(&patch[..length], &old), Err(CodecError::Truncated { .. })), "cut to {length}");
    }
    let whole = stream(&patch);
    for length in 0..whole.len() {
        if let Ok(out) = run(&with_stream(&patch, &whole[..length]), &old) {
            assert!(out == new, "cut to {length}");
        }
    }
    assert!(run(&with_stream(&patch, &[&whole[..], b"12345"].concat()), &old).is_err());
    assert!(run(&[&patch[..], b"more"].concat(), &old).is_err());
}

#[test]
fn no_flipped_bit_gives_another_file() {
    for form in FORMS {
        let (old, new) = pair(form, 6, 40);
        let patch = diff(&old, &new, &exe()).expect("a patch");
        let whole = stream(&patch);
        for at in 0..whole.len() {
            let mask = [1, 0x80, 0x10][at % 3];
            let mut bad = whole.clone();
            bad[at] ^= mask;
            if let Ok(out) = run(&with_stream(&patch, &bad), &old) {
                assert!(out == new, "{form:?}: byte {at} ^ {mask:#x} gave another file");
            }
        }
    }
}

#[test]
fn another_old_file_ends_in_an_error() {
    for form in FORMS {
        let (old, new) = pair(form, 8, 200);
        let (other, _) = pair(form, 10, 200);
        let patch = diff(&old, &new, &exe()).expect("a patch");
        for wrong in [new.clone(), other, vec![0; old.len()], vec![0xe8; 300], Vec::new()] {
            assert!(matches!(run(&patch, &wrong), Err(CodecError::WrongOld { .. })), "{form:?}");
            assert!(run(&forged(&patch, &wrong, &new, LIMITS.memory), &wrong).is_err(), "{form:?}");
        }
    }
}

#[test]
fn sizes_that_nothing_justifies_end_at_once() {
    let (old, new) = pair(Form::ElfX86, 5, 60);
    let patch = diff(&old, &new, &exe()).expect("a patch");
    let mut body = &patch[..];
    read_header(&mut body).expect("a header");
    let run_as = |to_size| {
        let header = Lie { codec: 2, old: &old, new: &new, to_size, memory: LIMITS.memory }.header();
        run(&[&header, body].concat(), &old)
    };
    assert!(run_as(new.len() as u64).expect("the right length") == new);
    for to_size in [0, new.len() as u64 - 1, new.len() as u64 + 1, i32::MAX as u64] {
        assert!(run_as(to_size).is_err(), "{to_size}");
    }
    for to_size in [1 << 31, 1 << 62, i64::MAX as u64] {
        let error = run_as(to_size).expect_err("too long");
        assert!(matches!(error, CodecError::Field { field: "to_size", found, .. } if found == to_size), "{error}");
    }
}

fn form() -> impl Strategy<Value = Form> {
    proptest::sample::select(FORMS.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_two_programs_have_a_patch(form in form(), seed in any::<u64>(), counts in (1usize..200, 1usize..200)) {
        let (old, new) = (program(form, &functions(seed, counts.0)), program(form, &functions(seed ^ 4, counts.1)));
        round_trip(&old, &new, &exe());
    }

    #[test]
    fn programs_with_damaged_headers_have_a_patch(form in form(), seed in any::<u64>(), damage in proptest::collection::vec((0usize..0x400, any::<u8>()), 1..20), tail in proptest::collection::vec((0usize..300, any::<u8>()), 0..9)) {
        let (mut old, mut new) = pair(form, seed, 30);
        for (at, byte) in damage {
            old[at] = byte;
            if byte & 1 == 0 {
                new[at] = byte;
            }
        }
        for (at, byte) in tail {
            let at = new.len() - 1 - at;
            new[at] = byte;
        }
        round_trip(&old, &new, &exe());
    }

    #[test]
    fn any_stream_ends_in_an_error_or_the_right_file(form in form(), seed in any::<u64>(), noise in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let (old, new) = pair(form, seed, 30);
        let patch = diff(&old, &new, &exe()).expect("a patch");
        if let Ok(out) = run(&with_stream(&patch, &noise), &old) {
            prop_assert!(out == new);
        }
    }

    #[test]
    fn damaged_streams_end_in_an_error_or_the_right_file(form in form(), seed in any::<u64>(), edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), swap in any::<bool>()) {
        let (old, new) = pair(form, seed, 120);
        let patch = diff(&old, &new, &exe()).expect("a patch");
        let mut bad = stream(&patch);
        for (at, byte) in edits {
            let at = at.index(bad.len());
            bad[at] = byte;
        }
        let bad = with_stream(&patch, &bad);
        let file = if swap { &new } else { &old };
        let bad = forged(&bad, file, &new, LIMITS.memory);
        if let Ok(out) = run(&bad, file) {
            prop_assert!(out == new);
        }
    }
}

/// A program of two versions, by the C compiler that the tests need anyway: real headers, frames,
/// relocations, and on macOS a signature.
#[cfg(unix)]
#[test]
fn two_builds_by_a_compiler_have_a_small_patch_that_stands_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let build = |name: &str, more: usize| {
        let source: String = (0..400 + more)
            .map(|number| {
                let before = number.max(1) - 1;
                let extra = if number == 100 { more } else { 0 };
                format!(
                    "int f{number}(int a, char **b) {{ static char *names[] = {{\"a{number}\", \"b{number}\"}}; {} \
                     for (int i = 0; i < a; i++) b[i] = names[i & 1]; return {}; }}\n",
                    "b[1] = 0; ".repeat(extra),
                    if number == 0 { "a".to_owned() } else { format!("f{before}(a + {number}, b)") }
                )
            })
            .collect();
        let source = format!("{source}int main(int a, char **b) {{ return f{}(a, b); }}\n", 399 + more);
        let (file, program) = (folder.path().join(format!("{name}.c")), folder.path().join(name));
        std::fs::write(&file, source).expect("written");
        let status = std::process::Command::new("cc").args(["-O1", "-o"]).arg(&program).arg(&file).status();
        assert!(status.expect("a C compiler").success());
        std::fs::read(program).expect("a program")
    };
    let (old, new) = (build("old", 0), build("new", 3));
    let patch = round_trip(&old, &new, &exe());
    let plain = round_trip(&old, &new, &bidiff());
    assert_eq!(codec(&patch), Codec::Exe);
    assert!(patch.len() * 2 < plain.len(), "{} of {} bytes", patch.len(), plain.len());
    let whole = stream(&patch);
    for at in (0..whole.len()).step_by(whole.len() / 150 + 1) {
        let mut bad = whole.clone();
        bad[at] ^= 0x20;
        if let Ok(out) = run(&with_stream(&patch, &bad), &old) {
            assert!(out == new, "byte {at}");
        }
        assert!(run(&with_stream(&patch, &whole[..at]), &old).is_err(), "cut to {at}");
    }
}
