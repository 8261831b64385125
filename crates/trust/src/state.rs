//! What a client keeps between checks.

use crate::known::Known;
use crate::root::{Root, RootError};
use crate::stored::{self, Slot, Stored};
use crate::{Metadata, TrustError, clock};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use upstep_model::Digest;

/// Most roots whose digests are remembered. Nobody makes so many; the oldest are forgotten.
const MAX_CHAIN: usize = 4096;

/// Most bytes of targets that are kept: a client reads one index or two, of some kilobytes.
const MAX_CACHED: usize = 8 << 20;

/// What a client keeps between checks: the newest verified root and how it came to be trusted, the
/// metadata verified last, and the targets read. One process at a time works with a folder: the
/// caller holds the lock of the install.
#[derive(Debug)]
pub struct State {
    dir: Option<PathBuf>,
    /// The copy that was read or written last, and its generation.
    current: Option<(Slot, u64)>,
    is_changed: bool,
    parts: Parts,
}

/// The content of a state.
#[derive(Debug, Clone)]
struct Parts {
    chain: Vec<Digest>,
    root: Root,
    known: Option<Known>,
    etag: Option<String>,
    latest_time: Option<Timestamp>,
    cached: BTreeMap<String, Vec<u8>>,
}

impl State {
    /// Reads the state in `dir`; a folder without one is a new state that begins from
    /// `embedded_root`.
    ///
    /// A stored root counts only if `embedded_root` is in its chain, or follows it directly.
    /// Otherwise the program's author has begun anew, and so does the state.
    pub fn open(dir: &Path, embedded_root: &[u8]) -> Result<State, TrustError> {
        let embedded = embedded(embedded_root)?;
        let (current, parts, is_changed) = match stored::read(dir, Parts::parse)? {
            None => (None, Parts::begin(embedded), true),
            Some((slot, generation, parts)) => {
                let (parts, is_changed) = parts.meet(embedded);
                (Some((slot, generation)), parts, is_changed)
            }
        };
        Ok(State { dir: Some(dir.to_owned()), current, is_changed, parts })
    }

    /// A state that is kept nowhere: for tools that check a store once.
    pub fn memory(embedded_root: &[u8]) -> Result<State, TrustError> {
        let parts = Parts::begin(embedded(embedded_root)?);
        Ok(State { dir: None, current: None, is_changed: false, parts })
    }

    /// Writes the state, if it has changed. Worth calling after a failed check too: roots that
    /// were verified before the failure are kept.
    pub fn save(&mut self) -> Result<(), TrustError> {
        let Some(dir) = self.dir.as_deref().filter(|_| self.is_changed) else { return Ok(()) };
        let (slot, generation) = match self.current {
            None => (Slot::A, 1),
            Some((slot, generation)) => (slot.other(), generation + 1),
        };
        stored::write(dir, slot, &self.parts.store(generation))?;
        self.current = Some((slot, generation));
        self.is_changed = false;
        Ok(())
    }

    /// Forgets everything that is stored in `dir`: the next check begins from the embedded root.
    pub fn reset(dir: &Path) -> Result<(), TrustError> {
        stored::remove(dir)
    }

    /// The metadata that was verified last; it may have expired since.
    pub fn metadata(&self) -> Option<Metadata> {
        self.parts.known.as_ref()?.metadata(&self.parts.root)
    }

    /// A target that was read and verified earlier, if it is still the one that the metadata
    /// known last signs for. Nothing is fetched.
    pub fn cached_target(&self, name: &str) -> Option<Vec<u8>> {
        let bytes = self.parts.cached.get(name)?;
        let target = self.metadata()?.target(name)?;
        (target.digest == Digest::of(bytes)).then(|| bytes.clone())
    }

    /// The newest verified root, as it was published.
    pub fn root(&self) -> &[u8] {
        &self.parts.root.raw
    }

    pub(crate) fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    pub(crate) fn trusted_root(&self) -> &Root {
        &self.parts.root
    }

    pub(crate) fn known(&self) -> Option<&Known> {
        self.parts.known.as_ref()
    }

    pub(crate) fn etag(&self) -> Option<&str> {
        self.parts.etag.as_deref()
    }

    /// The time that expiry is compared with.
    pub(crate) fn clock(&self, now: Timestamp) -> Timestamp {
        clock::start(self.parts.latest_time, now)
    }

    /// Goes on to the next roots, as far as each is signed as it must be.
    pub(crate) fn follow(&mut self, roots: &[Vec<u8>]) -> Result<(), TrustError> {
        for raw in roots {
            let file = || format!("metadata/{}.root.json", self.parts.root.version().saturating_add(1));
            let unverified = |error: RootError| TrustError::Unverified { file: file(), reason: error.to_string() };
            let next = self.parts.root.next(raw).map_err(unverified)?;
            self.parts.follow(next);
            self.is_changed = true;
        }
        Ok(())
    }

