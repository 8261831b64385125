//! What is in the store now, verified: where every change begins.
//!
//! A publisher signs again what it finds in the store. It therefore verifies it like a client
//! does, or whoever can write to the store could plant a release and get it signed. Age alone is
//! no fault here: a store that nobody renewed can be published to.

use crate::DifferError;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Mutex;
use upstep_codec::frame;
use upstep_model::index::{self, Index};
use upstep_model::{AppName, Channel, Digest, Platform, paths};
use upstep_store::{Commit, Store, StoreError};
use upstep_trust::{Metadata, Source, SourceError, State, Target};

/// Most bytes of a metadata file.
pub(crate) const MAX_METADATA: u64 = 8 << 20;

/// The store as the highest commit has it.
#[derive(Debug, Clone)]
pub struct Published {
    /// The app.
    pub app: AppName,
    /// Number of the highest commit; 0 before the first.
    pub commit: u64,
    /// Version of the newest snapshot; 0 before the first.
    pub snapshot: u64,
    /// Version of the newest targets metadata; 0 before the first.
    pub targets_version: u64,
    /// The signed targets, by name.
    pub targets: BTreeMap<String, Target>,
    /// The newest root, which new metadata is signed for.
    pub root: Vec<u8>,
    /// Its version.
    pub root_version: u64,
    /// Verified metadata; `None` before the first commit.
    pub metadata: Option<Metadata>,
}

impl Published {
    /// Reads and verifies what the highest commit names. `root` is the project's own.
    pub async fn load(store: &Store, app: &AppName, root: &[u8]) -> Result<Published, DifferError> {
        match store.head(app).await? {
            Some(commit) => Published::at(store, app, root, commit).await,
            None => Ok(Published {
                app: app.clone(),
                commit: 0,
                snapshot: 0,
                targets_version: 0,
                targets: BTreeMap::new(),
                root: root.to_vec(),
                root_version: upstep_trust::parse_root(root)?.version,
                metadata: None,
            }),
        }
    }

    /// The same for one commit.
    pub async fn at(store: &Store, app: &AppName, root: &[u8], commit: Commit) -> Result<Published, DifferError> {
        let scratch = tempfile::Builder::new()
            .prefix("differ-")
            .tempdir()
            .map_err(|source| DifferError::System { operation: "make a temporary folder", source })?;
        let mut state = State::open(scratch.path(), root)?;
        let number = commit.number;
        let source = Pinned { store, app, timestamp: commit.timestamp, roots: Mutex::default() };
        let metadata = upstep_trust::refresh(&mut state, &source, jiff::Timestamp::UNIX_EPOCH).await?;
        if metadata.timestamp_version() != number {
            return Err(DifferError::Content {
                path: paths::commit(app, number),
                expected: format!("timestamp version {number}"),
                found: format!("version {}", metadata.timestamp_version()),
            });
        }
        let newest = root_path(metadata.root_version());
        let root = source.roots.into_inner().unwrap_or_default().remove(&newest).unwrap_or_else(|| root.to_vec());
        Ok(Published {
            app: app.clone(),
            commit: number,
            snapshot: metadata.snapshot_version(),
            targets_version: metadata.targets_version(),
            targets: metadata.targets().map(|(name, target)| (name.to_owned(), *target)).collect(),
            root,
            root_version: metadata.root_version(),
            metadata: Some(metadata),
        })
    }

    /// The channels and platforms that have an index.
    pub fn indexes(&self) -> impl Iterator<Item = (Channel, Platform)> + '_ {
        self.targets.keys().filter_map(|name| paths::parse_index_target(name).ok())
    }

    /// The index of a channel and platform; `None` if there is none yet.
    pub async fn index(
        &self,
        store: &Store,
        channel: &Channel,
        platform: &Platform,
    ) -> Result<Option<Index>, DifferError> {
        Ok(self.read(store, channel, platform).await?.map(|(index, _)| index))
    }

    /// Like [`Published::index`], to be changed: refuses an index that a newer differ wrote, and that
    /// this one would write back without what it does not know.
    pub async fn index_to_change(
        &self,
        store: &Store,
        channel: &Channel,
        platform: &Platform,
    ) -> Result<Option<Index>, DifferError> {
        let Some((index, json)) = self.read(store, channel, platform).await? else { return Ok(None) };
        let name = paths::index_target(channel, platform);
        match index.unwritable(&json) {
            Ok(None) => Ok(Some(index)),
            Ok(Some(field)) => Err(DifferError::Newer { name, field }),
            Err(source) => Err(DifferError::Index { name, source }),
        }
    }

    /// An index and its JSON.
    async fn read(
        &self,
        store: &Store,
        channel: &Channel,
        platform: &Platform,
    ) -> Result<Option<(Index, Vec<u8>)>, DifferError> {
        let name = paths::index_target(channel, platform);
        let Some(target) = self.targets.get(&name) else { return Ok(None) };
        let path = paths::target(&self.app, &target.digest, &name);
        let bytes = store.get(&path, index::MAX_COMPRESSED).await?;
        let found = Digest::of(&bytes);
        if found != target.digest || bytes.len() as u64 != target.size {
            return Err(DifferError::Content {
                path,
                expected: format!("{} bytes with SHA-256 {}", target.size, target.digest),
                found: format!("{} bytes with {found}", bytes.len()),
            });
        }
        let json = frame::decompress(&bytes, index::MAX_JSON)?;
        let failed = |source| DifferError::Index { name: name.clone(), source };
        let index = Index::from_json(&json).map_err(failed)?;
        index.expect(&self.app, channel, platform).map_err(failed)?;
        Ok(Some((index, json)))
    }

    /// Like [`Published::index`] for all of them.
    pub async fn all_indexes(&self, store: &Store) -> Result<Vec<Index>, DifferError> {
        let mut indexes = Vec::new();
        for (channel, platform) in self.indexes() {
            indexes.extend(self.index(store, &channel, &platform).await?);
        }
        Ok(indexes)
    }

    /// Like [`Published::index_to_change`] for all of them.
    pub async fn all_indexes_to_change(&self, store: &Store) -> Result<Vec<Index>, DifferError> {
        let mut indexes = Vec::new();
        for (channel, platform) in self.indexes() {
            indexes.extend(self.index_to_change(store, &channel, &platform).await?);
        }
        Ok(indexes)
    }
}

/// The name of a root, relative to the app's folder.
pub(crate) fn root_path(version: u64) -> String {
    format!("metadata/{version}.root.json")
}

/// The store as of one commit.
struct Pinned<'a> {
    store: &'a Store,
    app: &'a AppName,
    timestamp: Vec<u8>,
    /// The roots that were handed out: the newest of them that was accepted is signed for.
    roots: Mutex<BTreeMap<String, Vec<u8>>>,
}

#[async_trait]
impl Source for Pinned<'_> {
    async fn fetch(&self, path: &str, max_size: u64) -> Result<Vec<u8>, SourceError> {
        if path == "metadata/timestamp.json" {
            return Ok(self.timestamp.clone());
        }
        match self.store.get(&format!("{}/{path}", self.app), max_size.min(MAX_METADATA)).await {
            Ok(bytes) => {
                if path.ends_with(".root.json")
                    && let Ok(mut roots) = self.roots.lock()
                {
                    roots.insert(path.to_owned(), bytes.clone());
                }
                Ok(bytes)
            }
            Err(StoreError::NotFound { .. }) => Err(SourceError::NotFound),
            Err(StoreError::TooLarge { limit, .. }) => Err(SourceError::TooLarge { limit }),
            Err(error) => Err(SourceError::other(error)),
        }
    }
}
