//! One address as a source of signed metadata.

use super::{Document, Network, address};
use crate::UpdateError;
use async_trait::async_trait;
use upstep_model::AppName;
use upstep_trust::{Fetched, Source, SourceError};
use url::Url;

/// The folder of one app below one address.
pub(crate) struct AppSource<'a> {
    network: &'a Network,
    folder: Url,
}

impl<'a> AppSource<'a> {
    pub(crate) fn new(network: &'a Network, base: &Url, app: &AppName) -> Self {
        AppSource { network, folder: address::join(base, &format!("{app}/")) }
    }
}

#[async_trait]
impl Source for AppSource<'_> {
    async fn fetch(&self, path: &str, max_size: u64) -> Result<Vec<u8>, SourceError> {
        match self.fetch_if_changed(path, max_size, None).await? {
            Fetched::New { bytes, .. } => Ok(bytes),
            Fetched::Same => Err(SourceError::NotFound),
        }
    }

    async fn fetch_if_changed(&self, path: &str, max_size: u64, etag: Option<&str>) -> Result<Fetched, SourceError> {
        let url = address::join(&self.folder, path);
        match self.network.document(&url, max_size, etag).await {
            Ok(Document::Found { body, etag }) => Ok(Fetched::New { bytes: body, etag }),
            Ok(Document::NotModified) => Ok(Fetched::Same),
            Ok(Document::Empty | Document::NotFound) => Err(SourceError::NotFound),
            Err(UpdateError::TooLarge { limit, .. }) => Err(SourceError::TooLarge { limit }),
            Err(error) => Err(SourceError::other(error)),
        }
    }
}
