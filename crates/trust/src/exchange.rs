//! Between `tough`, which asks for files, and the source and the state, which have them.

use crate::known::{Document, Known};
use crate::source::{Fetched, Source, SourceError};
use crate::{State, document};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tough::{Transport, TransportError, TransportErrorKind, TransportStream};
use url::Url;

/// Most bytes of each kind of file.
pub(crate) const MAX_ROOT: u64 = 256 << 10;
pub(crate) const MAX_TIMESTAMP: u64 = 64 << 10;
pub(crate) const MAX_SNAPSHOT: u64 = 256 << 10;
pub(crate) const MAX_TARGETS: u64 = 4 << 20;

/// A file that `tough` asks for, and where the answer goes. `None`: there is no such file.
pub(crate) struct Request {
    file: String,
    reply: oneshot::Sender<Result<Option<Vec<u8>>, Failed>>,
}

/// The source failed; the exchange keeps the error itself.
#[derive(Debug, thiserror::Error)]
#[error("the source failed")]
struct Failed;

/// What `tough` takes for a transport. It may not borrow, and a source is borrowed: so it passes
/// the questions on to the [`Exchange`], which runs in the same task.
#[derive(Debug, Clone)]
pub(crate) struct Relay(mpsc::Sender<Request>);

impl Relay {
    pub(crate) fn new() -> (Relay, mpsc::Receiver<Request>) {
        let (sender, receiver) = mpsc::channel(1);
        (Relay(sender), receiver)
    }
}

#[async_trait]
impl Transport for Relay {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let file = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default().to_owned();
        let (reply, answer) = oneshot::channel();
        let failed = |url: &Url| TransportError::new_with_cause(TransportErrorKind::Other, url, Failed);
        self.0.send(Request { file, reply }).await.map_err(|_| failed(&url))?;
        match answer.await {
            Ok(Ok(Some(bytes))) => Ok(Box::pin(futures::stream::iter([Ok(Bytes::from(bytes))]))),
            Ok(Ok(None)) => Err(TransportError::new(TransportErrorKind::FileNotFound, url)),
            // In the stream: `tough` takes any error before it for the end of the chain of roots.
            Ok(Err(_)) | Err(_) => Ok(Box::pin(futures::stream::iter([Err(failed(&url))]))),
        }
    }
}

/// Answers the questions, and keeps the bytes of the answers.
pub(crate) struct Exchange<'a> {
    source: &'a dyn Source,
    known: Option<&'a Known>,
    etag: Option<&'a str>,
    pub(crate) received: Received,
}

/// What `tough` was given, byte for byte.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) timestamp: Option<Vec<u8>>,
    pub(crate) snapshot: Option<Vec<u8>>,
    pub(crate) targets: Option<Vec<u8>>,
    pub(crate) etag: Option<String>,
    /// The file that was asked for last.
    pub(crate) file: String,
    pub(crate) failure: Option<SourceError>,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(state: &'a State, source: &'a dyn Source) -> Self {
        Exchange { source, known: state.known(), etag: state.etag(), received: Received::default() }
    }

    pub(crate) async fn answer(&mut self, request: Request) {
        self.received.file.clone_from(&request.file);
        let answer = match self.file(&request.file).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(SourceError::NotFound) if request.file.ends_with(".root.json") => Ok(None),
            Err(error) => {
                self.received.failure = Some(error);
                Err(Failed)
            }
        };
        // Nobody listens any more only if the check was given up.
        let _ = request.reply.send(answer);
    }

    async fn file(&mut self, file: &str) -> Result<Vec<u8>, SourceError> {
        // After a new root nothing that is known is taken for granted.
        let known = self.known.filter(|_| self.received.roots.is_empty());
        if file == "timestamp.json" {
            let bytes = self.timestamp(known).await?;
            self.received.timestamp = Some(bytes.clone());
            return Ok(bytes);
        }
        let (version, name) = match file.split_once('.') {
            Some((version, name)) => (version.parse::<u64>().map_err(|_| SourceError::NotFound)?, name),
            None => return Err(SourceError::NotFound),
        };
        match name {
            "root.json" => {
                let bytes = self.fetch(file, MAX_ROOT).await?;
                self.received.roots.push(bytes.clone());
                Ok(bytes)
            }
            "snapshot.json" => {
                let known = known.and_then(|known| same_version(&known.snapshot, version));
                let bytes = self.unless_known(known, file, MAX_SNAPSHOT).await?;
                self.received.snapshot = Some(bytes.clone());
                Ok(bytes)
            }
            "targets.json" => {
                let known = known.and_then(|known| same_version(known.targets.as_ref()?, version));
                let bytes = self.unless_known(known, file, MAX_TARGETS).await?;
                self.received.targets = Some(bytes.clone());
                Ok(bytes)
            }
            _ => Err(SourceError::NotFound),
        }
    }

    async fn timestamp(&mut self, known: Option<&Known>) -> Result<Vec<u8>, SourceError> {
        let etag = self.etag.filter(|_| known.is_some());
        let path = "metadata/timestamp.json";
        match (self.source.fetch_if_changed(path, MAX_TIMESTAMP, etag).await?, known) {
            (Fetched::Same, Some(known)) => {
                self.received.etag = etag.map(str::to_owned);
                Ok(known.timestamp.raw.clone())
            }
            (Fetched::Same, None) => Err(SourceError::other("answered 'not modified' to an unconditional request")),
            (Fetched::New { bytes, etag }, known) => {
                self.received.etag = etag;
                let bytes = within(bytes, MAX_TIMESTAMP)?;
                // Of two timestamps of one version the first counts.
                let version = document::parse_timestamp(&bytes).ok().map(|timestamp| timestamp.version);
                let same = known.filter(|known| version == Some(known.timestamp.version()));
                Ok(same.map_or(bytes, |known| known.timestamp.raw.clone()))
            }
        }
    }

    async fn unless_known(&self, known: Option<Vec<u8>>, file: &str, max: u64) -> Result<Vec<u8>, SourceError> {
        match known {
            Some(bytes) => Ok(bytes),
            None => self.fetch(file, max).await,
        }
    }

    async fn fetch(&self, file: &str, max: u64) -> Result<Vec<u8>, SourceError> {
        within(self.source.fetch(&format!("metadata/{file}"), max).await?, max)
    }
}

/// A source that ignores the limit is not believed.
pub(crate) fn within(bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>, SourceError> {
    if bytes.len() as u64 > limit { Err(SourceError::TooLarge { limit }) } else { Ok(bytes) }
}

/// A version's number is never used twice, so the bytes known are the bytes there.
fn same_version<T>(document: &Document<T>, version: u64) -> Option<Vec<u8>>
where
    T: tough::schema::Role + serde::de::DeserializeOwned,
{
    (document.version() == version).then(|| document.raw.clone())
}
