//! An app's folder in memory, with an author who signs and a source that counts and lies.
#![allow(dead_code, reason = "each test file uses its own part")]

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Mutex;
use upstep_model::Digest;
use upstep_trust::{
    Current, Fetched, Lifetimes, Metadata, Numbers, Role, SigningKey, Source, SourceError, State, Target, TrustError,
    new_root, parse_snapshot, parse_timestamp, resign, rotate_root, sign,
};

pub const INDEX: &str = "stable.x86_64-unknown-linux-gnu.index.zst";
pub const MAX: u64 = 1 << 20;

/// The time at which the stories of the tests begin.
pub fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

pub fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

pub type Files = BTreeMap<String, Vec<u8>>;

/// An author: keys, and the folder that is published.
pub struct Author {
    pub keys: BTreeMap<Role, SigningKey>,
    pub root: Vec<u8>,
    pub files: Files,
    pub lifetimes: Lifetimes,
    pub numbers: Numbers,
}

pub fn new_keys() -> BTreeMap<Role, SigningKey> {
    Role::ALL.map(|role| (role, SigningKey::generate().expect("random numbers"))).into()
}

impl Author {
    /// A new app; nothing is published but the root.
    pub fn new() -> Author {
        let keys = new_keys();
        let lifetimes = Lifetimes::default();
        let root = new_root(&keys, &lifetimes, start()).expect("a root");
        let files = Files::from([("metadata/1.root.json".to_owned(), root.clone())]);
        Author { keys, root, files, lifetimes, numbers: Numbers { targets: 0, snapshot: 0, timestamp: 0 } }
    }

    /// An app with one publish.
    pub fn published() -> Author {
        let mut author = Author::new();
        author.publish(b"index 1", start());
        author
    }

    /// Publishes an index.
    pub fn publish(&mut self, index: &[u8], now: Timestamp) {
        let Numbers { targets, snapshot, timestamp } = self.numbers;
        self.publish_as(index, Numbers { targets: targets + 1, snapshot: snapshot + 1, timestamp: timestamp + 1 }, now);
    }

    /// Publishes under numbers of the test's choice.
    pub fn publish_as(&mut self, index: &[u8], numbers: Numbers, now: Timestamp) {
        let target = Target { digest: Digest::of(index), size: index.len() as u64 };
        let targets = BTreeMap::from([(INDEX.to_owned(), target)]);
        let signed = sign(&self.root, &targets, numbers, &self.keys, &self.lifetimes, now).expect("signed");
        self.files.insert(format!("targets/{}.{INDEX}", target.digest), index.to_vec());
        self.files.extend(signed.files);
        self.files.insert("metadata/timestamp.json".to_owned(), signed.timestamp);
        self.numbers = numbers;
    }

    /// Signs snapshot and timestamp anew.
    pub fn resign(&mut self, now: Timestamp) {
        let Numbers { targets, snapshot, timestamp } = self.numbers;
        let current = Current {
            timestamp: &self.files["metadata/timestamp.json"],
            snapshot: &self.files[&format!("metadata/{snapshot}.snapshot.json")],
            targets: &self.files[&format!("metadata/{targets}.targets.json")],
        };
        let signed =
            resign(&self.root, current, snapshot + 1, timestamp + 1, &self.keys, &self.lifetimes, now).expect("signed");
        self.files.extend(signed.files);
        self.files.insert("metadata/timestamp.json".to_owned(), signed.timestamp);
        self.numbers = Numbers { targets, snapshot: snapshot + 1, timestamp: timestamp + 1 };
    }

    /// Replaces the keys of `roles` by a new root.
    pub fn rotate(&mut self, roles: &[Role], now: Timestamp) {
        let mut keys = std::mem::take(&mut self.keys);
        let old_root = keys.get(&Role::Root).map(copy).expect("a root key");
        for role in roles {
            keys.insert(*role, SigningKey::generate().expect("random numbers"));
        }
        self.root = rotate_root(&self.root, &old_root, &keys, &self.lifetimes, now).expect("a root");
        let version = upstep_trust::parse_root(&self.root).expect("a root").version;
        self.files.insert(format!("metadata/{version}.root.json"), self.root.clone());
        self.keys = keys;
    }

