//! What happened to the install, for the program to tell its user.

use std::fmt;
use upstep_model::{Digest, Version};

/// Something that happened to the install, found by [`crate::begin`] or during the trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// This process runs a release in its trial.
    Trial {
        /// The release.
        version: Version,
        /// The which-eth run of it, from 1.
        run: u32,
    },
    /// The release passed its trial.
    Confirmed {
        /// The release.
        version: Version,
    },
    /// A release failed its trial: the version before it is back, the release is in quarantine.
    RolledBack {
        /// The release that failed.
        version: Version,
        /// Digest of its artifact.
        digest: Digest,
        /// How it failed.
        reason: String,
    },
    /// A staged release did not answer its probe: it was not swapped in and is in quarantine.
    ProbeFailed {
        /// The release.
        version: Version,
        /// Digest of its artifact.
        digest: Digest,
        /// What it did instead.
        reason: String,
    },
    /// A swap was tried and the old version stayed; it is tried again at a later start.
    SwapFailed {
        /// The release.
        version: Version,
        /// What went wrong.
        reason: String,
    },
    /// An update that was cut off, or that somebody's change of the program overtook, was settled.
    Recovered {
        /// What was found and done.
        reason: String,
    },
    /// There is no update in this install place.
    Refused {
        /// Why, and what the user can do.
        reason: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Trial { version, run } => write!(f, "version {version} is on trial (run {run})"),
            Event::Confirmed { version } => write!(f, "version {version} passed its trial"),
            Event::RolledBack { version, reason, .. } => {
                write!(f, "version {version} failed its trial and was taken back: {reason}")
            }
            Event::ProbeFailed { version, reason, .. } => write!(f, "version {version} was not installed: {reason}"),
            Event::SwapFailed { version, reason } => write!(f, "version {version} could not be swapped in: {reason}"),
            Event::Recovered { reason } => write!(f, "an interrupted update was settled: {reason}"),
            Event::Refused { reason } => write!(f, "no updates here: {reason}"),
        }
    }
}
