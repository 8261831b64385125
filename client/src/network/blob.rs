//! Blobs: fulls and patches, downloaded to disk and gone on with after any interruption.

use super::pace::{Next, Pace};
use super::{Network, address, retry_after};
use crate::UpdateError;
use crate::file;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use tokio::time::timeout;
use upstep_model::Digest;
use url::Url;

/// A blob as the verified index names it.
#[derive(Debug, Clone)]
pub(crate) struct Blob<'a> {
    /// Its path below the base address.
    pub(crate) path: &'a str,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl Network {
    /// Brings a blob into `folder`, named by its digest, and returns the path. What an earlier
    /// attempt, of this process or another, left behind is gone on with. `progress` hears how
    /// many bytes are there.
    ///
    /// The addresses are tried in turn; each a few times in a row, as long as it brings nothing.
    pub(crate) async fn blob(
        &self,
        bases: &[Url],
        blob: &Blob<'_>,
        folder: &Path,
        progress: &dyn Fn(u64),
    ) -> Result<PathBuf, UpdateError> {
        let whole = folder.join(blob.digest.to_string());
        if whole.exists() {
            if file::verify(&whole, &blob.digest, blob.size).is_ok() {
                progress(blob.size);
                return Ok(whole);
            }
            file::remove(&whole)?;
        }
        let part = folder.join(format!("{}.part", blob.digest));
        let mut last = UpdateError::NoAddress;
        for base in bases {
            let url = address::join(base, blob.path);
            match self.blob_from(&url, blob, &part, progress).await {
                Ok(()) => {
                    file::rename(&part, &whole)?;
                    return Ok(whole);
                }
                Err(failure) if failure.is_local() => return Err(failure),
                Err(failure) => {
                    tracing::info!("{failure}");
                    last = failure;
                }
            }
        }
        Err(last)
    }

    /// Brings the blob from one address into `part`, and verifies it.
    async fn blob_from(
        &self,
        url: &Url,
        blob: &Blob<'_>,
        part: &Path,
        progress: &dyn Fn(u64),
    ) -> Result<(), UpdateError> {
        let mut attempt = 1;
        let mut restarted = false;
        loop {
            let before = part_length(part, blob.size)?;
            let Err(failure) = self.go_on(url, blob, part, before, progress).await else { return Ok(()) };
            if failure.spoils_the_part() {
                file::remove(part)?;
                // What an earlier attempt left behind may be what is wrong: once more from nothing.
                if before == 0 || restarted {
                    return Err(failure);
                }
                restarted = true;
                continue;
            }
            if !failure.may_pass() {
                return Err(failure);
            }
            let brought = part_length(part, blob.size)?.saturating_sub(before);
            if brought >= self.patience.minimum.max(1) {
                attempt = 1;
            } else if attempt >= self.patience.attempts {
                return Err(failure);
            } else {
                attempt += 1;
            }
            self.back_off(attempt, &failure).await;
        }
    }

    /// One request for what is missing after the first `before` bytes.
    async fn go_on(
        &self,
        url: &Url,
        blob: &Blob<'_>,
        part: &Path,
        before: u64,
        progress: &dyn Fn(u64),
    ) -> Result<(), UpdateError> {
        if before < blob.size {
            let response = self.ask(url, blob, before).await?;
            // A host that knows nothing of Range sends everything: what is there is passed over.
            let skip = if response.status() == StatusCode::OK { before } else { 0 };
            self.receive(response, blob, part, (before, skip), progress).await?;
        }
        file::verify(part, &blob.digest, blob.size).map_err(|error| match error {
            UpdateError::Digest { expected, found, .. } => {
                UpdateError::Digest { place: url.to_string(), expected, found }
            }
            other => other,
        })
    }

    async fn ask(&self, url: &Url, blob: &Blob<'_>, before: u64) -> Result<Response, UpdateError> {
        let mut request = self.http.get(url.clone());
        if before > 0 {
            request = request.header(RANGE, format!("bytes={before}-"));
        }
        let response = match timeout(self.patience.document, request.send()).await {
            Ok(sent) => sent.map_err(|source| UpdateError::Request { url: url.to_string(), source })?,
            Err(_) => return Err(UpdateError::Stalled { url: url.to_string(), window: self.patience.document }),
        };
        let missing = match response.status() {
            StatusCode::OK => blob.size,
            StatusCode::PARTIAL_CONTENT => {
                let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
                if range.and_then(range_start) != Some(before) {
                    let found = range.unwrap_or_default().chars().take(80).collect();
                    return Err(UpdateError::Range { url: url.to_string(), expected: before, found });
                }
                blob.size - before
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let found = "416 Range Not Satisfiable".to_owned();
                return Err(UpdateError::Range { url: url.to_string(), expected: before, found });
            }
            status => {
                let retry_after = retry_after(response.headers());
                return Err(UpdateError::Status { url: url.to_string(), status: status.as_u16(), retry_after });
            }
        };
        match response.content_length() {
            Some(found) if found != missing => {
                Err(UpdateError::Length { url: url.to_string(), expected: missing, found })
            }
            _ => Ok(response),
        }
    }

    /// Writes the body behind the first `before` bytes of `part`, without its own first `skip`.
    async fn receive(
        &self,
        response: Response,
        blob: &Blob<'_>,
        part: &Path,
        (before, mut skip): (u64, u64),
        progress: &dyn Fn(u64),
    ) -> Result<(), UpdateError> {
        let url = response.url().to_string();
        let failed = |source| UpdateError::File { operation: "write", path: part.to_owned(), source };
        let mut file = file::open_to_append(part)?;
        let mut there = before;
        let mut pace = Pace::new(&self.patience);
        let mut stream = response.bytes_stream();
        loop {
            let bytes = match pace.next(&mut stream).await {
                Next::Bytes(bytes) => bytes,
                Next::End if there == blob.size => return Ok(()),
                Next::End => return Err(UpdateError::Length { url, expected: blob.size, found: there }),
                Next::Failed(source) => return Err(UpdateError::Request { url, source }),
                Next::Stalled => return Err(UpdateError::Stalled { url, window: self.patience.window }),
            };
            self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            let passed_over = skip.min(bytes.len() as u64);
            skip -= passed_over;
            let bytes = &bytes[passed_over as usize..];
            if bytes.len() as u64 > blob.size - there {
                return Err(UpdateError::TooLarge { url, limit: blob.size });
            }
            file.write_all(bytes).map_err(failed)?;
            there += bytes.len() as u64;
            progress(there);
        }
    }
}

/// How much an earlier attempt left behind; what is longer than the blob is of no use.
fn part_length(part: &Path, size: u64) -> Result<u64, UpdateError> {
    match std::fs::symlink_metadata(part) {
        Ok(metadata) if metadata.is_file() && metadata.len() <= size => Ok(metadata.len()),
        Ok(_) => file::remove(part).map(|()| 0),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(source) => Err(UpdateError::File { operation: "look at", path: part.to_owned(), source }),
    }
}

/// The first byte that `bytes 100-199/200` is about.
fn range_start(value: &str) -> Option<u64> {
    value.trim().strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_content_range_is_read() {
        assert_eq!(range_start("bytes 100-199/200"), Some(100));
        assert_eq!(range_start("bytes 0-0/*"), Some(0));
        for bad in ["bytes */200", "items 1-2/3", "", "bytes -5/9"] {
            assert_eq!(range_start(bad), None, "{bad}");
        }
    }
}
