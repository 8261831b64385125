//! The codec `bidiff`: the stream of the crates bidiff and bipatch, in zstd frames.
//!
//! The body is one byte, the number of passes (1 or 2), and zstd frames. With two passes the
//! frames hold zstd frames that hold the stream. Two versions that differ in a few bytes give a
//! stream of megabytes of zeros; zstd cuts it into blocks of 128 KB and spends some bytes on each,
//! and a second pass makes one of all these equal blocks.
//!
//! bipatch is not trusted with the end: it takes a stream that was cut between two records for a
//! whole one. Length and digest, which [`crate::apply`] checks, say whether it was.

use crate::error::classify;
use crate::header::array;
use crate::limit::AtMost;
use crate::old::OldFile;
use crate::window::{Frames, log_within};
use crate::{CodecError, Header};
use std::io::{BufReader, Read};

#[cfg(feature = "encode")]
pub(crate) use encode::{encode, encode_memory};

const WHAT: &str = "patch";

/// Largest result of the first pass that a second one is spent on.
const MAX_FIRST_PASS: u64 = 64 << 10;

/// The window of the second pass: as large as what it may hold.
const SECOND_PASS_LOG: u32 = 16;

/// Longest stream that may make a file of `to_size` bytes. An honest one has its bytes once, and
/// three numbers per record; without a limit a patch of nothing but empty records would keep the
/// decoder busy for as long as zstd can repeat them.
fn max_stream(to_size: u64) -> u64 {
    to_size.saturating_mul(2).saturating_add(64 << 10)
}

pub(crate) fn decode<'a>(
    header: &Header,
    mut body: Box<dyn Read + 'a>,
    old: OldFile<'a>,
) -> Result<Box<dyn Read + 'a>, CodecError> {
    let too_small =
        CodecError::Field { field: "memory", expected: "enough for the smallest window", found: header.memory };
    let log = log_within(header.memory, zstd_log_max()).ok_or(too_small)?;
    let [passes] = array(&mut body)?;
    let frames: Box<dyn Read + 'a> = match passes {
        1 => body,
        2 => Box::new(AtMost::new(Frames::new(body, WHAT, SECOND_PASS_LOG)?, "patch's inner frame", MAX_FIRST_PASS)),
        found => return Err(CodecError::Field { field: "passes", expected: "1 or 2", found: found.into() }),
    };
    let stream = AtMost::new(Frames::new(frames, WHAT, log)?, "stream of the patch", max_stream(header.to_size));
    let reader =
        bipatch::Reader::new(BufReader::with_capacity(64 << 10, stream), old).map_err(|error| match error {
            bipatch::DecodeError::IO(error) => classify(WHAT, error),
            bipatch::DecodeError::WrongMagic(found) | bipatch::DecodeError::WrongVersion(found) => CodecError::Field {
                field: "stream",
                expected: "one that begins with bidiff's magic 0xb1df and version 0x1000",
                found: found.into(),
            },
        })?;
    Ok(Box::new(reader))
}

/// The largest window that zstd takes on this system.
fn zstd_log_max() -> u32 {
    if usize::BITS == 32 { 30 } else { 31 }
}

#[cfg(feature = "encode")]
mod encode {
    use super::{MAX_FIRST_PASS, SECOND_PASS_LOG, max_stream};
    use crate::CodecError;
    use crate::coding::Body;
    use crate::window::{MAX_LOG, log_for, memory};
    use bidiff::enc::Writer;
    use bidiff::{Control, DiffParams, Translator};
    use std::io;
    use zstd::bulk::Compressor;
    use zstd::zstd_safe::CParameter;

    pub(crate) fn encode(old: &[u8], new: &[u8], level: i32) -> Result<Body, CodecError> {
        let failed = |source| CodecError::Io { operation: "compress the patch", source };
        let stream = stream(old, new).map_err(failed)?;
        let log = log_for(stream.len() as u64, MAX_LOG);
        let mut body = vec![1];
        body.extend(frame(&stream, level, log).map_err(failed)?);
        if body.len() as u64 <= MAX_FIRST_PASS {
            let second = frame(&body[1..], level, SECOND_PASS_LOG).map_err(failed)?;
            if second.len() + 1 < body.len() {
                body.truncate(0);
                body.push(2);
                body.extend(second);
            }
        }
        Ok(Body { bytes: body, memory: memory(log) })
    }

    /// Beside the two files: bidiff's suffix array has 4 bytes for each byte of `old`, its buffer
    /// and the stream may be as long as `new`; after that, zstd's tables.
    pub(crate) fn encode_memory(old: u64, new: u64, level: i32) -> u64 {
        let matching = old.saturating_mul(4).saturating_add(new.saturating_mul(2));
        let tables = 1u64 << (log_for(new, MAX_LOG) + if level > 19 { 4 } else { 2 });
        matching.max(new.saturating_mul(2).saturating_add(tables)).saturating_add(4 << 20)
    }

    fn stream(old: &[u8], new: &[u8]) -> io::Result<Vec<u8>> {
        if old.is_empty() {
            return copied(new);
        }
        if old == new {
            let mut writer = Writer::new(Vec::new())?;
            writer.write(&Control { add: &vec![0; new.len()], copy: &[], seek: 0 })?;
            return Ok(writer.into_inner());
        }
        let mut writer = Writer::new(Vec::with_capacity(new.len() + new.len() / 16))?;
        let mut translator = Translator::new(old, new, |control: &Control| writer.write(control));
        bidiff::diff(old, new, &DiffParams::default(), |found| translator.translate(found))?;
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

    fn frame(bytes: &[u8], level: i32, log: u32) -> io::Result<Vec<u8>> {
        let mut compressor = Compressor::new(level)?;
        compressor.set_parameter(CParameter::WindowLog(log))?;
        compressor.compress(bytes)
    }
}
