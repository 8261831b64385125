//! From a commit to everything it says: timestamp, snapshot, targets, indexes.
//!
//! Each file is compared with the size and digest that the one before it names. Signatures are the
//! clients' to verify: the server has no root that it would trust more than its store.

use crate::catalog::{App, Document};
use crate::latest::Latest;
use crate::offer::Offer;
use std::collections::BTreeMap;
use std::sync::Arc;
use upstep_codec::{CodecError, frame};
use upstep_model::index::{self, IndexError};
use upstep_model::{AppName, Channel, Digest, Index, Platform, paths};
use upstep_store::{Commit, Store, StoreError};
use upstep_trust::{Role, Target, TrustError, parse_root, parse_snapshot, parse_targets, parse_timestamp};

/// Most bytes of one metadata file.
const MAX_METADATA: u64 = 8 << 20;

/// Most roots: a change of keys each day for years.
const MAX_ROOTS: u64 = 1024;

/// Why an app can't be served from its commit.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A metadata file is malformed.
    #[error("{path} can't be read")]
    Metadata {
        /// The file.
        path: String,
        /// What is wrong.
        #[source]
        source: Box<TrustError>,
    },
    /// A file is not the one that was named.
    #[error("{path} must have the SHA-256 {expected}, found {found}")]
    Digest {
        /// The file.
        path: String,
        /// What was named.
        expected: Digest,
        /// What it has.
        found: Digest,
    },
    /// A file is not as long as the one that was named.
    #[error("{path} must have {expected} bytes, found {found}")]
    Size {
        /// The file.
        path: String,
        /// What was named.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// An index can't be decompressed.
    #[error("{path} can't be decompressed")]
    Frame {
        /// The file.
        path: String,
        /// What is wrong.
        #[source]
        source: CodecError,
    },
    /// Reading an index or making its plans panicked: a defect of this program, which must not cost
    /// the other apps their service.
    #[error("{path} makes this program panic")]
    Panicked {
        /// The file.
        path: String,
    },
    /// An index is malformed, or another one's.
    #[error("{path} is no usable index")]
    Index {
        /// The file.
        path: String,
        /// What is wrong.
        #[source]
        source: IndexError,
    },
}

/// Reads what `commit` names. What `before`, an earlier commit's, has already is not read again.
pub async fn load(store: &Store, app: &AppName, commit: Commit, before: Option<&App>) -> Result<App, LoadError> {
    let mut loading = Loading { store, app, before, documents: BTreeMap::new() };
    let mut expires = BTreeMap::new();

    let path = paths::commit(app, commit.number);
    let timestamp = parse_timestamp(&commit.timestamp).map_err(metadata_error(&path))?;
    expires.insert(Role::Timestamp, timestamp.expires);

    let named = &timestamp.snapshot;
    let (path, document) =
        loading.metadata(&format!("{}.snapshot.json", named.version), named.size, named.digest).await?;
    let snapshot = parse_snapshot(&document.bytes).map_err(metadata_error(&path))?;
    expires.insert(Role::Snapshot, snapshot.expires);

    let named = &snapshot.targets;
    let (path, document) =
        loading.metadata(&format!("{}.targets.json", named.version), named.size, named.digest).await?;
    let targets = parse_targets(&document.bytes).map_err(metadata_error(&path))?;
    expires.insert(Role::Targets, targets.expires);

    let root = loading.roots(&mut expires).await?;
    let mut indexes = BTreeMap::new();
    let mut channels: BTreeMap<Channel, BTreeMap<Platform, Arc<Offer>>> = BTreeMap::new();
    for (name, target) in &targets.targets {
        // Targets of another form are for newer readers.
        let Ok((channel, platform)) = paths::parse_index_target(name) else { continue };
        let offer = loading.index(name, target, &channel, &platform).await?;
        indexes.insert(target.digest, offer.clone());
        channels.entry(channel).or_default().insert(platform, offer);
    }
    let latest = channels.get(&Channel::stable()).and_then(Latest::choose);
    Ok(App {
        commit: commit.number,
        timestamp: Document::new(commit.timestamp),
        root,
        documents: loading.documents,
        indexes,
        channels,
        latest,
        expires,
    })
}

