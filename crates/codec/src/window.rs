//! zstd frames with a bounded window, and what decoding them takes in memory.

use crate::CodecError;
use crate::error::carry;
use crate::old::CACHE;
use std::io::{self, BufRead, BufReader, Read};
use zstd::stream::read::Decoder;
use zstd::zstd_safe::DCtx;

/// The smallest window that zstd knows, as a power of two.
pub(crate) const MIN_LOG: u32 = 10;

/// The largest window that is written into a patch. Decoders of 32-bit systems know no larger one.
#[cfg(feature = "encode")]
pub(crate) const MAX_LOG: u32 = 27;

/// The largest window of a full: 32 MB.
pub(crate) const MAX_FULL_LOG: u32 = 25;

/// Memory that decoding needs beside the window: zstd's context and its buffers (about 700 KB
/// with the outer frame of a small patch), the cache of the old file, and our own buffers.
const BESIDE: u64 = CACHE + (1 << 20);

/// What decoding needs with the smallest window.
pub(crate) const LEAST_MEMORY: u64 = BESIDE + (1 << MIN_LOG);

/// The window for `size` bytes: no larger than they are.
#[cfg(feature = "encode")]
pub(crate) fn log_for(size: u64, max: u32) -> u32 {
    (u64::BITS - size.saturating_sub(1).leading_zeros()).clamp(MIN_LOG, max)
}

/// What decoding needs with a window of this size.
#[cfg(feature = "encode")]
pub(crate) fn memory(log: u32) -> u64 {
    (1u64 << log) + BESIDE
}

/// The largest window that fits into `memory`; `None` if not even the smallest does.
pub(crate) fn log_within(memory: u64, max: u32) -> Option<u32> {
    let window = memory.checked_sub(BESIDE).filter(|window| *window >= 1 << MIN_LOG)?;
    Some(window.ilog2().min(max))
}

/// A reader of zstd frames that refuses a window of more than 2^`log` bytes before it allocates.
pub(crate) struct Frames<R: Read> {
    decoder: Decoder<'static, BufReader<R>>,
    what: &'static str,
}

impl<R: Read> Frames<R> {
    pub(crate) fn new(reader: R, what: &'static str, log: u32) -> Result<Self, CodecError> {
        Self::around(BufReader::with_capacity(DCtx::in_size(), reader), what, log)
    }

    fn around(reader: BufReader<R>, what: &'static str, log: u32) -> Result<Self, CodecError> {
        let failed = |source| CodecError::Io { operation: "start the zstd decoder", source };
        let mut decoder = Decoder::with_buffer(reader).map_err(failed)?;
        decoder.window_log_max(log).map_err(failed)?;
        Ok(Frames { decoder, what })
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.decoder.read(buf) {
                // Whoever reads a varint byte by byte does not try again.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(carry(CodecError::Truncated { what: self.what }));
                }
                result => return result,
            }
        }
    }
}

/// A reader of the first frame of a body.
pub(crate) struct FirstFrame<R: Read> {
    frame: Frames<R>,
    /// Nothing may follow.
    is_alone: bool,
}

impl<R: Read> FirstFrame<R> {
    pub(crate) fn new(reader: R, what: &'static str, log: u32) -> Result<Self, CodecError> {
        let Frames { decoder, what } = Frames::new(reader, what, log)?;
        Ok(FirstFrame { frame: Frames { decoder: decoder.single_frame(), what }, is_alone: false })
    }

    /// The same; anything behind it is an error.
    pub(crate) fn alone(self) -> Self {
        FirstFrame { is_alone: true, ..self }
    }

    /// The frames behind it.
    pub(crate) fn next(self, log: u32) -> Result<Frames<R>, CodecError> {
        Frames::around(self.frame.decoder.finish(), self.frame.what, log)
    }
}

impl<R: Read> Read for FirstFrame<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = self.frame.read(buf)?;
        if length == 0 && !buf.is_empty() && self.is_alone && !self.frame.decoder.get_mut().fill_buf()?.is_empty() {
            let source = io::Error::new(io::ErrorKind::InvalidData, "bytes are left behind its end");
            return Err(carry(CodecError::Damaged { what: self.frame.what, source }));
        }
        Ok(length)
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_suffices_for_the_window_that_was_used() {
        for log in MIN_LOG..=MAX_LOG {
            assert_eq!(log_within(memory(log), 31), Some(log));
            assert_eq!(log_within(memory(log) - 1, 31), (log > MIN_LOG).then(|| log - 1));
        }
        assert_eq!((log_for(0, 27), log_for(1 << 20, 27), log_for((1 << 20) + 1, 27)), (10, 20, 21));
        assert_eq!(log_for(u64::MAX, 25), 25);
        assert_eq!(log_within(u64::MAX, 25), Some(25));
    }

    #[test]
    fn the_decoder_itself_stays_within_what_is_declared() {
        use zstd::zstd_safe::{InBuffer, OutBuffer};
        let log = 20;
        let noise: Vec<u8> = (0..3u64 << 19).flat_map(|at| (at * at * 7919).to_le_bytes()).collect();
        let mut compressor = zstd::bulk::Compressor::new(1).expect("a level");
        compressor.set_parameter(zstd::zstd_safe::CParameter::WindowLog(log)).expect("a window");
        let frame = compressor.compress(&noise).expect("in memory");
        let mut context = DCtx::create();
        let mut output = vec![0; 64 << 10];
        let mut input = InBuffer::around(&frame);
        let (mut length, mut most) = (0, 0);
        while length < noise.len() {
            let mut output = OutBuffer::around(&mut output[..]);
            context.decompress_stream(&mut output, &mut input).expect("its own frame");
            length += output.pos();
            most = most.max(context.sizeof() as u64);
        }
        let buffers = BufReader::new(&frame[..]).capacity().max(DCtx::in_size()) as u64 + 4 * (64 << 10);
        assert!(most + buffers + CACHE <= memory(log), "{most} and {buffers} for {}", memory(log));
        assert!(most > 1 << log);
    }
}
