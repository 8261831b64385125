//! The artifacts that the journal speaks of.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use upstep_model::{Digest, Version};

/// A release to install: what its artifact must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The release's version.
    pub version: Version,
    /// Digest of the artifact.
    pub digest: Digest,
    /// Length of the artifact in bytes.
    pub size: u64,
}

/// What a program's file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Digest of the file.
    pub digest: Digest,
    /// Length of the file in bytes.
    pub size: u64,
}

/// The kept copy of the installed program: patches read it, the updater process runs from it, and
/// it is the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Where it lies: beside the program.
    pub path: PathBuf,
    /// What it holds: the same as the installed file.
    pub content: Content,
}

/// A release that failed its trial here and is not tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The release's version.
    pub version: Version,
    /// Digest of its artifact.
    pub digest: Digest,
    /// How it failed.
    pub reason: String,
}
