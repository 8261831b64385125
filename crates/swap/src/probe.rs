//! The probe: a staged program is started once, and must say who it is.

use crate::Timing;
use std::path::Path;
use upstep_model::{Digest, Version};

/// What a program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The version that it says it is.
    pub version: Version,
    /// The digest of the file that it runs from.
    pub digest: Digest,
}

/// Why a program did not pass its probe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProbeError(pub String);

/// Starts the marked program at `path` once as a probe: no install is needed or touched.
pub fn probe(path: &Path, timing: &Timing) -> Result<Answer, ProbeError> {
    let _ = timing;
    Err(ProbeError(format!("{}", path.display())))
}
