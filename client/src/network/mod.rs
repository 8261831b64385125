//! The network: every byte from outside passes a size limit, and a digest before it is used.

pub(crate) mod address;
mod blob;
mod document;
mod pace;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use blob::Blob;
pub(crate) use document::Document;
pub(crate) use source::AppSource;

use crate::{Patience, UpdateError};
use reqwest::redirect::Policy;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Most redirects that one request follows.
const MAX_REDIRECTS: usize = 5;

/// A client of HTTP with the limits that this program sets.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    http: reqwest::Client,
    patience: Patience,
    /// How often a document is asked for: once where the user waits for the program to start.
    attempts: u32,
    /// Bytes of blobs that came, whatever became of them.
    received: Arc<AtomicU64>,
}

impl Network {
    /// A client that names itself `agent`. Proxies and certificate authorities are read from the
    /// environment as reqwest does: HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE.
    pub(crate) fn new(agent: &str, allow_http: bool, patience: Patience) -> Result<Self, UpdateError> {
        let redirects = Policy::custom(move |attempt| {
            if attempt.previous().len() > MAX_REDIRECTS {
                return attempt.error("more than 5 redirects");
            }
            match address::admits(attempt.url(), allow_http) {
                Ok(()) => attempt.follow(),
                Err(expected) => attempt.error(format!("redirect must lead to {expected}")),
            }
        });
        let http = reqwest::Client::builder()
            .user_agent(agent)
            .connect_timeout(patience.connect)
            .redirect(redirects)
            .referer(false)
            .build()
            .map_err(|source| UpdateError::Http { source })?;
        let attempts = patience.attempts.max(1);
        Ok(Network { http, patience, attempts, received: Arc::default() })
    }

    /// The same client, but each document is asked for once.
    pub(crate) fn hasty(self) -> Self {
        Network { attempts: 1, ..self }
    }

    /// How many bytes of blobs came.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Waits before attempt number `attempt` + 1.
    async fn back_off(&self, attempt: u32, failure: &UpdateError) {
        let wait = self.patience.wait(attempt, failure.retry_after(), dice());
        tracing::debug!("attempt {attempt} failed, the next follows in {wait:?}: {failure}");
        tokio::time::sleep(wait).await;
    }
}

/// A throw of the dice that needs no crate: the seed of the standard library's hash maps.
fn dice() -> u8 {
    use std::hash::{BuildHasher, Hasher};
    let hash = std::collections::hash_map::RandomState::new().build_hasher().finish();
    hash.to_le_bytes()[0]
}

/// What a server that is overloaded asks for: seconds, or a date.
fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let text = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(date.duration_since(jiff::Timestamp::now())).ok()
}
