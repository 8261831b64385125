//! The codec `bidiff`: the stream of the crates bidiff and bipatch without its head, its zeros folded, in zstd
//! frames.
//!
//! bipatch is not trusted with the end: it takes a stream that was cut between two records for a
//! whole one. Length and digest, which [`crate::apply`] checks, say whether it was.

use crate::error::classify;
use crate::limit::AtMost;
use crate::old::OldFile;
use crate::window::{Frames, LEAST_MEMORY, log_within};
use crate::zeros::Unfolded;
use crate::{CodecError, Header};
use std::io::{self, BufReader, Read};

#[cfg(feature = "encode")]
pub(crate) use encode::{encode, encode_memory};

const WHAT: &str = "patch";
const BUFFER: usize = 64 << 10;

/// How every stream begins, little-endian: bidiff's magic 0xb1df and its version 0x1000. A patch leaves it out.
const HEAD: [u8; 8] = [0xdf, 0xb1, 0, 0, 0, 0x10, 0, 0];

/// The largest window that zstd takes on this system.
const ZSTD_MAX_LOG: u32 = if usize::BITS == 32 { 30 } else { 31 };

/// Longest stream that may make a file of `to_size` bytes. An honest one has its bytes once, and
/// three numbers per record; without a limit a patch of nothing but empty records would keep the
/// decoder busy for as long as its zeros last.
fn max_stream(to_size: u64) -> u64 {
    to_size.saturating_mul(2).saturating_add(64 << 10)
}

pub(crate) fn decode<'a>(
    header: &Header,
    body: Box<dyn Read + 'a>,
    old: OldFile<'a>,
) -> Result<Box<dyn Read + 'a>, CodecError> {
    let no_room = CodecError::Memory { what: WHAT, needs: LEAST_MEMORY, limit: header.memory };
    let log = log_within(header.memory, ZSTD_MAX_LOG).ok_or(no_room)?;
    let folded = BufReader::with_capacity(BUFFER, Frames::new(body, WHAT, log)?);
    let stream = AtMost::new(Unfolded::new(folded), "stream of the patch", max_stream(header.to_size));
    let stream = BufReader::with_capacity(BUFFER, HEAD.chain(stream));
    let new_file = bipatch::Reader::new(stream, old).map_err(|error| classify(WHAT, io::Error::other(error)))?;
    Ok(Box::new(new_file))
}

#[cfg(feature = "encode")]
mod encode {
    use super::{HEAD, max_stream};
    use crate::CodecError;
    use crate::coding::Body;
    use crate::matching::Pair;
    use crate::window::{MAX_LOG, log_for, memory};
    use crate::zeros::fold;
    use bidiff::enc::Writer;
    use bidiff::{Control, Match, Translator};
    use std::io;
    use zstd::bulk::Compressor;
    use zstd::zstd_safe::CParameter;

    pub(crate) fn encode(pair: &Pair<'_>, level: i32) -> Result<Body, CodecError> {
        let failed = |source| CodecError::Io { operation: "compress the patch", source };
        let stream = stream(pair).map_err(failed)?;
        let records =
            stream.strip_prefix(&HEAD).ok_or_else(|| failed(io::Error::other("bidiff's stream has another head")))?;
        let folded = fold(records);
        let log = log_for(folded.len() as u64, MAX_LOG);
        let mut compressor = Compressor::new(level).map_err(failed)?;
        compressor.set_parameter(CParameter::WindowLog(log)).map_err(failed)?;
        let bytes = compressor.compress(&folded).map_err(failed)?;
        Ok(Body { bytes, memory: memory(log) })
    }

    /// Beside the two files: the suffix array has 4 bytes for each byte of `old`, its table and keys at
    /// most 1.5; bidiff's buffer and the stream may be as long as `new`; after that the stream,
    /// folded, compressed, and zstd's tables, which level 19 bounds. Kept all the while: 12 bytes for each match, and
    /// there is at most one for 8 bytes of `new`.
    pub(crate) fn encode_memory(old: u64, new: u64) -> u64 {
        let matching = old.saturating_mul(6).saturating_add(new.saturating_mul(2));
        let matches = new.saturating_mul(3) / 2;
        let tables = (16u64 << log_for(new, MAX_LOG)).min(96 << 20);
        matching.max(new.saturating_mul(3).saturating_add(tables)).saturating_add(matches).saturating_add(4 << 20)
    }

    fn stream(pair: &Pair<'_>) -> io::Result<Vec<u8>> {
        let (old, new) = (pair.old, pair.new);
        if old.is_empty() {
            return copied(new);
        }
        let mut writer = Writer::new(Vec::with_capacity(new.len() + new.len() / 16))?;
        if old == new {
            writer.write(&Control { add: &vec![0; new.len()], copy: &[], seek: 0 })?;
            return Ok(writer.into_inner());
        }
        let mut translator = Translator::new(old, new, |control: &Control| writer.write(control));
        let matches = pair.matches();
        let ends = matches.iter().skip(1).map(|next| next.new as usize).chain([new.len()]);
        for (found, copy_end) in matches.iter().zip(ends) {
            let [add_old_start, add_new_start, add_length] =
                [found.old, found.new, found.length].map(|number| number as usize);
            translator.translate(Match { add_old_start, add_new_start, add_length, copy_end })?;
        }
        translator.close()?;
        let stream = writer.into_inner();
        if stream.len() as u64 > max_stream(new.len() as u64) { copied(new) } else { Ok(stream) }
    }

    /// The stream that takes nothing of the old file.
    fn copied(new: &[u8]) -> io::Result<Vec<u8>> {
        let mut writer = Writer::new(Vec::with_capacity(new.len() + 32))?;
        writer.write(&Control { add: &[], copy: new, seek: 0 })?;
        Ok(writer.into_inner())
    }
}
