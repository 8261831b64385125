//! Metadata as small structs, read without verifying: for tools that write or show it.

use crate::{Role, Target, TrustError};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use tough::schema;
use upstep_model::Digest;

/// One metadata file as another names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its version.
    pub version: u64,
    /// Its size in bytes, where it is named.
    pub size: Option<u64>,
    /// Its digest, where it is named.
    pub digest: Option<Digest>,
}

/// `timestamp.json`, and a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampDocument {
    /// Its version: the number of the commit.
    pub version: u64,
    /// Until when it is valid.
    pub expires: Timestamp,
    /// The snapshot that it names.
    pub snapshot: Reference,
}

/// `N.snapshot.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotDocument {
    /// Its version.
    pub version: u64,
    /// Until when it is valid.
    pub expires: Timestamp,
    /// The targets metadata that it names.
    pub targets: Reference,
}

/// `N.targets.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetsDocument {
    /// Its version.
    pub version: u64,
    /// Until when it is valid.
    pub expires: Timestamp,
    /// The targets by name.
    pub targets: BTreeMap<String, Target>,
}

/// `N.root.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootDocument {
    /// Its version.
    pub version: u64,
    /// Until when it is valid.
    pub expires: Timestamp,
    /// The ids of the keys of each role.
    pub keys: BTreeMap<Role, Vec<String>>,
}

/// Reads a timestamp without verifying it.
pub fn parse_timestamp(bytes: &[u8]) -> Result<TimestampDocument, TrustError> {
    let timestamp: schema::Timestamp = signed("timestamp metadata", bytes)?;
    Ok(TimestampDocument {
        version: timestamp.version.get(),
        expires: timestamp.expires,
        snapshot: reference("timestamp metadata", &timestamp.meta, "snapshot.json")?,
    })
}

/// Reads a snapshot without verifying it.
pub fn parse_snapshot(bytes: &[u8]) -> Result<SnapshotDocument, TrustError> {
    let snapshot: schema::Snapshot = signed("snapshot metadata", bytes)?;
    Ok(SnapshotDocument {
        version: snapshot.version.get(),
        expires: snapshot.expires,
        targets: reference("snapshot metadata", &snapshot.meta, "targets.json")?,
    })
}

/// Reads targets metadata without verifying it.
pub fn parse_targets(bytes: &[u8]) -> Result<TargetsDocument, TrustError> {
    let targets: schema::Targets = signed("targets metadata", bytes)?;
    Ok(TargetsDocument {
        version: targets.version.get(),
        expires: targets.expires,
        targets: crate::metadata::flat_targets(&targets),
    })
}

/// Reads a root without verifying it.
pub fn parse_root(bytes: &[u8]) -> Result<RootDocument, TrustError> {
    let root: schema::Root = signed("root metadata", bytes)?;
    let ids = |role: &Role| match root.roles.get(&role.tuf()) {
        Some(keys) => keys.keyids.iter().map(hex::encode).collect(),
        None => Vec::new(),
    };
    Ok(RootDocument {
        version: root.version.get(),
        expires: root.expires,
        keys: Role::ALL.iter().map(|role| (*role, ids(role))).collect(),
    })
}

fn signed<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, TrustError> {
    let parsed: schema::Signed<T> =
        serde_json::from_slice(bytes).map_err(|source| TrustError::Document { what, source })?;
    Ok(parsed.signed)
}

fn reference(
    what: &'static str,
    meta: &std::collections::HashMap<String, schema::Metafile>,
    name: &str,
) -> Result<Reference, TrustError> {
    use serde::de::Error as _;
    let missing =
        || TrustError::Document { what, source: serde_json::Error::custom(format!("it does not name {name}")) };
    let file = meta.get(name).ok_or_else(missing)?;
    let digest = file.hashes.as_ref().and_then(|hashes| digest_of(&hashes.sha256));
    Ok(Reference { version: file.version.get(), size: file.length, digest })
}

/// The digest in a metadata file; `None` if it has not 32 bytes.
pub(crate) fn digest_of(bytes: &[u8]) -> Option<Digest> {
    Some(Digest::from_bytes(bytes.try_into().ok()?))
}
