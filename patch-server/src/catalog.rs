//! What the server answers from: everything that the newest commits say, in memory.

use crate::latest::Latest;
use crate::offer::Offer;
use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use upstep_model::{AppName, Channel, Digest, Platform};
use upstep_trust::Role;

/// Everything that the newest commits say, at one moment. It is never changed, only replaced.
#[derive(Default)]
pub struct Catalog {
    /// The apps with a commit.
    pub apps: BTreeMap<AppName, AppState>,
}

/// How an app is doing.
#[derive(Clone, Default)]
pub struct AppState {
    /// The newest commit that could be read.
    pub serving: Option<Arc<App>>,
    /// Why a newer one can't be.
    pub trouble: Option<String>,
}

/// One app, as one commit has it.
pub struct App {
    /// The number of the commit.
    pub commit: u64,
    /// The commit itself.
    pub timestamp: Document,
    /// The number of the newest root.
    pub root: u64,
    /// Metadata and indexes that this commit names, and all roots, by their path below the app.
    pub documents: BTreeMap<String, Document>,
    /// The digest of each index, so that the next commit need not read it again.
    pub indexes: BTreeMap<Digest, Arc<Offer>>,
    /// What is on offer.
    pub channels: BTreeMap<Channel, BTreeMap<Platform, Arc<Offer>>>,
    /// What simple clients are told.
    pub latest: Option<Latest>,
    /// When the metadata of each role expires.
    pub expires: BTreeMap<Role, Timestamp>,
}

/// A small file, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its bytes.
    pub bytes: Bytes,
    /// Their digest.
    pub digest: Digest,
}

impl Document {
    /// Takes the bytes and computes their digest.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Document { digest: Digest::of(&bytes), bytes }
    }
}

/// The catalog of this moment, for all threads.
#[derive(Default)]
pub struct Live {
    catalog: ArcSwap<Catalog>,
    is_store_read: AtomicBool,
}

impl Live {
    /// The catalog of this moment.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// Answers from `catalog` from now on.
    pub fn replace(&self, catalog: Catalog) {
        self.catalog.store(Arc::new(catalog));
    }

    /// Whether the last look into the store succeeded.
    pub fn is_store_read(&self) -> bool {
        self.is_store_read.load(Ordering::Relaxed)
    }

    /// Notes whether the last look into the store succeeded; returns what was noted before.
    pub fn note_store_read(&self, is_read: bool) -> bool {
        self.is_store_read.swap(is_read, Ordering::Relaxed)
    }
}
