//! The full: the artifact itself, zstd-compressed, as a download.

use crate::CodecError;
use crate::output::{Download, write_exactly};
use crate::window::{Frames, LEAST_MEMORY, MAX_FULL_LOG, log_within};
use crate::worker::Worker;
use std::io::{Read, Write};
use upstep_model::Digest;

#[cfg(feature = "encode")]
pub use encode::{Compressed, DEFAULT_LEVEL, compress};

const WHAT: &str = "full download";

/// Writes the artifact of which `full` is the download and returns its digest, which the caller
/// compares. Fails unless `expected_size` bytes come out, and before more than that are written.
///
/// `memory_limit` is the most that decoding may take; a window of more than 32 MB is never taken.
pub fn decompress(
    full: impl Read,
    artifact: &mut impl Write,
    expected_size: u64,
    memory_limit: u64,
) -> Result<Digest, CodecError> {
    let no_room = CodecError::Memory { what: WHAT, needs: LEAST_MEMORY, limit: memory_limit };
    let log = log_within(memory_limit, MAX_FULL_LOG).ok_or(no_room)?;
    let mut frames = Frames::new(Download(full), WHAT, log)?;
    std::thread::scope(|threads| {
        let worker = Worker::new(Some(threads), "digests");
        write_exactly(&mut frames, artifact, expected_size, WHAT, &worker)
    })
}

#[cfg(feature = "encode")]
mod encode {
    use crate::CodecError;
    use crate::diff::check_level;
    use crate::error::{carry_io, classify};
    use crate::limit::{AtMost, Digesting};
    use crate::window::{MAX_FULL_LOG, log_for, memory};
    use std::io::{self, Read, Write};
    use upstep_model::Digest;
    use zstd::stream::write::Encoder;

    /// The level of fulls: they are made once and fetched often.
    pub const DEFAULT_LEVEL: i32 = 22;

    /// A full that was made.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Compressed {
        /// Digest of the download.
        pub digest: Digest,
        /// Length of the download in bytes.
        pub size: u64,
        /// Memory that decoding needs, in bytes.
        pub memory: u64,
    }

    /// Makes the full of an artifact of `size` bytes. Takes about 420 MB at level 22 for 25 MB
    /// and more; several threads would each take as much, so there is one.
    pub fn compress(
        artifact: impl Read,
        size: u64,
        full: &mut impl Write,
        level: i32,
    ) -> Result<Compressed, CodecError> {
        check_level(level)?;
        let what = "artifact";
        let failed = |error: io::Error| classify(what, error);
        let log = log_for(size, MAX_FULL_LOG);
        let output = Digesting::new(Output(full));
        let mut encoder = Encoder::new(output, level).map_err(failed)?;
        encoder.window_log(log).map_err(failed)?;
        encoder.set_pledged_src_size(Some(size)).map_err(failed)?;
        let copied = io::copy(&mut AtMost::new(Input(artifact), what, size), &mut encoder).map_err(failed)?;
        if copied < size {
            return Err(CodecError::Truncated { what });
        }
        let (size, digest) = encoder.finish().map_err(failed)?.finish();
        Ok(Compressed { digest, size, memory: memory(log) })
    }

    struct Input<R>(R);

    impl<R: Read> Read for Input<R> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0.read(buf).map_err(|error| carry_io("read the artifact", error))
        }
    }

    struct Output<W>(W);

    impl<W: Write> Write for Output<W> {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.write(buf).map_err(|error| carry_io("write the full", error))
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }
}
