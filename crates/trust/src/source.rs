//! Where metadata is read from.

use async_trait::async_trait;
use std::error::Error;

/// A place that has an app's folder: a server, a file host, a store.
#[async_trait]
pub trait Source: Send + Sync {
    /// The bytes of a file; `path` is relative to the app's folder: `metadata/2.root.json`.
    ///
    /// Stops with [`SourceError::TooLarge`] as soon as more than `max_size` bytes arrive.
    async fn fetch(&self, path: &str, max_size: u64) -> Result<Vec<u8>, SourceError>;

    /// The same for a file that was fetched before: `etag` is what came with it then.
    ///
    /// A source that has no etags need not implement it.
    async fn fetch_if_changed(&self, path: &str, max_size: u64, etag: Option<&str>) -> Result<Fetched, SourceError> {
        let _ = etag;
        Ok(Fetched::New { bytes: self.fetch(path, max_size).await?, etag: None })
    }
}

/// The answer to a conditional fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The file is still the one that the etag came with (HTTP 304).
    Same,
    /// Another one, or the source can't tell.
    New {
        /// The file.
        bytes: Vec<u8>,
        /// What to ask with next time.
        etag: Option<String>,
    },
}

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no such file: the usual answer for the next root.
    #[error("no such file")]
    NotFound,
    /// The file is larger than anything that belongs there.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The most bytes that were asked for.
        limit: u64,
    },
    /// Anything else: no connection, a status that is neither success nor 404.
    #[error(transparent)]
    Other(#[from] Box<dyn Error + Send + Sync>),
}

impl SourceError {
    /// Wraps the error of a transport.
    pub fn other(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        SourceError::Other(error.into())
    }
}
