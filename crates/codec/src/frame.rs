//! Small documents in a zstd frame: the index.

use crate::CodecError;
use crate::error::classify;
use crate::limit::AtMost;
use crate::window::Frames;
use std::io::Read;

const WHAT: &str = "compressed document";

/// The largest window of a document: 8 MB.
const MAX_LOG: u32 = 23;

/// Compresses a document.
#[cfg(feature = "encode")]
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    let compress = || {
        let mut compressor = zstd::bulk::Compressor::new(19)?;
        let log = crate::window::log_for(bytes.len() as u64, MAX_LOG);
        compressor.set_parameter(zstd::zstd_safe::CParameter::WindowLog(log))?;
        compressor.compress(bytes)
    };
    let result: std::io::Result<Vec<u8>> = compress();
    result.expect("level and window are in range, and the output has room for any input")
}

/// Decompresses a document of at most `limit` bytes.
pub fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    let mut document = Vec::new();
    let frames = Frames::new(bytes, WHAT, MAX_LOG)?;
    AtMost::new(frames, "document", limit as u64).read_to_end(&mut document).map_err(|error| classify(WHAT, error))?;
    Ok(document)
}
