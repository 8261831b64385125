//! Level `fast` of the codec for programs: its patches make the file they were made for, and
//! damaged ones end in an error.

mod forged;
mod programs;

use forged::Lie;
use programs::{FORMS, Form, Offsets, chained, functions, noise, program, universal, with_one_more};
use proptest::prelude::*;
use upstep_codec::{ApplyLimits, CodecError, DiffOptions, Level, apply, diff, read_header};
use upstep_model::Codec;
use zstd::zstd_safe::find_frame_compressed_size;

const LIMITS: ApplyLimits = ApplyLimits { memory: 64 << 20 };

fn at_level(level: Level) -> DiffOptions {
    DiffOptions { codec: Some(Codec::Exe), level }
}

/// Two programs of which the second has functions more in the middle, and one less.
fn pair(form: Form, seed: u64, count: usize) -> (Vec<u8>, Vec<u8>) {
    let old = functions(seed, count);
    let mut new = old.clone();
    new.swap_remove(count / 2);
    new.splice(count / 3..count / 3, functions(seed ^ 0xaa, 2));
    (program(form, &old), program(form, &new))
}

fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| noise(&mut state) as u8).take(length).collect()
}

fn round_trip(old: &[u8], new: &[u8], level: Level) -> Vec<u8> {
    let patch = diff(old, new, &at_level(level)).expect("a patch");
    let header = read_header(&mut &patch[..]).expect("a header");
    assert_eq!(header.codec, Codec::Exe);
    let mut out = Vec::new();
    apply(&patch[..], old, &mut out, &ApplyLimits { memory: header.memory }).expect("its own patch");
    assert!(out == new, "{} to {} bytes, {level:?}", old.len(), new.len());
    patch
}

fn fast(old: &[u8], new: &[u8]) -> Vec<u8> {
    round_trip(old, new, Level::Fast)
}

fn run(patch: &[u8], old: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    apply(patch, old, &mut out, &LIMITS).map(|_| out)
}

/// What the two frames of a patch hold.
fn contents(patch: &[u8]) -> [Vec<u8>; 2] {
    let mut body = patch;
    read_header(&mut body).expect("a header");
    let first = find_frame_compressed_size(body).expect("a frame");
    [&body[..first], &body[first..]].map(|frame| zstd::decode_all(frame).expect("a frame"))
}

/// A patch with frames that hold something else, and a header for these files.
fn forged(contents: &[Vec<u8>; 2], old: &[u8], new: &[u8], memory: u64) -> Vec<u8> {
    let mut forged = Lie { codec: 2, old, new, to_size: new.len() as u64, memory }.header();
    for content in contents {
        forged.extend(zstd::bulk::compress(content, 1).expect("a frame"));
    }
    forged
}

#[test]
fn programs_of_all_forms_at_all_levels() {
    for form in FORMS {
        let (old, new) = pair(form, 3, 400);
        for level in Level::ALL {
            round_trip(&old, &new, level);
            round_trip(&new, &old, level);
            assert!(round_trip(&old, &old, level).len() < 200, "{form:?} {level:?}");
        }
    }
}

#[test]
fn chained_addresses() {
    for form in [Form::MachX86, Form::MachArm64] {
        let (mut old, mut new) = pair(form, 5, 400);
        chained(&mut old);
        chained(&mut new);
        fast(&old, &new);
    }
}

#[test]
fn addresses_that_move_cost_little() {
    for form in FORMS {
        let (old, new) = with_one_more(form, 4);
        let plain = DiffOptions { codec: Some(Codec::Bidiff), ..DiffOptions::default() };
        let plain = diff(&old, &new, &plain).expect("a patch").len();
        let patch = fast(&old, &new).len();
        assert!(patch * 3 < plain, "{form:?}: {patch} of {plain} bytes");
    }
}

#[test]
fn universal_programs_and_what_is_appended() {
    let (old_x86, new_x86) = pair(Form::MachX86, 1, 600);
    let (old_arm, new_arm) = pair(Form::MachArm64, 2, 600);
    let old = universal(&[old_x86, old_arm], Offsets::Of4Bytes);
    let new = universal(&[new_arm, new_x86], Offsets::Of8Bytes);
    fast(&old, &new);
    // An archive twice: the second time costs nothing, though the old file has nothing of it.
    let archive = random(7, 100_000);
    let patch = fast(&[&old[..], &random(8, 90_000)].concat(), &[&new[..], &archive, &archive].concat());
    assert!(patch.len() < 120_000, "{} bytes", patch.len());
}

