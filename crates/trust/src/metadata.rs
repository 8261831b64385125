//! What verified metadata says.

use crate::Role;
use crate::document::digest_of;
use jiff::Timestamp;
use std::collections::BTreeMap;
use tough::schema;
use upstep_model::Digest;

/// A file that is signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// The versions of the metadata of one commit. The timestamp's is the commit's number; those of
/// snapshot and targets are above all that were ever used, by whomever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Of `N.targets.json`.
    pub targets: u64,
    /// Of `N.snapshot.json`.
    pub snapshot: u64,
    /// Of the timestamp.
    pub timestamp: u64,
}

/// The signed metadata of one app, verified: all four roles, none of them expired at the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    pub(crate) root_version: u64,
    pub(crate) numbers: Numbers,
    pub(crate) expiries: BTreeMap<Role, Timestamp>,
    pub(crate) targets: BTreeMap<String, Target>,
}

impl Metadata {
    /// The target of this name.
    pub fn target(&self, name: &str) -> Option<Target> {
        self.targets.get(name).copied()
    }

    /// All targets, by name.
    pub fn targets(&self) -> impl Iterator<Item = (&str, &Target)> {
        self.targets.iter().map(|(name, target)| (name.as_str(), target))
    }

    /// The version of the newest root.
    pub fn root_version(&self) -> u64 {
        self.root_version
    }

    /// The versions of the other three.
    pub fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// The version of the timestamp: the number of the commit.
    pub fn timestamp_version(&self) -> u64 {
        self.numbers.timestamp
    }

    /// The version of the snapshot.
    pub fn snapshot_version(&self) -> u64 {
        self.numbers.snapshot
    }

    /// The version of the targets metadata.
    pub fn targets_version(&self) -> u64 {
        self.numbers.targets
    }

    /// When the metadata of one role expires.
    pub fn expiry(&self, role: Role) -> Timestamp {
        self.expiries.get(&role).copied().unwrap_or(Timestamp::MIN)
    }

    /// When the first of the four expires.
    pub fn expires(&self) -> Timestamp {
        self.expiries.values().min().copied().unwrap_or(Timestamp::MIN)
    }
}

/// Names are one path segment: what `tough` and other clients make of a slash differs.
pub(crate) fn is_flat(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && name.bytes().all(allowed)
}

/// The targets with flat names and a whole digest; others can't be asked for.
pub(crate) fn flat_targets(targets: &schema::Targets) -> BTreeMap<String, Target> {
    let flat = targets.targets.iter().filter(|(name, _)| is_flat(name.raw()));
    flat.filter_map(|(name, target)| {
        let digest = digest_of(&target.hashes.sha256)?;
        Some((name.raw().to_owned(), Target { digest, size: target.length }))
    })
    .collect()
}
