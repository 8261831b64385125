//! `differ resign`: a new snapshot and timestamp before the old ones expire, over the releases
//! that are there. It needs the keys of these two roles alone, and can't change a release.

use crate::DifferError;
use crate::commit::{jitter, random};
use crate::project::Project;
use crate::published::{MAX_METADATA, Published};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use upstep_model::paths;
use upstep_store::{Committed, Put, Store};
use upstep_trust::{Current, Lifetimes, Role, SigningKey};

/// The roles whose keys a re-signer needs.
pub const ROLES: [Role; 2] = [Role::Snapshot, Role::Timestamp];

/// What a re-signing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Resigned {
    /// A new commit.
    Signed {
        /// Its number.
        commit: u64,
        /// Until when it is valid.
        expires: Timestamp,
    },
    /// The newest commit is young: nothing was written.
    Fresh {
        /// Its number.
        commit: u64,
        /// Until when it is valid.
        expires: Timestamp,
    },
}

/// Signs and commits, again and again until the number is won or somebody else's fresh commit
/// makes it needless.
pub async fn resign(
    store: &Store,
    project: &Project,
    keys: &BTreeMap<Role, SigningKey>,
    force: bool,
    now: Timestamp,
) -> Result<Resigned, DifferError> {
    let mut lost = 0;
    loop {
        let published = Published::load(store, &project.app, &project.root).await?;
        let Some(metadata) = &published.metadata else {
            return Err(DifferError::NothingPublished { store: project.store.clone(), app: project.app.clone() });
        };
        for (role, key) in keys {
            upstep_trust::check_key(&published.root, *role, key)?;
        }
        let expires = metadata.expiry(Role::Snapshot).min(metadata.expiry(Role::Timestamp));
        let is_forced = force && lost == 0;
        if is_fresh(metadata, &project.lifetimes, now) && !is_forced {
            return Ok(Resigned::Fresh { commit: published.commit, expires });
        }
        let commit = published.commit + 1;
        let timestamp = write(store, project, &published, keys, now).await?;
        if store.commit(&project.app, commit, &timestamp).await? == Committed::Won {
            store.refresh_timestamp_copy(&project.app).await?;
            let expires = upstep_trust::parse_timestamp(&timestamp)?.expires;
            return Ok(Resigned::Signed { commit, expires });
        }
        lost += 1;
        tokio::time::sleep(jitter(lost)).await;
    }
}

/// Whether snapshot and timestamp have nine tenths of their lives before them.
fn is_fresh(metadata: &upstep_trust::Metadata, lifetimes: &Lifetimes, now: Timestamp) -> bool {
    ROLES.iter().all(|role| metadata.expiry(*role).duration_since(now) >= lifetimes.of(*role) * 9 / 10)
}

/// Writes the snapshot, under a number that nobody has used yet, and returns the timestamp.
async fn write(
    store: &Store,
    project: &Project,
    published: &Published,
    keys: &BTreeMap<Role, SigningKey>,
    now: Timestamp,
) -> Result<Vec<u8>, DifferError> {
    let app = &project.app;
    let read = async |file: String| store.get(&format!("{app}/metadata/{file}"), MAX_METADATA).await;
    let newest = store.get(&paths::commit(app, published.commit), MAX_METADATA).await?;
    let snapshot = read(format!("{}.snapshot.json", published.snapshot)).await?;
    let targets = read(format!("{}.targets.json", published.targets_version)).await?;
    let current = Current { timestamp: &newest, snapshot: &snapshot, targets: &targets };
    let mut number = published.snapshot;
    'numbers: loop {
        number += 1;
        let lifetimes = &project.lifetimes;
        let signed =
            upstep_trust::resign(&published.root, current, number, published.commit + 1, keys, lifetimes, now)?;
        for (path, bytes) in signed.files {
            if store.put_new(&format!("{app}/{path}"), bytes).await? == Put::Exists {
                number += random() % 8;
                continue 'numbers;
            }
        }
        return Ok(signed.timestamp);
    }
}
