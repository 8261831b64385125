//! What a publish did, for a person and for a script.

use crate::artifact::Artifact;
use crate::judge::Verdict;
use crate::make::{AboutPatch, Made, Wanted};
use serde::Serialize;
use upstep_model::{AppName, Channel, Digest, Platform, Version};

/// What a publish did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PublishReport {
    /// The app.
    pub app: AppName,
    /// The channel.
    pub channel: Channel,
    /// Number of the commit; none if everything was there already.
    pub commit: Option<u64>,
    /// One for each file.
    pub releases: Vec<ReleaseReport>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseReport {
    /// The version.
    pub version: Version,
    /// The platform.
    pub platform: Platform,
    /// Digest of the program.
    pub digest: Digest,
    /// Length of the program in bytes.
    pub size: u64,
    /// Whether it was not there before.
    pub added: bool,
    /// Length of the full in bytes; 0 for one that was there.
    pub full: u64,
    /// The patches that were tried.
    pub patches: Vec<PatchReport>,
}

/// One patch that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PatchReport {
    /// Its base.
    pub from: Version,
    /// What it makes.
    pub to: Version,
    /// How many releases lie between, and one.
    pub distance: usize,
    /// Whether it is in the index.
    pub kept: bool,
    /// Why.
    pub reason: String,
    /// What was measured; none if it was not made.
    pub measured: Option<Measured>,
}

/// What was measured of a patch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Length of the patch in bytes.
    pub bytes: u64,
    /// Its share of the full of what it makes.
    pub share: f64,
    /// How it is coded.
    pub codec: String,
    /// What each codec that was tried would take; the smallest first.
    pub tried: Vec<Tried>,
    /// How long the diff took, in seconds.
    pub diff_seconds: f64,
    /// The memory that was set aside for the diff, in bytes: it takes no more.
    pub diff_memory: u64,
    /// How long applying it took, in seconds.
    pub apply_seconds: f64,
    /// The memory that applying it took, in bytes; what it declares where that was not measured.
    pub apply_memory: u64,
    /// The memory that it declares to need, in bytes: what clients compare with their limit.
    pub apply_limit: u64,
}

/// What a codec would take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The codec.
    pub codec: String,
    /// Length of the patch in bytes.
    pub bytes: u64,
}

impl Measured {
    /// How the patch is coded, and what that saves.
    pub fn coding(&self) -> String {
        let next = self.tried.get(1).filter(|next| next.bytes > 0);
        next.map_or_else(
            || self.codec.clone(),
            |next| {
                let saved = 1.0 - self.bytes as f64 / next.bytes as f64;
                format!("{}, {:.0}% below {}", self.codec, saved * 100.0, next.codec)
            },
        )
    }
}

impl ReleaseReport {
    pub(crate) fn unchanged(artifact: &Artifact) -> Self {
        ReleaseReport { added: false, ..ReleaseReport::added(artifact, 0, Vec::new()) }
    }

    pub(crate) fn added(artifact: &Artifact, full: u64, patches: Vec<PatchReport>) -> Self {
        ReleaseReport {
            version: artifact.version.clone(),
            platform: artifact.platform.clone(),
            digest: artifact.digest,
            size: artifact.bytes.len() as u64,
            added: true,
            full,
            patches,
        }
    }
}

impl PatchReport {
    pub(crate) fn new(
        wanted: &Wanted,
        distance: usize,
        made: Option<&Made<AboutPatch>>,
        full: u64,
        verdict: Verdict,
    ) -> Self {
        let measured = made.map(|made| Measured {
            bytes: made.bytes.len() as u64,
            share: made.bytes.len() as f64 / full.max(1) as f64,
            codec: made.about.codec.to_string(),
            tried: made
                .about
                .tried
                .iter()
                .map(|(codec, bytes)| Tried { codec: codec.to_string(), bytes: *bytes })
                .collect(),
            diff_seconds: made.about.diff_time.as_secs_f64(),
            diff_memory: made.about.diff_memory,
            apply_seconds: made.about.apply_time.as_secs_f64(),
            apply_memory: made.about.apply_memory.unwrap_or(made.about.memory),
            apply_limit: made.about.memory,
        });
        PatchReport {
            from: wanted.versions.0.clone(),
            to: wanted.versions.1.clone(),
            distance,
            kept: verdict.kept,
            reason: verdict.reason,
            measured,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(tried: &[(&str, u64)]) -> Measured {
        let tried: Vec<Tried> =
            tried.iter().map(|(codec, bytes)| Tried { codec: (*codec).to_owned(), bytes: *bytes }).collect();
        Measured {
            bytes: tried[0].bytes,
            share: 0.1,
            codec: tried[0].codec.clone(),
            tried,
            diff_seconds: 1.0,
            diff_memory: 1,
            apply_seconds: 1.0,
            apply_memory: 1,
            apply_limit: 1,
        }
    }

    #[test]
    fn the_codec_is_named_with_what_it_saves() {
        assert_eq!(measured(&[("bidiff", 100)]).coding(), "bidiff");
        assert_eq!(measured(&[("exe", 38), ("bidiff", 100)]).coding(), "exe, 62% below bidiff");
        assert_eq!(measured(&[("bidiff", 153), ("exe", 259)]).coding(), "bidiff, 41% below exe");
    }
}
