//! Garbage collection: what nothing names any more, and has not for a week, goes.
//!
//! A publisher writes an object that it needs again when it is older than a day
//! ([`REWRITE_AFTER`](crate::REWRITE_AFTER)), so what is younger than [`RETENTION`] may be about
//! to be named, and what is older is an orphan.

use crate::blob::age;
use crate::{Commit, Entry, Store, StoreError, commit};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use upstep_model::{AppName, paths};

/// How long an object stays after it was last named, and an orphan after it was written.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long commits themselves stay: a reader that was cut off from the store for weeks still
/// finds its next commit where it looks for it.
const COMMIT_RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);

/// The folders of an app that are swept.
const SWEPT: [&str; 4] = ["blobs", "metadata", "probes", "targets"];

/// What must stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// The paths of all objects that the commits of [`Store::commits_in_use`] name, directly or
    /// through metadata and indexes.
    pub named: BTreeSet<String>,
}

/// What was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The objects, in the order of their paths.
    pub deleted: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
}

impl Store {
    /// The highest commit, and those that were the highest at some time within [`RETENTION`]:
    /// clients may still be fetching what they name. Ascending.
    pub async fn commits_in_use(&self, app: &AppName, now: SystemTime) -> Result<Vec<Commit>, StoreError> {
        let Some(head) = self.head(app).await? else { return Ok(Vec::new()) };
        let mut in_use = vec![head];
        while let Some(number) = in_use.last().map(|commit| commit.number).filter(|number| *number > 1) {
            let Some(successor) = self.entry(&paths::commit(app, number)).await? else { break };
            if age(successor.modified, now) >= RETENTION {
                break;
            }
            let Some(commit) = self.next(app, number - 2).await? else { break };
            in_use.push(commit);
        }
        in_use.reverse();
        Ok(in_use)
    }

    /// Deletes what is not in `keep`, is no root, and is older than [`RETENTION`]; also commits
    /// that have not been the highest for 90 days, and what cut-off writes left in a folder.
    pub async fn prune(&self, app: &AppName, keep: &Keep, now: SystemTime) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        for folder in SWEPT {
            for entry in self.list(&format!("{app}/{folder}")).await? {
                if !keep.named.contains(&entry.path) && !stays(&entry.path) {
                    self.delete_old(app, entry, now, &mut pruned).await?;
                }
            }
        }
        self.prune_commits(app, now, &mut pruned).await?;
        if let Some(folder) = self.folder_of(app) {
            let swept = folder.clone();
            let sweep = tokio::task::spawn_blocking(move || sweep_unfinished(&swept, now));
            let failed = |source| StoreError::Sweep { path: folder.clone(), source };
            let (count, bytes) = sweep.await.map_err(|join| failed(std::io::Error::other(join)))??;
            pruned.deleted.extend(count);
            pruned.bytes += bytes;
        }
        Ok(pruned)
    }

    async fn delete_old(
        &self,
        app: &AppName,
        entry: Entry,
        now: SystemTime,
        pruned: &mut Pruned,
    ) -> Result<(), StoreError> {
        if age(entry.modified, now) < RETENTION {
            return Ok(());
        }
        // The listing may be minutes old: a publisher may have written the object again.
        let _lock = self.lock(app).await?;
        let is_old = |entry: Entry| age(entry.modified, now) >= RETENTION;
        if self.entry(&entry.path).await?.is_some_and(is_old) {
            self.delete(&entry.path).await?;
            pruned.bytes += entry.size;
            pruned.deleted.push(entry.path);
        }
        Ok(())
    }

    /// Lowest first, so that the commits that are left stay consecutive wherever this is cut off.
    async fn prune_commits(&self, app: &AppName, now: SystemTime, pruned: &mut Pruned) -> Result<(), StoreError> {
        let mut entries = self.list(&format!("{app}/commits")).await?;
        entries.retain(|entry| commit::number_of(&entry.path).is_some());
        entries.sort_by_key(|entry| commit::number_of(&entry.path));
        for pair in entries.windows(2) {
            if age(pair[1].modified, now) < COMMIT_RETENTION {
                break;
            }
            self.delete(&pair[0].path).await?;
            pruned.bytes += pair[0].size;
            pruned.deleted.push(pair[0].path.clone());
        }
        Ok(())
    }
}

/// What no commit names and clients ask for all the same.
fn stays(path: &str) -> bool {
    path.ends_with(".root.json") || path.ends_with("/metadata/timestamp.json")
}

/// In a folder, a write goes to `NAME#1` first; one that was cut off leaves that file.
fn sweep_unfinished(app: &Path, now: SystemTime) -> Result<(Vec<String>, u64), StoreError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Sweep { path, source }
    };
    let (mut deleted, mut bytes) = (Vec::new(), 0);
    let folders: Vec<PathBuf> = SWEPT.iter().chain(&["commits"]).map(|folder| app.join(folder)).collect();
    for folder in folders {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(&folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed(&folder))?;
            let path = entry.path();
            let name = entry.file_name();
            let unfinished = name
                .to_str()
                .and_then(|name| name.rsplit_once('#'))
                .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
            if !unfinished {
                continue;
            }
            let meta = entry.metadata().map_err(failed(&path))?;
            if age(meta.modified().map_err(failed(&path))?, now) >= RETENTION {
                std::fs::remove_file(&path).map_err(failed(&path))?;
                bytes += meta.len();
                deleted.push(path.display().to_string());
            }
        }
    }
    Ok((deleted, bytes))
}
