//! Writing what a decoder yields: exactly as many bytes as were announced, digest computed.

use crate::CodecError;
use crate::error::{carry_io, classify};
use crate::limit::Digesting;
use std::io::{self, Read, Write};
use upstep_model::Digest;

const CHUNK: usize = 64 << 10;

/// Writes what `decoded` yields and returns its digest. Fails unless it is `size` bytes, and
/// before more than these are written; `what` names the source of `decoded` in errors.
pub(crate) fn write_exactly(
    decoded: &mut dyn Read,
    output: &mut dyn Write,
    size: u64,
    what: &'static str,
) -> Result<Digest, CodecError> {
    let mut output = Digesting::new(output, "new file", size);
    let mut buffer = vec![0; CHUNK];
    let mut left = size;
    loop {
        // One byte more than is left: the end must come by itself.
        let want = usize::try_from(left.saturating_add(1)).unwrap_or(CHUNK).min(CHUNK);
        match decoded.read(&mut buffer[..want]) {
            Ok(0) if left == 0 => return Ok(output.finish().1),
            Ok(0) => return Err(CodecError::Truncated { what }),
            Ok(length) => {
                let written = output.write_all(&buffer[..length]);
                written.map_err(|error| classify(what, carry_io("write the new file", error)))?;
                left -= length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(classify(what, error)),
        }
    }
}

/// A download as the caller hands it in: its errors are not the decoder's.
pub(crate) struct Download<R>(pub(crate) R);

impl<R: Read> Read for Download<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).map_err(|error| carry_io("read the download", error))
    }
}
