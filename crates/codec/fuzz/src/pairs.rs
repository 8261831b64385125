//! What is fuzzed: the bodies of patches, each for the old file of a pair.
//!
//! An input is the number of a pair, modulo how many there are, and the body of a patch for it. The
//! header is not mutated: what it has of digests would end each run before anything is decoded.

use std::path::Path;
use upstep_codec::{ApplyLimits, CodecError, apply, read_header};

/// An old file, a new one, and the header of a patch from the one to the other.
pub struct Pair {
    pub old: Vec<u8>,
    pub new: Vec<u8>,
    pub header: Vec<u8>,
}

impl Pair {
    /// The pair that a patch was made of.
    pub fn of(old: Vec<u8>, new: Vec<u8>, patch: &[u8]) -> Pair {
        let mut body = patch;
        read_header(&mut body).expect("a patch");
        let header = patch[..patch.len() - body.len()].to_vec();
        Pair { old, new, header }
    }
}

/// The pairs of a folder: `NAME.old`, `NAME.new` and `NAME.LEVEL.patch`, in the order of the patches' names.
pub fn read(folder: &Path) -> std::io::Result<Vec<Pair>> {
    let mut names: Vec<String> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".patch"))
        .collect();
    names.sort_unstable();
    let read = |name: &str| std::fs::read(folder.join(name));
    names
        .iter()
        .map(|patch| {
            let name = patch.split('.').next().unwrap_or_default();
            Ok(Pair::of(read(&format!("{name}.old"))?, read(&format!("{name}.new"))?, &read(patch)?))
        })
        .collect()
}

/// Applies what the input says. Anything may come out but a panic, and bytes that are not what the header names.
pub fn check(pairs: &[Pair], input: &[u8]) {
    let Some((number, body)) = input.split_first() else { return };
    let pair = &pairs[usize::from(*number) % pairs.len()];
    let patch = [&pair.header, body].concat();
    let limits = ApplyLimits { memory: 64 << 20 };
    let mut made = Vec::new();
    let result: Result<_, CodecError> = apply(&patch[..], &pair.old[..], &mut made, &limits);
    assert!(made.len() <= pair.new.len(), "more bytes than were announced");
    assert!(result.is_err() || made == pair.new, "other bytes than were announced");
}