    pub fn timestamp(&self) -> Vec<u8> {
        self.files["metadata/timestamp.json"].clone()
    }

    pub fn snapshot_version(&self) -> u64 {
        parse_timestamp(&self.timestamp()).expect("a timestamp").snapshot.version
    }

    pub fn targets_version(&self) -> u64 {
        let file = format!("metadata/{}.snapshot.json", self.snapshot_version());
        parse_snapshot(&self.files[&file]).expect("a snapshot").targets.version
    }

    pub fn source(&self) -> Folder {
        Folder::new(self.files.clone())
    }
}

pub fn copy(key: &SigningKey) -> SigningKey {
    SigningKey::from_pem(&key.to_pem(None).expect("text"), None).expect("a key")
}

/// A source over files in memory, which notes what it is asked for.
pub struct Folder {
    pub files: Files,
    pub etags: bool,
    pub offline: bool,
    pub asked: Mutex<Vec<String>>,
}

impl Folder {
    pub fn new(files: Files) -> Folder {
        Folder { files, etags: false, offline: false, asked: Mutex::default() }
    }

    pub fn with(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Folder {
        self.files.insert(path.to_owned(), bytes.into());
        self
    }

    pub fn without(mut self, path: &str) -> Folder {
        self.files.remove(path);
        self
    }

    /// What was asked for since the last call.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().expect("no panic"))
    }
}

#[async_trait]
impl Source for Folder {
    async fn fetch(&self, path: &str, max_size: u64) -> Result<Vec<u8>, SourceError> {
        self.asked.lock().expect("no panic").push(path.to_owned());
        if self.offline {
            return Err(SourceError::other("connection refused"));
        }
        match self.files.get(path) {
            Some(bytes) if bytes.len() as u64 > max_size => Err(SourceError::TooLarge { limit: max_size }),
            Some(bytes) => Ok(bytes.clone()),
            None => Err(SourceError::NotFound),
        }
    }

    async fn fetch_if_changed(&self, path: &str, max_size: u64, etag: Option<&str>) -> Result<Fetched, SourceError> {
        let bytes = self.fetch(path, max_size).await?;
        if !self.etags {
            return Ok(Fetched::New { bytes, etag: None });
        }
        let own = Digest::of(&bytes).to_string();
        match etag {
            Some(etag) if etag == own => Ok(Fetched::Same),
            _ => Ok(Fetched::New { bytes, etag: Some(own) }),
        }
    }
}

/// A client: a folder with its state, and the root that it was built with.
pub struct Client {
    pub dir: tempfile::TempDir,
    pub embedded: Vec<u8>,
}

impl Client {
    pub fn new(root: &[u8]) -> Client {
        Client { dir: tempfile::tempdir().expect("a folder"), embedded: root.to_vec() }
    }

    pub fn open(&self) -> Result<State, TrustError> {
        State::open(self.dir.path(), &self.embedded)
    }

    /// What a run of the program does: open, check, save.
    pub async fn check(&self, source: &dyn Source, now: Timestamp) -> Result<Metadata, TrustError> {
        let mut state = self.open()?;
        let result = upstep_trust::refresh(&mut state, source, now).await;
        state.save()?;
        result
    }

    /// The same, with the index.
    pub async fn index(&self, source: &dyn Source, now: Timestamp) -> Result<Vec<u8>, TrustError> {
        let mut state = self.open()?;
        let metadata = upstep_trust::refresh(&mut state, source, now).await?;
        let bytes = upstep_trust::read_target(&mut state, source, &metadata, INDEX, MAX).await?;
        state.save()?;
        Ok(bytes)
    }

    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).expect("a folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// A file with its `signed` part changed, and the signatures left as they are.
pub fn edit(bytes: &[u8], change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut value: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
    change(&mut value["signed"]);
    serde_json::to_vec(&value).expect("JSON")
}

/// The whole chain of an error's sources as one text.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}
