//! The commit: how a change of indexes becomes visible, all of it or nothing.
//!
//! Everything that the new metadata names is written, and checked to be there, before the one
//! create-only object that readers look for. Who loses the number begins again from what the
//! winner left; what was written for the lost attempt is garbage that `prune` takes in a week.

use crate::DifferError;
use crate::published::{Published, root_path};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};
use upstep_codec::frame;
use upstep_model::{AppName, Digest, Index, paths};
use upstep_store::{Committed, Location, Put, Store};
use upstep_trust::{Lifetimes, Numbers, Role, SigningKey, Target, TargetInfo};

/// How many objects are looked up at once.
const AT_ONCE: usize = 16;

/// Who signs: a project's keys for one app in one store.
pub struct Signer {
    /// The store.
    pub store: Store,
    /// The app.
    pub app: AppName,
    /// The project's root.
    pub root: Vec<u8>,
    /// Keys of the roles targets, snapshot and timestamp.
    pub keys: BTreeMap<Role, SigningKey>,
    /// How long metadata is valid.
    pub lifetimes: Lifetimes,
}

/// The roles whose keys a publisher needs.
pub const ROLES: [Role; 3] = [Role::Targets, Role::Snapshot, Role::Timestamp];

impl Signer {
    /// What is in the store now. Refuses a store of other keys, keys that the root does not know,
    /// and a store in which publishers would destroy each other's work.
    pub async fn begin(&self) -> Result<Published, DifferError> {
        let published = Published::load(&self.store, &self.app, &self.root).await?;
        let path = format!("{}/{}", self.app, root_path(published.root_version));
        if let Some(found) = self.store.find(&path, crate::published::MAX_METADATA).await?
            && found != published.root
        {
            return Err(DifferError::OtherRoot { path });
        }
        for (role, key) in &self.keys {
            upstep_trust::check_key(&published.root, *role, key)?;
        }
        if !matches!(self.store.location(), Location::Folder(_) | Location::Memory) {
            self.store.probe_create_only(&self.app).await?;
        }
        Ok(published)
    }

    /// Applies `edit` to what is in the store and commits the indexes that it returns, again and
    /// again until the number is won. `edit` writes the blobs that its indexes name; it returns
    /// nothing if there is nothing to change. The number of the commit, if there was one.
    pub async fn commit(
        &self,
        now: Timestamp,
        mut edit: impl AsyncFnMut(&Published) -> Result<Vec<Index>, DifferError>,
    ) -> Result<Option<u64>, DifferError> {
        let mut lost = 0;
        loop {
            let published = Published::load(&self.store, &self.app, &self.root).await?;
            let indexes = edit(&published).await?;
            if indexes.is_empty() {
                // Whoever made the commit may have died before the copy.
                if published.commit > 0 {
                    self.store.refresh_timestamp_copy(&self.app).await?;
                }
                return Ok(None);
            }
            let number = published.commit + 1;
            let timestamp = self.write(&published, &indexes, now).await?;
            if self.store.commit(&self.app, number, &timestamp).await? == Committed::Won {
                self.store.refresh_timestamp_copy(&self.app).await?;
                return Ok(Some(number));
            }
            lost += 1;
            tracing::info!(number, lost, "another publisher was faster, beginning again from its commit");
            tokio::time::sleep(jitter(lost)).await;
        }
    }

    /// Writes everything but the commit, and returns the timestamp that the commit holds.
    async fn write(&self, published: &Published, indexes: &[Index], now: Timestamp) -> Result<Vec<u8>, DifferError> {
        let written = SystemTime::from(now);
        let root = format!("{}/{}", self.app, root_path(published.root_version));
        if self.store.put_new(&root, published.root.clone()).await? == Put::Exists
            && self.store.get(&root, crate::published::MAX_METADATA).await? != published.root
        {
            return Err(DifferError::OtherRoot { path: root });
        }
        let mut targets = published.targets.clone();
        let mut named = BTreeSet::new();
        for index in indexes {
            let name = paths::index_target(&index.channel, &index.platform);
            let bytes = frame::compress(&index.to_json());
            let target = Target { digest: Digest::of(&bytes), size: bytes.len() as u64 };
            let path = paths::target(&self.app, &target.digest, &name);
            self.store.put_content(&self.app, &path, bytes, written).await?;
            named.insert((path, target.size));
            named.extend(blobs(index));
            targets.insert(name, target);
        }
        let timestamp = self.write_metadata(published, &targets, now, &mut named).await?;
        self.check(named).await?;
        Ok(timestamp)
    }

    /// Writes targets and snapshot under numbers that nobody has used yet: a number that is taken,
    /// even by a lost attempt of our own, may be in the cache of a client or a CDN.
    async fn write_metadata(
        &self,
        published: &Published,
        targets: &BTreeMap<String, Target>,
        now: Timestamp,
        named: &mut BTreeSet<(String, u64)>,
    ) -> Result<Vec<u8>, DifferError> {
        let infos: BTreeMap<String, TargetInfo> = targets
            .iter()
            .map(|(name, target)| (name.clone(), TargetInfo { digest: target.digest, size: target.size }))
            .collect();
        let mut skip = 1;
        'numbers: loop {
            let numbers = Numbers {
                targets: published.targets_version + skip,
                snapshot: published.snapshot + skip,
                timestamp: published.commit + 1,
            };
            let signed = upstep_trust::sign(&published.root, &infos, numbers, &self.keys, &self.lifetimes, now)?;
            let mut files = Vec::new();
            for (path, bytes) in signed.files {
                let path = format!("{}/{path}", self.app);
                let size = bytes.len() as u64;
                if self.store.put_new(&path, bytes).await? == Put::Exists {
                    skip += 1 + random() % 8;
                    continue 'numbers;
                }
                files.push((path, size));
            }
            named.extend(files);
            return Ok(signed.timestamp);
        }
    }

    /// Looks whether all that is about to be committed is there.
    async fn check(&self, named: BTreeSet<(String, u64)>) -> Result<(), DifferError> {
        futures::stream::iter(named)
            .map(|(path, size)| async move {
                let found = match self.store.entry(&path).await? {
                    Some(entry) if entry.size == size => return Ok(()),
                    Some(entry) => format!("{} bytes", entry.size),
                    None => "nothing".to_owned(),
                };
                Err(DifferError::Content { path, expected: format!("{size} bytes"), found })
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }
}

/// Paths and lengths of the blobs that an index names.
pub fn blobs(index: &Index) -> impl Iterator<Item = (String, u64)> + '_ {
    let fulls = index.releases.iter().map(|release| (&release.full.digest, release.full.size));
    let patches = index.patches.iter().map(|patch| (&patch.digest, patch.size));
    fulls.chain(patches).map(|(digest, size)| (paths::blob(&index.app, digest), size))
}

/// How long to wait after a number of losses: up to 20 ms, doubled each time up to 2.5 s.
pub(crate) fn jitter(lost: u32) -> Duration {
    let most = 20u64 << lost.saturating_sub(1).min(7);
    Duration::from_millis(random() % (most + 1))
}

/// A number that differs between processes, for jitter.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id())
}
