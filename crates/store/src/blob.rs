//! Blobs and other content-addressed objects: written once, and again when they have grown old.

use crate::{Put, Store, StoreError};
use bytes::Bytes;
use std::time::{Duration, SystemTime};
use upstep_model::{AppName, Digest, paths};

/// The age from which an object that is there is written again: `prune` may be about to take an
/// old one that nothing named until now.
pub const REWRITE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What became of a content-addressed write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The object was not there and is now.
    Created,
    /// It was there and is young enough.
    Exists,
    /// It was there and old, or of a wrong length.
    Rewritten,
}

impl Store {
    /// Writes a full or a patch: `{app}/blobs/{digest}`.
    ///
    /// # Panics
    /// If `digest` is not the digest of `bytes`.
    pub async fn put_blob(
        &self,
        app: &AppName,
        digest: &Digest,
        bytes: impl Into<Bytes>,
        now: SystemTime,
    ) -> Result<Written, StoreError> {
        let bytes = bytes.into();
        assert_eq!(*digest, Digest::of(&bytes), "a blob is named by its own digest");
        self.put_content(app, &paths::blob(app, digest), bytes, now).await
    }

    /// Writes an object whose path is made of its digest: whoever writes it writes the same bytes.
    pub async fn put_content(
        &self,
        app: &AppName,
        path: &str,
        bytes: impl Into<Bytes>,
        now: SystemTime,
    ) -> Result<Written, StoreError> {
        let bytes = bytes.into();
        // Looked up first: an upload that ends with "exists" costs as much as one that does not.
        if self.entry(path).await?.is_none() && self.put_new(path, bytes.clone()).await? == Put::Created {
            return Ok(Written::Created);
        }
        // Under the lock, so that `prune` sees either the old object before this or the young one.
        let _lock = self.lock(app).await?;
        let fresh = self
            .entry(path)
            .await?
            .is_some_and(|entry| entry.size == bytes.len() as u64 && age(entry.modified, now) < REWRITE_AFTER);
        if fresh {
            return Ok(Written::Exists);
        }
        self.overwrite(path, bytes).await?;
        Ok(Written::Rewritten)
    }
}

/// How old something is; a time in the future counts as now.
pub(crate) fn age(modified: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(modified).unwrap_or_default()
}
