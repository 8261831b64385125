//! The metadata of one commit: of a publish, which signs targets, and of a re-signing, which
//! renews snapshot and timestamp over targets that are there.

use super::root::{self, Authority};
use super::{Lifetimes, SPEC_VERSION, SignError, SigningKey, hashes, hashes_of, number, seal};
use crate::known::Known;
use crate::{Numbers, Role, Target, document, metadata};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use tough::TargetName;
use tough::schema;
use upstep_model::Digest;

/// What one commit writes. The targets themselves are not part of it: the caller has their bytes,
/// and writes them first, to `targets/DIGEST.NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The files to write before the commit, with their paths in the app's folder.
    pub files: Vec<(String, Vec<u8>)>,
    /// The timestamp: the bytes of the commit, and of `metadata/timestamp.json`.
    pub timestamp: Vec<u8>,
}

/// The metadata of the highest commit.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    /// The commit's bytes.
    pub timestamp: &'a [u8],
    /// The snapshot that it names.
    pub snapshot: &'a [u8],
    /// The targets metadata that the snapshot names.
    pub targets: &'a [u8],
}

/// Signs targets, snapshot and timestamp: what a publish writes.
pub fn sign(
    root: &[u8],
    targets: &BTreeMap<String, Target>,
    numbers: Numbers,
    keys: &BTreeMap<Role, SigningKey>,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Signed, SignError> {
    let authority = root::read(root)?;
    // All keys are looked at before anything is signed.
    let key = authority.signer(keys, Role::Targets)?;
    authority.signer(keys, Role::Snapshot)?;
    authority.signer(keys, Role::Timestamp)?;
    let content = schema::Targets {
        spec_version: SPEC_VERSION.to_owned(),
        version: number(Role::Targets, numbers.targets)?,
        expires: lifetimes.expiry(Role::Targets, now)?,
        targets: targets.iter().map(target).collect::<Result<_, _>>()?,
        delegations: None,
        _extra: HashMap::new(),
    };
    let bytes = seal(&content, &[key])?;
    let mut signed = above(&authority, &bytes, numbers, keys, lifetimes, now)?;
    signed.files.insert(0, (format!("metadata/{}.targets.json", numbers.targets), bytes));
    Ok(signed)
}

/// Signs a new snapshot and a new timestamp over the targets of the highest commit, with the keys
/// of these two roles alone.
///
/// What is there is verified first: a store that somebody else can write to gets nothing signed
/// that was not signed before.
pub fn resign(
    root: &[u8],
    current: Current<'_>,
    snapshot: u64,
    timestamp: u64,
    keys: &BTreeMap<Role, SigningKey>,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Signed, SignError> {
    let authority = root::read(root)?;
    authority.signer(keys, Role::Snapshot)?;
    authority.signer(keys, Role::Timestamp)?;
    let known = verify(&authority, current)?;
    for (role, number, current) in
        [(Role::Snapshot, snapshot, known.snapshot.version()), (Role::Timestamp, timestamp, known.timestamp.version())]
    {
        if number <= current {
            return Err(SignError::Number { role, number, current });
        }
    }
    let targets = document::parse_targets(current.targets)?;
    if targets.expires < now {
        let reason = format!("it expired at {}; a publish with the targets key renews it", targets.expires);
        return Err(SignError::Existing { role: Role::Targets, reason });
    }
    let numbers = Numbers { targets: targets.version, snapshot, timestamp };
    above(&authority, current.targets, numbers, keys, lifetimes, now)
}

/// Snapshot and timestamp above the bytes of targets metadata.
fn above(
    authority: &Authority,
    targets: &[u8],
    numbers: Numbers,
    keys: &BTreeMap<Role, SigningKey>,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Signed, SignError> {
    let snapshot = schema::Snapshot {
        spec_version: SPEC_VERSION.to_owned(),
        version: number(Role::Snapshot, numbers.snapshot)?,
        expires: lifetimes.expiry(Role::Snapshot, now)?,
        meta: HashMap::from([("targets.json".to_owned(), metafile(Role::Targets, numbers.targets, targets)?)]),
        _extra: HashMap::new(),
    };
    let snapshot = seal(&snapshot, &[authority.signer(keys, Role::Snapshot)?])?;
    let timestamp = schema::Timestamp {
        spec_version: SPEC_VERSION.to_owned(),
        version: number(Role::Timestamp, numbers.timestamp)?,
        expires: lifetimes.expiry(Role::Timestamp, now)?,
        meta: HashMap::from([("snapshot.json".to_owned(), metafile(Role::Snapshot, numbers.snapshot, &snapshot)?)]),
        _extra: HashMap::new(),
    };
    let timestamp = seal(&timestamp, &[authority.signer(keys, Role::Timestamp)?])?;
    Ok(Signed { files: vec![(format!("metadata/{}.snapshot.json", numbers.snapshot), snapshot)], timestamp })
}

/// Signatures of all three, and that each names the next.
fn verify(authority: &Authority, current: Current<'_>) -> Result<Known, SignError> {
    let existing = |role| move |reason: String| SignError::Existing { role, reason };
    let known = Known::verify(
        &authority.root,
        current.timestamp.to_vec(),
        current.snapshot.to_vec(),
        Some(current.targets.to_vec()),
    )
    .map_err(existing(Role::Timestamp))?;
    let (timestamp, snapshot) =
        (document::parse_timestamp(current.timestamp)?, document::parse_snapshot(current.snapshot)?);
    let names = |reference: &document::Reference, bytes: &[u8], version: u64| {
        reference.version == version && reference.digest.is_none_or(|digest| digest == Digest::of(bytes))
    };
    if !names(&timestamp.snapshot, current.snapshot, snapshot.version) {
        return Err(existing(Role::Snapshot)("it is not the one that the timestamp names".to_owned()));
    }
    let version = known.targets.as_ref().map_or(0, |targets| targets.version());
    if !names(&snapshot.targets, current.targets, version) {
        return Err(existing(Role::Targets)("it is not the one that the snapshot names".to_owned()));
    }
    Ok(known)
}

fn target((name, info): (&String, &Target)) -> Result<(TargetName, schema::Target), SignError> {
    let bad_name = || SignError::Name { name: name.clone() };
    if !metadata::is_flat(name) {
        return Err(bad_name());
    }
    let target = schema::Target {
        length: info.size,
        hashes: hashes_of(&info.digest),
        custom: HashMap::new(),
        _extra: HashMap::new(),
    };
    Ok((TargetName::new(name.as_str()).map_err(|_| bad_name())?, target))
}

fn metafile(role: Role, version: u64, bytes: &[u8]) -> Result<schema::Metafile, SignError> {
    Ok(schema::Metafile {
        length: Some(bytes.len() as u64),
        hashes: Some(hashes(bytes)),
        version: number(role, version)?,
        _extra: HashMap::new(),
    })
}
