//! Keys and signatures: what an author and a server need, and no client.

mod error;
mod key;
mod publish;
mod root;

pub use error::SignError;
pub use key::{SigningKey, is_encrypted};
pub use publish::{Current, Signed, resign, sign};
pub use root::{check_key, new_root, rotate_root};

use crate::Role;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use tough::schema::{self, Role as TufRole};

/// The version of the TUF specification that the metadata follows.
const SPEC_VERSION: &str = "1.0.0";

/// How long the metadata of each role is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of roots.
    pub root: SignedDuration,
    /// Of targets metadata.
    pub targets: SignedDuration,
    /// Of snapshots.
    pub snapshot: SignedDuration,
    /// Of timestamps: how long a freeze can go unnoticed.
    pub timestamp: SignedDuration,
}

const fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

impl Default for Lifetimes {
    /// With a server or a timer that signs anew.
    fn default() -> Self {
        Lifetimes { root: days(730), targets: days(365), snapshot: days(7), timestamp: days(7) }
    }
}

impl Lifetimes {
    /// For a plain file host, where a person signs anew.
    pub fn for_static_host() -> Self {
        Lifetimes { snapshot: days(45), timestamp: days(45), ..Lifetimes::default() }
    }

    /// The lifetime of a role's metadata.
    pub fn of(&self, role: Role) -> SignedDuration {
        match role {
            Role::Root => self.root,
            Role::Targets => self.targets,
            Role::Snapshot => self.snapshot,
            Role::Timestamp => self.timestamp,
        }
    }

    /// Until when metadata signed at `now` is valid, in whole seconds as TUF wants it.
    fn expiry(&self, role: Role, now: Timestamp) -> Result<Timestamp, SignError> {
        let lifetime = self.of(role);
        let out_of_range = |_| SignError::Lifetime { role, seconds: lifetime.as_secs() };
        if lifetime.as_secs() <= 0 {
            return Err(SignError::Lifetime { role, seconds: lifetime.as_secs() });
        }
        let expiry = now.checked_add(lifetime).map_err(out_of_range)?;
        Timestamp::from_second(expiry.as_second()).map_err(out_of_range)
    }
}

/// Signs a role's content: `{"signed": canonical form, "signatures": [...]}`, the same bytes
/// whenever the same is signed.
fn seal<T: TufRole + Serialize>(content: &T, keys: &[&SigningKey]) -> Result<Vec<u8>, SignError> {
    let canonical = content
        .canonical_form()
        .map_err(|source| SignError::Form { role: Role::of(T::TYPE), source: Box::new(source) })?;
    let signatures: Vec<BTreeMap<&str, String>> = keys
        .iter()
        .map(|key| BTreeMap::from([("keyid", key.key_id().to_owned()), ("sig", hex::encode(key.sign(&canonical)))]))
        .collect();
    let mut bytes = b"{\"signatures\":".to_vec();
    bytes.extend(serde_json::to_vec(&signatures).expect("strings are always JSON"));
    bytes.extend(b",\"signed\":");
    bytes.extend(canonical);
    bytes.push(b'}');
    Ok(bytes)
}

fn number(role: Role, number: u64) -> Result<NonZeroU64, SignError> {
    NonZeroU64::new(number).ok_or(SignError::Number { role, number, current: 0 })
}

fn hashes(bytes: &[u8]) -> schema::Hashes {
    hashes_of(&upstep_model::Digest::of(bytes))
}

fn hashes_of(digest: &upstep_model::Digest) -> schema::Hashes {
    schema::Hashes { sha256: digest.as_bytes().to_vec().into(), _extra: Default::default() }
}
