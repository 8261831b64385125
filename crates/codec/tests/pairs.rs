//! `apply(diff(a, b), a) == b`, for all a and b.

use proptest::prelude::*;
use upstep_codec::{ApplyLimits, DiffOptions, apply, diff, read_header};
use upstep_model::{Codec, Digest};

fn round_trip(old: &[u8], new: &[u8]) -> Vec<u8> {
    let patch = diff(old, new, &DiffOptions::default()).expect("a patch");
    let mut out = Vec::new();
    let applied = apply(&patch[..], old, &mut out, &ApplyLimits::default()).expect("its own patch");
    let header = applied.header;
    assert!(out == new, "{} to {} bytes", old.len(), new.len());
    assert_eq!(header, read_header(&mut &patch[..]).expect("a header"));
    assert_eq!((applied.from, applied.to), (Digest::of(old), Digest::of(new)));
    assert!(header.from.is_of(&applied.from) && header.to.is_of(&applied.to));
    assert_eq!((header.from_size, header.to_size), (old.len() as u64, new.len() as u64));
    assert_eq!(header.codec, Codec::Bidiff);
    patch
}

/// Bytes that no compressor shortens, the same each time.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[test]
fn empty_and_short_files_have_patches() {
    let files: [&[u8]; 6] = [b"", b"a", b"b", b"ab", b"aaaaaaaaaaaaaaaaaaaaaaaa", b"\0\0\0\0\0\0\0\0\0"];
    for old in files {
        for new in files {
            round_trip(old, new);
        }
    }
}

#[test]
fn the_same_file_again_costs_fifty_bytes() {
    let program = noise(3 << 20, 1);
    assert!(round_trip(&program, &program).len() < 50);
}

#[test]
fn a_changed_version_string_costs_little_more_than_the_header() {
    let old = noise(3 << 20, 2);
    let mut new = old.clone();
    new[1 << 20..(1 << 20) + 5].copy_from_slice(b"1.2.4");
    assert!(round_trip(&old, &new).len() < 70);
}

#[test]
fn moved_and_inserted_pieces_cost_what_is_new() {
    let old = noise(1 << 20, 3);
    let inserted = noise(1000, 4);
    let new = [&old[300_000..], &inserted, &old[..700_000]].concat();
    assert!(round_trip(&old, &new).len() < 1000 + 300);
}

#[test]
fn files_that_share_nothing_cost_the_new_one() {
    let (old, new) = (noise(200_000, 5), noise(300_000, 6));
    assert!(round_trip(&old, &new).len() < 300_000 + 2000);
}

#[test]
fn a_patch_needs_the_memory_of_its_window_and_little_more() {
    let (old, new) = (noise(1 << 20, 7), noise(5 << 20, 8));
    let patch = round_trip(&old, &new);
    let memory = read_header(&mut &patch[..]).expect("a header").memory;
    assert!((8 << 20..12 << 20).contains(&memory), "{memory}");
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..600),
        proptest::collection::vec(prop_oneof![Just(0u8), Just(1u8)], 0..3000),
        (any::<u8>(), 0usize..5000).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

#[derive(Debug, Clone)]
enum Edit {
    Replace(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Move(usize, usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = 0usize..100_000;
    let bytes = proptest::collection::vec(any::<u8>(), 0..50);
    prop_oneof![
        (place.clone(), bytes.clone()).prop_map(|(at, bytes)| Edit::Replace(at, bytes)),
        (place.clone(), bytes).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (place.clone(), 0usize..300).prop_map(|(at, length)| Edit::Remove(at, length)),
        (place.clone(), 0usize..300, place).prop_map(|(at, length, to)| Edit::Move(at, length, to)),
    ]
}

fn edited(old: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut new = old.to_vec();
    for edit in edits {
        let length = new.len();
        let range = |at: usize, count: usize| at % (length + 1)..(at % (length + 1) + count).min(length);
        match edit {
            Edit::Replace(at, bytes) => {
                let range = range(*at, bytes.len());
                let count = range.len();
                new[range].copy_from_slice(&bytes[..count]);
            }
            Edit::Insert(at, bytes) => drop(new.splice(range(*at, 0), bytes.iter().copied())),
            Edit::Remove(at, count) => drop(new.drain(range(*at, *count))),
            Edit::Move(at, count, to) => {
                let piece: Vec<u8> = new.drain(range(*at, *count)).collect();
                let to = to % (new.len() + 1);
                new.splice(to..to, piece);
            }
        }
    }
    new
}

proptest! {
    #[test]
    fn any_two_files_have_a_patch(old in file(), new in file()) {
        round_trip(&old, &new);
    }

    #[test]
    fn an_edited_file_has_a_patch(seed in any::<u64>(), length in 0usize..200_000, edits in proptest::collection::vec(edit(), 0..12)) {
        let old = noise(length, seed);
        round_trip(&old, &edited(&old, &edits));
    }
}
