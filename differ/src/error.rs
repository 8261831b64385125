//! What can go wrong in a command of `differ`.

use crate::artifact::ArtifactError;
use crate::project::ProjectError;
use std::path::PathBuf;
use upstep_codec::CodecError;
use upstep_model::index::IndexError;
use upstep_model::{Digest, Invalid, Platform, Version};
use upstep_store::StoreError;
use upstep_trust::{SignError, TrustError};

/// Why a command failed. The store is as it was, unless the text says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DifferError {
    /// A file can't be published.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The project or its keys.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signed metadata in the store.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// New metadata could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A patch or a full.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A value that is not what it must be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// An index in the store.
    #[error("the index {name} in the store can't be used")]
    Index {
        /// The target.
        name: String,
        /// What is wrong with it.
        source: IndexError,
    },
    /// An index in the store has what this differ can't write again.
    #[error("the index {name} in the store was written by a newer differ: this one does not know {field}")]
    Newer {
        /// The target.
        name: String,
        /// Where in the index.
        field: String,
    },
    /// A file of the command line can't be read or written.
    #[error("can't {operation} {}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A diff would need more memory than allowed.
    #[error("a diff of {} and {} needs {needs} MB of memory, --memory allows {limit}", old.display(), new.display())]
    TooHungry {
        /// The one file.
        old: PathBuf,
        /// The other file.
        new: PathBuf,
        /// In MB.
        needs: u64,
        /// In MB.
        limit: u64,
    },
    /// Two files of one publish are for the same platform.
    #[error("{} and {} are both for {platform}", first.display(), second.display())]
    SamePlatform {
        /// The platform.
        platform: Platform,
        /// The one file.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
    /// The version is there with other bytes.
    #[error("{version} for {platform} is already published with other bytes: SHA-256 {}, this file has {}", digests[0], digests[1])]
    OtherBytes {
        /// The version.
        version: Version,
        /// The platform.
        platform: Platform,
        /// Of the published artifact, and of the file.
        digests: Box<[Digest; 2]>,
    },
    /// The version is older than the newest one.
    #[error("{version} is older than {newest}, the newest release for {platform}")]
    OlderThanNewest {
        /// The version.
        version: Version,
        /// The newest one.
        newest: Version,
        /// The platform.
        platform: Platform,
    },
    /// The store belongs to other keys.
    #[error("the store's {path} is not the one of this project: the store was set up with other keys")]
    OtherRoot {
        /// The root in the store.
        path: String,
    },
    /// There is no such release.
    #[error("no release {version} in channel {channel}{}", platforms(platform.as_ref()))]
    NoRelease {
        /// The version.
        version: Version,
        /// The channel.
        channel: upstep_model::Channel,
        /// The platform, where one was named.
        platform: Option<Platform>,
    },
    /// Nothing was published yet.
    #[error("the store {store} has no release of {app} yet")]
    NothingPublished {
        /// Where the store is.
        store: String,
        /// The app.
        app: upstep_model::AppName,
    },
    /// An object that a commit names is not there, or is not what it must be.
    #[error("{path} in the store must be {expected}, found {found}")]
    Content {
        /// The object.
        path: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A patch does not make what it should.
    #[error("the patch from {from} to {to} for {platform}, applied again, does not make the new file")]
    WrongPatch {
        /// The base.
        from: Version,
        /// The release.
        to: Version,
        /// The platform.
        platform: Platform,
        /// What went wrong.
        source: Box<CodecError>,
    },
    /// `verify` found something.
    #[error("{count} of {checked} checks failed: {first}")]
    Verify {
        /// How many failed.
        count: usize,
        /// How many there were.
        checked: usize,
        /// The first failure.
        first: String,
    },
    /// The store's disk is full, or would be.
    #[error("the store {store} needs {needed} bytes for this release, its disk has {free} free")]
    NoRoom {
        /// Where the store is.
        store: String,
        /// What is needed, in bytes.
        needed: u64,
        /// What is free, in bytes.
        free: u64,
    },
    /// The program does not start.
    #[error("{} does not start", path.display())]
    Probe {
        /// The program.
        path: PathBuf,
        /// What it did.
        source: Box<crate::probe::Failure>,
    },
    /// Something of the system: threads, a runtime, a temporary folder.
    #[error("can't {operation}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
}

fn platforms(platform: Option<&Platform>) -> String {
    platform.map(|platform| format!(" for {platform}")).unwrap_or_default()
}

impl DifferError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            DifferError::Artifact(error) => return error.hint(),
            DifferError::Project(error) => return error.hint(),
            DifferError::OtherBytes { .. } => {
                "a published version never changes: give the new build a new version, or yank this one"
            }
            DifferError::OlderThanNewest { .. } => "publish it with --backfill if that is what you mean",
            DifferError::OtherRoot { .. } => "use the project (upstep.toml and keys) that the store was set up with",
            DifferError::Store(StoreError::NotCreateOnly { .. }) => {
                "use a store that honours If-None-Match: * (AWS S3, R2, MinIO, Ceph, SeaweedFS), or a folder"
            }
            DifferError::Store(StoreError::NoFolder { .. }) => {
                "check `store` in upstep.toml, or publish a first release"
            }
            DifferError::Newer { .. } => "use the newest differ that has published to this store",
            DifferError::Probe { .. } => "publish it with --no-probe if it can't run on this machine",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
