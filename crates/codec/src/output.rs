//! Writing what a decoder yields: exactly as many bytes as were announced, digest computed.

use crate::CodecError;
use crate::error::{carry_io, classify};
use crate::worker::Worker;
use std::io::{self, Read, Write};
use upstep_model::{Digest, Digester};

const CHUNK: usize = 64 << 10;

/// Writes what `decoded` yields and returns its digest, which the worker computes. Fails unless it is `size` bytes, and
/// before more than these are written; `what` names the source of `decoded` in errors.
pub(crate) fn write_exactly(
    decoded: &mut dyn Read,
    output: &mut dyn Write,
    size: u64,
    what: &'static str,
    worker: &Worker<'_>,
) -> Result<Digest, CodecError> {
    let mut buffer = vec![0; CHUNK];
    let mut digested = worker.begin(|| (Digester::new(), vec![0; CHUNK]));
    let mut left = size;
    loop {
        // One byte more than is left: the end must come by itself.
        let want = usize::try_from(left.saturating_add(1)).unwrap_or(CHUNK).min(CHUNK);
        let length = fill(decoded, &mut buffer[..want]).map_err(|error| classify(what, error))?;
        let (mut digester, free) = digested.recv().map_err(|_| ended())?;
        let Some(rest) = left.checked_sub(length as u64) else {
            return Err(CodecError::TooLong { what: "new file", limit: size });
        };
        left = rest;
        if length == 0 {
            return if left == 0 { Ok(digester.finish()) } else { Err(CodecError::Truncated { what }) };
        }
        let written = output.write_all(&buffer[..length]);
        written.map_err(|error| classify(what, carry_io("write the new file", error)))?;
        let full = std::mem::replace(&mut buffer, free);
        digested = worker.begin(move || {
            digester.update(&full[..length]);
            (digester, full)
        });
    }
}

/// Reads until the buffer is full or nothing comes any more.
fn fill(decoded: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut there = 0;
    while there < buffer.len() {
        match decoded.read(&mut buffer[there..]) {
            Ok(0) => break,
            Ok(length) => there += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(there)
}

/// The error for a digest that does not come.
pub(crate) fn ended() -> CodecError {
    CodecError::Io { operation: "compute a digest", source: io::Error::other("its thread ended") }
}

/// A download as the caller hands it in: its errors are not the decoder's.
pub(crate) struct Download<R>(pub(crate) R);

impl<R: Read> Read for Download<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).map_err(|error| carry_io("read the download", error))
    }
}
