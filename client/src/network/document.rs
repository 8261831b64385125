//! Small documents: metadata, the index, a plan.

use super::pace::{Next, Pace};
use super::{Network, retry_after};
use crate::UpdateError;
use reqwest::StatusCode;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use url::Url;

/// An answer that is not a failure.
#[derive(Debug)]
pub(crate) enum Document {
    /// 200 with a body within the limit.
    Found {
        /// The body.
        body: Vec<u8>,
        /// The ETag, where one was sent.
        etag: Option<String>,
    },
    /// 304: what was asked about with If-None-Match is still the newest.
    NotModified,
    /// 204.
    Empty,
    /// 404 or 410; many file hosts answer 403 for what isn't there.
    NotFound,
}

impl Network {
    /// Fetches a document of at most `max` bytes, with a few attempts where the fault may pass.
    pub(crate) async fn document(&self, url: &Url, max: u64, etag: Option<&str>) -> Result<Document, UpdateError> {
        let mut attempt = 1;
        loop {
            match tokio::time::timeout(self.patience.document, self.document_once(url, max, etag)).await {
                Ok(Ok(document)) => return Ok(document),
                Ok(Err(failure)) if !failure.may_pass() || attempt >= self.attempts => return Err(failure),
                Ok(Err(failure)) => self.back_off(attempt, &failure).await,
                Err(_) => {
                    return Err(UpdateError::Stalled { url: url.to_string(), window: self.patience.document });
                }
            }
            attempt += 1;
        }
    }

    async fn document_once(&self, url: &Url, max: u64, etag: Option<&str>) -> Result<Document, UpdateError> {
        let mut request = self.http.get(url.clone());
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let failed = |source| UpdateError::Request { url: url.to_string(), source };
        let response = request.send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Document::NotModified),
            StatusCode::NO_CONTENT => return Ok(Document::Empty),
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::FORBIDDEN => return Ok(Document::NotFound),
            status => {
                let retry_after = retry_after(response.headers());
                return Err(UpdateError::Status { url: url.to_string(), status: status.as_u16(), retry_after });
            }
        }
        let too_large = || UpdateError::TooLarge { url: url.to_string(), limit: max };
        if response.content_length().is_some_and(|length| length > max) {
            return Err(too_large());
        }
        let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        let mut pace = Pace::new(&self.patience);
        let mut stream = response.bytes_stream();
        loop {
            match pace.next(&mut stream).await {
                Next::Bytes(bytes) if body.len() as u64 + bytes.len() as u64 > max => return Err(too_large()),
                Next::Bytes(bytes) => body.extend_from_slice(&bytes),
                Next::End => return Ok(Document::Found { body, etag }),
                Next::Failed(source) => return Err(failed(source)),
                Next::Stalled => {
                    return Err(UpdateError::Stalled { url: url.to_string(), window: self.patience.window });
                }
            }
        }
    }
}
