//! Making a patch.

use crate::coding::{Body, Coding};
use crate::exe::StreamSize;
use crate::matching::Pair;
use crate::{CodecError, Header, Level, Prefix, bidiff, exe, header};
use upstep_model::{Codec, Digest};

/// Longest file that a patch is made of or for: the suffix array has 32-bit numbers.
pub const MAX_SIZE: u64 = i32::MAX as u64;

/// How to make a patch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiffOptions {
    /// How much time the patch may take.
    pub level: Level,
    /// The only codec that is tried. A codec that does not apply to the files, and one that this
    /// code does not know, gives way to `bidiff`.
    pub codec: Option<Codec>,
}

/// A patch, and what it was chosen from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diffed {
    /// The smallest patch file.
    pub patch: Vec<u8>,
    /// Length of the patch file by each codec that was tried and applies, in bytes, the smallest first.
    pub tried: Vec<(Codec, u64)>,
}

/// Makes the patch file that turns `old` into `new`: the smallest of the codings that apply.
pub fn diff(old: &[u8], new: &[u8], options: &DiffOptions) -> Result<Vec<u8>, CodecError> {
    compare(old, new, options).map(|diffed| diffed.patch)
}

/// The same as [`diff`], and what the other codings would take.
pub fn compare(old: &[u8], new: &[u8], options: &DiffOptions) -> Result<Diffed, CodecError> {
    check_size("old file", old.len() as u64)?;
    check_size("new file", new.len() as u64)?;
    let is_wanted = |coding: &Coding| options.codec.as_ref().is_none_or(|codec| coding.codec() == *codec);
    let codings: Vec<Coding> = Coding::ALL.into_iter().filter(is_wanted).collect();
    let pair = &Pair::new(old, new);
    let bodies: Vec<_> = std::thread::scope(|scope| {
        let encode = |coding: &Coding| {
            let coding = *coding;
            scope.spawn(move || coding.encode(pair, options.level))
        };
        let threads: Vec<_> = codings.iter().map(encode).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let (from, to) = (Prefix::of(&Digest::of(old)), Prefix::of(&Digest::of(new)));
    let patch = |coding: Coding, body: Body| {
        let (from_size, to_size) = (old.len() as u64, new.len() as u64);
        let header = Header { codec: coding.codec(), from, from_size, to, to_size, memory: body.memory };
        (coding.codec(), [header::write(&header, coding), body.bytes].concat())
    };
    let mut patches = Vec::new();
    for (coding, body) in codings.into_iter().zip(bodies) {
        patches.extend(body?.map(|body| patch(coding, body)));
    }
    if patches.is_empty() {
        patches.push(patch(Coding::Bidiff, bidiff::encode(pair, options.level.zstd())?));
    }
    patches.sort_by_key(|(_, patch)| patch.len());
    let tried = patches.iter().map(|(codec, patch)| (codec.clone(), patch.len() as u64)).collect();
    let (_, patch) = patches.swap_remove(0);
    Ok(Diffed { patch, tried })
}

/// What each stream of a patch by the codec `exe` takes; nothing where it does not apply.
/// For those who work on the codec.
pub fn streams(old: &[u8], new: &[u8], level: Level) -> Result<Vec<StreamSize>, CodecError> {
    check_size("old file", old.len() as u64)?;
    check_size("new file", new.len() as u64)?;
    exe::streams(&Pair::new(old, new), level)
}

/// Memory that [`diff`] needs at most for two files of such lengths, the files included, in bytes.
pub fn diff_memory(old: u64, new: u64, options: &DiffOptions) -> u64 {
    let plain = old.saturating_add(new).saturating_add(bidiff::encode_memory(old, new));
    match options.codec {
        Some(Codec::Bidiff) => plain,
        _ => plain.saturating_add(exe::encode_memory(old, new)),
    }
}

fn check_size(what: &'static str, size: u64) -> Result<(), CodecError> {
    if size > MAX_SIZE {
        return Err(CodecError::TooLarge { what, size, limit: MAX_SIZE });
    }
    Ok(())
}

pub(crate) fn check_level(level: i32) -> Result<(), CodecError> {
    if (1..=22).contains(&level) { Ok(()) } else { Err(CodecError::Level { found: level }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_2_gib_are_refused_by_name() {
        let error = check_size("old file", 1 << 31).expect_err("too large");
        assert_eq!(error.to_string(), "old file has 2147483648 bytes, a diff takes at most 2147483647");
        assert!(check_size("new file", MAX_SIZE).is_ok());
    }
}