/// Whether there is a root after number `after`.
pub async fn has_newer_root(store: &Store, app: &AppName, after: u64) -> Result<bool, StoreError> {
    Ok(store.entry(&paths::metadata(app, &root_file(after + 1))).await?.is_some())
}

/// The file name of root `number`.
pub fn root_file(number: u64) -> String {
    format!("{number}.root.json")
}

struct Loading<'a> {
    store: &'a Store,
    app: &'a AppName,
    before: Option<&'a App>,
    documents: BTreeMap<String, Document>,
}

impl Loading<'_> {
    async fn metadata(
        &mut self,
        file: &str,
        size: Option<u64>,
        digest: Option<Digest>,
    ) -> Result<(String, Document), LoadError> {
        let key = format!("metadata/{file}");
        let path = paths::metadata(self.app, file);
        let document = self.document(key, &path, MAX_METADATA, size, digest).await?;
        Ok((path, document))
    }

    /// Reads a file, or takes it from the earlier commit where that has the one that is meant.
    async fn document(
        &mut self,
        key: String,
        path: &str,
        max: u64,
        size: Option<u64>,
        digest: Option<Digest>,
    ) -> Result<Document, LoadError> {
        let known = self.before.and_then(|before| before.documents.get(&key));
        let document = match known.filter(|known| Some(known.digest) == digest) {
            Some(known) => known.clone(),
            None => Document::new(self.store.get(path, max).await?),
        };
        let found = document.bytes.len() as u64;
        if let Some(expected) = size
            && expected != found
        {
            return Err(LoadError::Size { path: path.to_owned(), expected, found });
        }
        if let Some(expected) = digest
            && expected != document.digest
        {
            return Err(LoadError::Digest { path: path.to_owned(), expected, found: document.digest });
        }
        self.documents.insert(key, document.clone());
        Ok(document)
    }

    async fn index(
        &mut self,
        name: &str,
        target: &Target,
        channel: &Channel,
        platform: &Platform,
    ) -> Result<Arc<Offer>, LoadError> {
        let path = paths::target(self.app, &target.digest, name);
        let key = format!("targets/{}.{name}", target.digest);
        let document = self.document(key, &path, index::MAX_COMPRESSED, Some(target.size), Some(target.digest)).await?;
        if let Some(known) = self.before.and_then(|before| before.indexes.get(&target.digest)) {
            known.index().expect(self.app, channel, platform).map_err(|source| LoadError::Index { path, source })?;
            return Ok(known.clone());
        }
        let read = {
            let (path, app, channel, platform) = (path.clone(), self.app.clone(), channel.clone(), platform.clone());
            move || {
                let json = frame::decompress(&document.bytes, index::MAX_JSON)
                    .map_err(|source| LoadError::Frame { path: path.clone(), source })?;
                let index = Index::from_json(&json)
                    .and_then(|index| index.expect(&app, &channel, &platform).map(|()| index))
                    .map_err(|source| LoadError::Index { path, source })?;
                Ok(Arc::new(Offer::new(index)))
            }
        };
        // All plans of a long index take a second: not on the thread that signals wait for.
        tokio::task::spawn_blocking(read).await.unwrap_or(Err(LoadError::Panicked { path }))
    }

    /// All roots there are; clients ask for the next one at each check.
    async fn roots(&mut self, expires: &mut BTreeMap<Role, jiff::Timestamp>) -> Result<u64, LoadError> {
        let mut newest = 0;
        while newest < MAX_ROOTS {
            let file = root_file(newest + 1);
            let key = format!("metadata/{file}");
            let path = paths::metadata(self.app, &file);
            let known = self.before.and_then(|before| before.documents.get(&key)).cloned();
            let document = match known {
                Some(known) => known,
                None => match self.store.find(&path, MAX_METADATA).await? {
                    Some(bytes) => Document::new(bytes),
                    None => break,
                },
            };
            newest += 1;
            let root = parse_root(&document.bytes).map_err(metadata_error(&path))?;
            expires.insert(Role::Root, root.expires);
            self.documents.insert(key, document);
        }
        Ok(newest)
    }
}

fn metadata_error(path: &str) -> impl FnOnce(TrustError) -> LoadError + use<> {
    let path = path.to_owned();
    move |source| LoadError::Metadata { path, source: Box::new(source) }
}
