//! What is in the store, for a person and for a script.

use crate::DifferError;
use crate::project::Project;
use crate::published::Published;
use serde::Serialize;
use upstep_model::{AppName, Index};
use upstep_store::Store;

/// What is in the store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing {
    /// The app.
    pub app: AppName,
    /// Number of the highest commit.
    pub commit: u64,
    /// When the first part of the metadata expires: RFC 3339.
    pub expires: Option<String>,
    /// The indexes as clients read them.
    pub indexes: Vec<Index>,
}

/// Reads and verifies what is in the store, whatever its age.
pub fn list(project: &Project) -> Result<Listing, DifferError> {
    crate::block_on(async || {
        let store = Store::open(&project.store)?;
        let published = Published::load(&store, &project.app, &project.root).await?;
        let indexes = published.all_indexes(&store).await?;
        let expires = published.metadata.as_ref().map(|metadata| metadata.expires().to_string());
        Ok(Listing { app: project.app.clone(), commit: published.commit, expires, indexes })
    })?
}