#[test]
fn a_patch_that_is_cut_anywhere_is_an_error() {
    let (old, new) = pair(Form::ElfX86, 5, 60);
    let patch = fast(&old, &new);
    for length in 0..patch.len() {
        assert!(matches!(run(&patch[..length], &old), Err(CodecError::Truncated { .. })), "cut to {length}");
    }
    assert!(run(&[&patch[..], b"more"].concat(), &old).is_err());
    let [coded, lanes] = contents(&patch);
    let mut survived = 0;
    for length in 0..coded.len() {
        let bad = forged(&[coded[..length].to_vec(), lanes.clone()], &old, &new, LIMITS.memory);
        if let Ok(out) = run(&bad, &old) {
            assert!(out == new, "first frame cut to {length}");
            survived += 1;
        }
    }
    assert!(survived <= 1, "{survived} cuts went unnoticed");
    for length in 0..lanes.len() {
        let bad = forged(&[coded.clone(), lanes[..length].to_vec()], &old, &new, LIMITS.memory);
        assert!(run(&bad, &old).is_err(), "second frame cut to {length}");
    }
    for more in [[b"more".to_vec(), Vec::new()], [Vec::new(), b"more".to_vec()]] {
        let bad = [[&coded[..], &more[0]].concat(), [&lanes[..], &more[1]].concat()];
        assert!(run(&forged(&bad, &old, &new, LIMITS.memory), &old).is_err());
    }
}

#[test]
fn no_flipped_bit_gives_another_file() {
    for form in FORMS {
        let (old, new) = pair(form, 6, 40);
        let patch = fast(&old, &new);
        let whole = contents(&patch);
        for (frame, at) in (0..2).flat_map(|frame| (0..whole[frame].len()).map(move |at| (frame, at))) {
            let mask = [1, 0x80, 0x10][at % 3];
            let mut bad = whole.clone();
            bad[frame][at] ^= mask;
            if let Ok(out) = run(&forged(&bad, &old, &new, LIMITS.memory), &old) {
                assert!(out == new, "{form:?}: byte {at} of frame {frame} ^ {mask:#x} gave another file");
            }
        }
        // What is around the contents: the header, and what zstd adds.
        for at in (0..patch.len()).step_by(3) {
            let mut bad = patch.clone();
            bad[at] ^= 0x11;
            if let Ok(out) = run(&bad, &old) {
                assert!(out == new, "{form:?}: byte {at} gave another file");
            }
        }
    }
}

#[test]
fn less_memory_than_declared_is_refused() {
    let (old, new) = pair(Form::MachArm64, 1, 400);
    let patch = fast(&old, &new);
    let memory = read_header(&mut &patch[..]).expect("a header").memory;
    let balanced = round_trip(&old, &new, Level::Balanced);
    assert!(memory <= read_header(&mut &balanced[..]).expect("a header").memory);
    let whole = contents(&patch);
    for declared in [0, 1 << 20, memory / 2, memory - 1] {
        let error = run(&forged(&whole, &old, &new, declared), &old).expect_err("too little");
        assert!(matches!(error, CodecError::Memory { .. }), "{declared}: {error}");
    }
    assert!(run(&forged(&whole, &old, &new, memory), &old).expect("enough") == new);
}

#[test]
fn another_old_file_ends_in_an_error() {
    for form in FORMS {
        let (old, new) = pair(form, 8, 200);
        let (other, _) = pair(form, 10, 200);
        let patch = fast(&old, &new);
        let whole = contents(&patch);
        for wrong in [new.clone(), other, vec![0; old.len()], vec![0xe8; 300], Vec::new()] {
            assert!(run(&forged(&whole, &wrong, &new, LIMITS.memory), &wrong).is_err(), "{form:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn damaged_frames_end_in_an_error_or_the_right_file(
        form in (0..FORMS.len()).prop_map(|at| FORMS[at]),
        seed in any::<u64>(),
        edits in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
        swap in any::<bool>(),
    ) {
        let (old, new) = pair(form, seed, 120);
        let patch = fast(&old, &new);
        let mut bad = contents(&patch);
        for (frame, at, byte) in edits {
            let frame = &mut bad[usize::from(frame)];
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        let file = if swap { &new } else { &old };
        if let Ok(out) = run(&forged(&bad, file, &new, LIMITS.memory), file) {
            prop_assert!(out == new);
        }
    }
}