    /// Notes the time of a check that had an answer, whatever the answer was.
    pub(crate) fn note_time(&mut self, time: Timestamp) {
        // By the hour: a check that finds nothing is not worth two syncs.
        let latest = self.parts.latest_time;
        if latest.is_none_or(|latest| time.duration_since(latest).abs() >= SignedDuration::from_hours(1)) {
            self.parts.latest_time = Some(time);
            self.is_changed = true;
        }
    }

    /// Takes metadata that a check has verified.
    pub(crate) fn adopt(&mut self, known: Known, etag: Option<String>) {
        let is_same = self.parts.known.as_ref().is_some_and(|earlier| {
            earlier.timestamp.raw == known.timestamp.raw && earlier.targets.is_some() == known.targets.is_some()
        });
        self.is_changed |= !is_same || self.parts.etag != etag;
        self.parts.known = Some(known);
        self.parts.etag = etag;
    }

    /// Keeps the verified bytes of a target, and of others what is still signed and has room.
    pub(crate) fn cache(&mut self, name: &str, bytes: Vec<u8>) {
        let metadata = self.metadata();
        let mut room = MAX_CACHED.saturating_sub(bytes.len());
        let mut stays = |other: &str, bytes: &[u8]| {
            let signed = metadata.as_ref().and_then(|metadata| metadata.target(other));
            let stays = other != name && signed.is_some() && bytes.len() <= room;
            room -= if stays { bytes.len() } else { 0 };
            stays
        };
        self.parts.cached.retain(|other, bytes| stays(other, bytes));
        self.parts.cached.insert(name.to_owned(), bytes);
        self.is_changed = true;
    }
}

fn embedded(raw: &[u8]) -> Result<Root, TrustError> {
    Root::parse(raw).map_err(|error| TrustError::EmbeddedRoot { reason: error.to_string() })
}

impl Parts {
    fn begin(root: Root) -> Parts {
        let chain = vec![root.digest];
        Parts { chain, root, known: None, etag: None, latest_time: None, cached: BTreeMap::new() }
    }

    /// The stored state in a program that embeds `embedded`, and whether that changed it.
    fn meet(mut self, embedded: Root) -> (Parts, bool) {
        if self.chain.contains(&embedded.digest) {
            return (self, false);
        }
        match self.root.next(&embedded.raw) {
            Ok(next) => {
                self.follow(next);
                (self, true)
            }
            Err(_) => (Parts::begin(embedded), true),
        }
    }

    fn follow(&mut self, next: Root) {
        let root = std::mem::replace(&mut self.root, next);
        self.known = self.known.take().and_then(|known| known.under(&root, &self.root));
        if self.known.is_none() {
            self.etag = None;
        }
        if self.chain.len() >= MAX_CHAIN {
            self.chain.remove(0);
        }
        self.chain.push(self.root.digest);
    }

    fn parse(stored: Stored) -> Result<Parts, String> {
        let root = Root::parse(stored.root.as_bytes()).map_err(|error| format!("root: {error}"))?;
        if stored.chain.last() != Some(&root.digest) {
            return Err("its chain does not end with its root".to_owned());
        }
        let bytes = |text: String| text.into_bytes();
        let known = match (stored.timestamp, stored.snapshot) {
            (Some(timestamp), Some(snapshot)) => {
                Some(Known::verify(&root, bytes(timestamp), bytes(snapshot), stored.targets.map(bytes))?)
            }
            _ => None,
        };
        let mut cached = BTreeMap::new();
        for (name, text) in stored.cached {
            cached.insert(name, hex::decode(text).map_err(|error| format!("cached target: {error}"))?);
        }
        let (etag, latest_time) = (stored.etag.filter(|_| known.is_some()), stored.latest_time);
        Ok(Parts { chain: stored.chain, root, known, etag, latest_time, cached })
    }

    fn store(&self, generation: u64) -> Stored {
        let text = |raw: &[u8]| String::from_utf8(raw.to_vec()).expect("it was read as JSON");
        let mut stored = Stored::new(generation, self.chain.clone(), text(&self.root.raw));
        if let Some(known) = &self.known {
            stored.timestamp = Some(text(&known.timestamp.raw));
            stored.snapshot = Some(text(&known.snapshot.raw));
            stored.targets = known.targets.as_ref().map(|targets| text(&targets.raw));
        }
        stored.etag.clone_from(&self.etag);
        stored.latest_time = self.latest_time;
        stored.cached = self.cached.iter().map(|(name, bytes)| (name.clone(), hex::encode(bytes))).collect();
        stored
    }
}
