//! Commits: the create-only objects that make a publish visible.
//!
//! Commit N is `commits/NNNNNNNN.json`, consecutive from 1, and holds timestamp version N byte for
//! byte. A reader that knows N probes N+1 and needs no listing. `metadata/timestamp.json` is a
//! copy of the highest commit, for hosts without a server.

use crate::{Put, Store, StoreError};
use object_store::{ObjectStoreExt as _, PutMode, UpdateVersion};
use serde::Deserialize;
use std::io;
use std::time::Duration;
use upstep_model::{AppName, paths};

/// Most bytes of a timestamp that a reader takes.
pub const MAX_TIMESTAMP: u64 = 64 << 10;

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its number: the version of its timestamp.
    pub number: u64,
    /// The signed timestamp.
    pub timestamp: Vec<u8>,
}

/// What became of an attempt to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// The commit is visible to every reader.
    Won,
    /// Another one took the number: rebase, and try the next.
    Lost,
}

impl Store {
    /// The highest commit; `None` before the first publish.
    ///
    /// It probes upwards from the version of the timestamp's copy, which lags by few commits or
    /// none, and lists where the copy does not help.
    pub async fn head(&self, app: &AppName) -> Result<Option<Commit>, StoreError> {
        let copy = self.find(&timestamp_path(app), MAX_TIMESTAMP).await?;
        let start = copy.as_deref().and_then(version_of).filter(|version| *version > 0);
        if let Some(start) = start
            && let Some(commit) = self.read(app, start).await?
        {
            return self.last_from(app, commit).await.map(Some);
        }
        let Some(highest) = self.listed(app).await?.into_iter().max() else { return Ok(None) };
        match self.read(app, highest).await? {
            Some(commit) => self.last_from(app, commit).await.map(Some),
            None => Err(StoreError::NotFound { path: paths::commit(app, highest) }),
        }
    }

    /// The commit that follows number `after`, if it is there.
    pub async fn next(&self, app: &AppName, after: u64) -> Result<Option<Commit>, StoreError> {
        match after.checked_add(1) {
            Some(number) => self.read(app, number).await,
            None => Ok(None),
        }
    }

    /// Writes commit `number`. Everything that it names must be in the store.
    pub async fn commit(&self, app: &AppName, number: u64, timestamp: &[u8]) -> Result<Committed, StoreError> {
        let path = paths::commit(app, number);
        match self.put_new(&path, timestamp.to_vec()).await? {
            Put::Created => Ok(Committed::Won),
            // The answer to one's own write may get lost and the client try again: then the
            // object is there, and is ours.
            Put::Exists => match self.find(&path, MAX_TIMESTAMP).await? {
                Some(found) if found == timestamp => Ok(Committed::Won),
                _ => Ok(Committed::Lost),
            },
        }
    }

    /// Makes `metadata/timestamp.json` a copy of the highest commit, and returns that commit's
    /// number.
    ///
    /// Whoever writes the copy looks for a newer commit afterwards, so that the last writer leaves
    /// the newest; If-Match on S3 and a lock file in a folder keep a slow writer from putting an
    /// older one over it.
    pub async fn refresh_timestamp_copy(&self, app: &AppName) -> Result<Option<u64>, StoreError> {
        let _lock = self.lock(app).await?;
        let path = timestamp_path(app);
        let mut held = 0;
        loop {
            let Some(head) = self.head(app).await? else { return Ok(None) };
            let object = object_store::path::Path::from(path.as_str());
            let failed = |source| StoreError::operation("read", &path, source);
            let mode = match self.objects().get(&object).await {
                Ok(copy) => {
                    let seen = UpdateVersion { e_tag: copy.meta.e_tag.clone(), version: copy.meta.version.clone() };
                    let too_long = copy.meta.size > MAX_TIMESTAMP;
                    let bytes = if too_long { Vec::new() } else { copy.bytes().await.map_err(failed)?.to_vec() };
                    if bytes == head.timestamp {
                        return Ok(Some(head.number));
                    }
                    if let Some(version) = version_of(&bytes)
                        && version > head.number
                        && self.read(app, version).await?.is_some()
                    {
                        continue;
                    }
                    if self.local_path(&path).is_some() { PutMode::Overwrite } else { PutMode::Update(seen) }
                }
                Err(object_store::Error::NotFound { .. }) => PutMode::Create,
                Err(source) => return Err(failed(source)),
            };
            match self.put(&path, head.timestamp.into(), mode).await {
                // Look again: a commit may have come while the copy was written.
                Ok(()) => {}
                Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {}
                Err(source) if held < 100 && is_held(&source) => {
                    held += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(source) => return Err(StoreError::operation("write", &path, source)),
            }
        }
    }

    /// The numbers of all commits that are in the store, unordered.
    pub(crate) async fn listed(&self, app: &AppName) -> Result<Vec<u64>, StoreError> {
        let entries = self.list(&format!("{app}/commits")).await?;
        Ok(entries.iter().filter_map(|entry| number_of(&entry.path)).collect())
    }

    async fn read(&self, app: &AppName, number: u64) -> Result<Option<Commit>, StoreError> {
        let bytes = self.find(&paths::commit(app, number), MAX_TIMESTAMP).await?;
        Ok(bytes.map(|timestamp| Commit { number, timestamp }))
    }

    async fn last_from(&self, app: &AppName, mut commit: Commit) -> Result<Commit, StoreError> {
        while let Some(next) = self.next(app, commit.number).await? {
            commit = next;
        }
        Ok(commit)
    }
}

pub(crate) fn timestamp_path(app: &AppName) -> String {
    paths::metadata(app, "timestamp.json")
}

/// Whether somebody reads the file that was to be replaced: Windows allows it to nobody meanwhile.
fn is_held(error: &object_store::Error) -> bool {
    let causes = std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source());
    let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    cfg!(windows) && causes.filter_map(|error| error.downcast_ref()).any(denied)
}

/// The number in a commit's path.
pub(crate) fn number_of(path: &str) -> Option<u64> {
    let digits = path.rsplit('/').next()?.strip_suffix(".json")?;
    (digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The version that a timestamp claims: it is only a place to begin to look, so nothing is verified.
fn version_of(timestamp: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Envelope {
        signed: Signed,
    }
    #[derive(Deserialize)]
    struct Signed {
        version: u64,
    }
    serde_json::from_slice::<Envelope>(timestamp).ok().map(|envelope| envelope.signed.version)
}
