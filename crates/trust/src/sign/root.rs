//! Roots: who has which key.

use super::{Lifetimes, SPEC_VERSION, SignError, SigningKey, seal};
use crate::Role;
use crate::root::{Root, RootError};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use tough::schema;

/// The first root, `1.root.json`: one key per role.
pub fn new_root(
    keys: &BTreeMap<Role, SigningKey>,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Vec<u8>, SignError> {
    let root = content(NonZeroU64::MIN, keys, lifetimes, now)?;
    seal(&root, &[key(keys, Role::Root)?])
}

/// The root after `current`, with new keys: signed by the current root key and the new one.
pub fn rotate_root(
    current: &[u8],
    current_key: &SigningKey,
    keys: &BTreeMap<Role, SigningKey>,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Vec<u8>, SignError> {
    let current = read(current)?;
    current.names(Role::Root, current_key)?;
    let version = current.root.signed.signed.version.checked_add(1);
    let version = version.ok_or(SignError::Number { role: Role::Root, number: u64::MAX, current: u64::MAX })?;
    let root = content(version, keys, lifetimes, now)?;
    let new_key = key(keys, Role::Root)?;
    match new_key.key_id() == current_key.key_id() {
        true => seal(&root, &[new_key]),
        false => seal(&root, &[current_key, new_key]),
    }
}

/// Refuses a key that `root` does not name for the role.
pub fn check_key(root: &[u8], role: Role, key: &SigningKey) -> Result<(), SignError> {
    read(root)?.names(role, key)
}

/// A root to sign under.
pub(super) struct Authority {
    pub(super) root: Root,
}

pub(super) fn read(root: &[u8]) -> Result<Authority, SignError> {
    let existing = |error: RootError| SignError::Existing { role: Role::Root, reason: error.to_string() };
    Ok(Authority { root: Root::parse(root).map_err(existing)? })
}

impl Authority {
    /// The key that signs for `role`, if it is the right one.
    pub(super) fn signer<'a>(
        &self,
        keys: &'a BTreeMap<Role, SigningKey>,
        role: Role,
    ) -> Result<&'a SigningKey, SignError> {
        let key = key(keys, role)?;
        self.names(role, key)?;
        Ok(key)
    }

    fn names(&self, role: Role, key: &SigningKey) -> Result<(), SignError> {
        let Some(named) = self.root.signed.signed.roles.get(&role.tuf()) else {
            return Err(SignError::WrongKey { role, expected: Vec::new(), found: key.key_id().to_owned() });
        };
        let expected: Vec<String> = named.keyids.iter().map(hex::encode).collect();
        if !expected.iter().any(|id| id == key.key_id()) {
            return Err(SignError::WrongKey { role, expected, found: key.key_id().to_owned() });
        }
        match named.threshold.get() {
            1 => Ok(()),
            threshold => Err(SignError::Threshold { role, threshold }),
        }
    }
}

fn key(keys: &BTreeMap<Role, SigningKey>, role: Role) -> Result<&SigningKey, SignError> {
    keys.get(&role).ok_or(SignError::MissingKey { role })
}

fn content(
    version: NonZeroU64,
    keys: &BTreeMap<Role, SigningKey>,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<schema::Root, SignError> {
    let mut root = schema::Root {
        spec_version: SPEC_VERSION.to_owned(),
        consistent_snapshot: true,
        version,
        expires: lifetimes.expiry(Role::Root, now)?,
        keys: HashMap::new(),
        roles: HashMap::new(),
        _extra: HashMap::new(),
    };
    for role in Role::ALL {
        let key = key(keys, role)?.tuf_key();
        let id = key.key_id().map_err(|source| SignError::Form { role, source: Box::new(source) })?;
        let named = schema::RoleKeys { keyids: vec![id.clone()], threshold: NonZeroU64::MIN, _extra: HashMap::new() };
        root.roles.insert(role.tuf(), named);
        root.keys.insert(id, key);
    }
    Ok(root)
}
