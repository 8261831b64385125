//! What can go wrong: each names the operation and the path.

use std::path::PathBuf;

/// Why the store could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Neither a folder nor an S3 URL.
    #[error("store location must be a folder or s3://bucket/prefix, found {found:?}")]
    Location {
        /// What was given.
        found: String,
    },
    /// The folder is not there, or is none.
    #[error("cannot open the store: {} is not a folder", path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The folder could not be made.
    #[error("cannot create the store's folder {}", path.display())]
    CreateFolder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The S3 client could not be set up.
    #[error("cannot open the store {location}")]
    Open {
        /// Where it is.
        location: String,
        /// What the client says.
        #[source]
        source: object_store::Error,
    },
    /// A path that no object can have.
    #[error("no object in the store can have the path {path:?}")]
    Path {
        /// The path.
        path: String,
    },
    /// There is no such object.
    #[error("{path} is not in the store")]
    NotFound {
        /// The path.
        path: String,
    },
    /// An object that is larger than it may be.
    #[error("{path} in the store has {found} bytes, the limit is {limit}")]
    TooLarge {
        /// The path.
        path: String,
        /// Its length.
        found: u64,
        /// The most that was asked for.
        limit: u64,
    },
    /// An object is not what it must be.
    #[error("{path} in the store must be {expected}, found {found}")]
    Content {
        /// The path.
        path: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A lock file could not be made or locked.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A stray file of a write that was cut off could not be removed.
    #[error("cannot remove the unfinished write {}", path.display())]
    Sweep {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Two publishers would overwrite each other's commits.
    #[error(
        "the store {location} ignores create-only writes (If-None-Match: *): a second write of {path} succeeded, \
         so that two publishers at once would destroy each other's releases"
    )]
    NotCreateOnly {
        /// Where the store is.
        location: String,
        /// The object that was written twice.
        path: String,
    },
    /// The store failed.
    #[error("cannot {operation} {path} in the store")]
    Operation {
        /// What was tried: a verb.
        operation: &'static str,
        /// The path.
        path: String,
        /// What the store says.
        #[source]
        source: object_store::Error,
    },
}

impl StoreError {
    /// Whether the object is just not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, StoreError::NotFound { .. })
    }

    pub(crate) fn operation(operation: &'static str, path: &str, source: object_store::Error) -> Self {
        match source {
            object_store::Error::NotFound { .. } => StoreError::NotFound { path: path.to_owned() },
            source => StoreError::Operation { operation, path: path.to_owned(), source },
        }
    }
}
