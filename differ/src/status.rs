//! The state of a project's keys, and the age of what they signed.

use crate::DifferError;
use crate::keys::{KeyFiles, Text};
use crate::project::{Project, ProjectError};
use crate::published::Published;
use crate::secrets::Secrets;
use jiff::Timestamp;
use serde::Serialize;
use upstep_store::{Store, StoreError};
use upstep_trust::{Role, SigningKey, parse_root};

/// One role, as `keys status` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct RoleStatus {
    /// The role.
    pub role: &'static str,
    /// The ids of the keys that the newest root names.
    pub key_ids: Vec<String>,
    /// Where the key is looked for: a path, an environment variable, or `-`.
    pub place: String,
    /// How it is there.
    pub key: KeyState,
    /// Until when the role's newest metadata in the store is valid.
    pub expires: Option<Timestamp>,
    /// What is left of it, in seconds; negative once it is past.
    pub seconds_left: Option<i64>,
    /// Whether a third of the lifetime is left, or less.
    pub is_due: bool,
}

/// How a private key is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// As plain text.
    Plain,
    /// Encrypted with a passphrase.
    Encrypted,
    /// To be given on standard input.
    Input,
    /// Not here; for the root key that is as it should be.
    Missing,
    /// A key that the root does not name, or no key at all.
    Wrong,
}

/// The status of all roles. Nothing is decrypted, so no passphrase is needed.
pub async fn status(project: &Project, now: Timestamp) -> Result<Vec<RoleStatus>, DifferError> {
    let published = match Store::open(&project.store) {
        Ok(store) => Published::load(&store, &project.app, &project.root).await?,
        Err(StoreError::NoFolder { .. }) => Published::load(&Store::memory(), &project.app, &project.root).await?,
        Err(error) => return Err(error.into()),
    };
    let root = parse_root(&published.root)?;
    let secrets = Secrets::of_this_process();
    let mut rows = Vec::new();
    for role in Role::ALL {
        let expires = match (&published.metadata, role) {
            (Some(metadata), role) => Some(metadata.expiry(role)),
            (None, Role::Root) => Some(root.expires),
            (None, _) => None,
        };
        let key_ids = root.keys.get(&role).cloned().unwrap_or_default();
        let (place, key) = key_state(&project.keys, role, &key_ids, &secrets)?;
        let left = expires.map(|expires| expires.duration_since(now));
        rows.push(RoleStatus {
            role: role.as_str(),
            key_ids,
            place,
            key,
            expires,
            seconds_left: left.map(|left| left.as_secs()),
            is_due: left.is_some_and(|left| left <= project.lifetimes.of(role) / 3),
        });
    }
    Ok(rows)
}

fn key_state(
    files: &KeyFiles,
    role: Role,
    named: &[String],
    secrets: &Secrets,
) -> Result<(String, KeyState), ProjectError> {
    let path = files.of(role).display().to_string();
    Ok(match files.text(role, secrets)? {
        Text::Input => (path, KeyState::Input),
        Text::Missing => (path, KeyState::Missing),
        Text::Found { origin, text } if upstep_trust::is_encrypted(&text) => (origin, KeyState::Encrypted),
        Text::Found { origin, text } => match SigningKey::from_pem(&text, None) {
            Ok(key) if named.iter().any(|id| id == key.key_id()) => (origin, KeyState::Plain),
            _ => (origin, KeyState::Wrong),
        },
    })
}
