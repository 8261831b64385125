//! The body of a patch of level `fast`: two frames.

use super::frame;
use crate::CodecError;
use crate::coding::Body;
use crate::exe::fast::MAX_LOG;
use crate::window::log_for;
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

const LEVEL: i32 = 19;

/// Of what the range coder wrote, and of the lanes; `memory` is what decoding takes beside them.
pub(super) fn body(mut coded: Vec<u8>, lanes: &[u8], memory: u64) -> Result<Body, CodecError> {
    let failed = |source| CodecError::Io { operation: "compress the patch", source };
    let log = log_for(lanes.len() as u64, MAX_LOG);
    coded.push(log as u8);
    let mut compressor = Compressor::new(LEVEL).map_err(failed)?;
    compressor.set_parameter(CParameter::WindowLog(log)).map_err(failed)?;
    let mut bytes = frame::raw(&coded);
    bytes.extend(compressor.compress(lanes).map_err(failed)?);
    Ok(Body { bytes, memory: memory + coded.len() as u64 + (1 << log) })
}
