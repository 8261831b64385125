//! The two copies of the state on disk: `docs/formats.md`, section "Trust state".
//!
//! A copy is `SHA-256 of the rest, in hex` LF `JSON`. They are written in turn, each to a new file
//! that is synced and renamed over the old one: whatever is cut off leaves the other copy whole.

use crate::TrustError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use upstep_model::Digest;

/// The version of the format that this code writes, and of the reader that it is.
const VERSION: u32 = 1;

/// The oldest reader that understands what this code writes.
const MIN_READER: u32 = 1;

/// Most bytes of one copy that are read.
const MAX_COPY: u64 = 32 << 20;

/// The names of the two copies.
const COPIES: [&str; 2] = ["trust.a", "trust.b"];

/// The working folder of a check.
const WORK: &str = "trust.work";

/// What a copy holds. Fields that a newer version adds are ignored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stored {
    version: u32,
    min_reader: u32,
    /// Counts up with each write: of two good copies the higher counts.
    pub(crate) generation: u64,
    /// The digests (of the canonical form) of all roots from the first embedded one on.
    pub(crate) chain: Vec<Digest>,
    /// The newest root.
    pub(crate) root: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) targets: Option<String>,
    /// What the source sent along with the timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
    /// The time of the last check that had an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) latest_time: Option<Timestamp>,
    /// The bytes of targets that were read, in hex, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) cached: BTreeMap<String, String>,
}

impl Stored {
    /// A copy of this version of the format.
    pub(crate) fn new(generation: u64, chain: Vec<Digest>, root: String) -> Stored {
        Stored {
            version: VERSION,
            min_reader: MIN_READER,
            generation,
            chain,
            root,
            timestamp: None,
            snapshot: None,
            targets: None,
            etag: None,
            latest_time: None,
            cached: BTreeMap::new(),
        }
    }
}

/// Which of the two copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    A = 0,
    B = 1,
}

impl Slot {
    /// The copy that is written next.
    pub(crate) fn other(self) -> Slot {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }

    fn path(self, dir: &Path) -> PathBuf {
        dir.join(COPIES[self as usize])
    }
}

/// Reads the newest good copy and turns it into `T`; `None` if there is no copy at all.
///
/// A state of which nothing can be used is an error: to start from nothing would turn the
/// protection against old metadata off without a word.
pub(crate) fn read<T>(
    dir: &Path,
    parse: impl Fn(Stored) -> Result<T, String>,
) -> Result<Option<(Slot, u64, T)>, TrustError> {
    let a = read_copy(Slot::A, dir, &parse)?;
    let b = read_copy(Slot::B, dir, &parse)?;
    let newer = |(a, b): ((u64, T), (u64, T))| if a.0 >= b.0 { (Slot::A, a) } else { (Slot::B, b) };
    let (slot, (generation, value)) = match (a, b) {
        (Copy::Missing, Copy::Missing) => return Ok(None),
        (Copy::Good(a), Copy::Good(b)) => newer((a, b)),
        (Copy::Good(a), _) => (Slot::A, a),
        (_, Copy::Good(b)) => (Slot::B, b),
        (a, b) => {
            return Err(TrustError::StateBroken { dir: dir.to_owned(), first: a.fault(), second: b.fault() });
        }
    };
    Ok(Some((slot, generation, value)))
}

/// Writes one copy: synced, renamed into place, the folder synced.
pub(crate) fn write(dir: &Path, slot: Slot, stored: &Stored) -> Result<(), TrustError> {
    let json = serde_json::to_vec(stored).expect("strings and numbers are always JSON");
    let path = slot.path(dir);
    let fresh = path.with_extension(if slot == Slot::A { "a.new" } else { "b.new" });
    create_dir(dir)?;
    write_synced(dir, &fresh, &json).map_err(|source| io_error("write", &fresh, source))?;
    fs::rename(&fresh, &path).map_err(|source| io_error("rename the new copy to", &path, source))?;
    sync_dir(dir).map_err(|source| io_error("sync", dir, source))
}

/// Deletes both copies and whatever a cut-off write or check left.
pub(crate) fn remove(dir: &Path) -> Result<(), TrustError> {
    for name in COPIES.iter().flat_map(|name| [(*name).to_owned(), format!("{name}.new")]) {
        let path = dir.join(name);
        absent(fs::remove_file(&path)).map_err(|source| io_error("delete", &path, source))?;
    }
    let work = dir.join(WORK);
    absent(fs::remove_dir_all(&work)).map_err(|source| io_error("delete", &work, source))?;
    absent(sync_dir(dir)).map_err(|source| io_error("sync", dir, source))
}

/// An empty private folder for the files that `tough` wants to see; deleted when dropped.
pub(crate) fn work_dir(dir: &Path) -> Result<WorkDir, TrustError> {
    let path = dir.join(WORK);
    create_dir(dir)?;
    absent(fs::remove_dir_all(&path)).map_err(|source| io_error("empty", &path, source))?;
    create_owned(&path).map_err(|source| io_error("create", &path, source))?;
    Ok(WorkDir(path))
}

/// See [`work_dir`].
pub(crate) struct WorkDir(pub(crate) PathBuf);

impl Drop for WorkDir {
    fn drop(&mut self) {
        // What stays is emptied by the next check.
        let _ = fs::remove_dir_all(&self.0);
    }
}

enum Copy<T> {
    Missing,
    Bad(String),
    Good((u64, T)),
}

impl<T> Copy<T> {
    fn fault(self) -> String {
        match self {
            Copy::Missing => "the other copy is missing".to_owned(),
            Copy::Bad(reason) => reason,
            Copy::Good(_) => String::new(),
        }
    }
}

fn read_copy<T>(slot: Slot, dir: &Path, parse: &impl Fn(Stored) -> Result<T, String>) -> Result<Copy<T>, TrustError> {
    let path = slot.path(dir);
    let bad = |reason: String| Ok(Copy::Bad(format!("{}: {reason}", COPIES[slot as usize])));
    // The folder is private, so nobody plants a link between this look and the opening.
    match fs::symlink_metadata(&path) {
        Ok(meta) if !meta.is_file() => return bad("not a regular file".to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Copy::Missing),
        Err(source) => return Err(io_error("read", &path, source)),
    }
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_COPY + 1).read_to_end(&mut bytes));
    read.map_err(|source| io_error("read", &path, source))?;
    if bytes.len() as u64 > MAX_COPY {
        return bad(format!("more than {MAX_COPY} bytes"));
    }
    let Some(json) = checked(&bytes) else {
        return bad("its checksum is wrong".to_owned());
    };
    #[derive(Deserialize)]
    struct Readers {
        min_reader: u32,
    }
    match serde_json::from_slice(json) {
        Ok(Readers { min_reader }) if min_reader > VERSION => {
            return Err(TrustError::StateTooNew { path, min_reader, reader: VERSION });
        }
        Ok(_) => {}
        Err(error) => return bad(error.to_string()),
    }
    match serde_json::from_slice::<Stored>(json) {
        Ok(stored) => {
            let generation = stored.generation;
            match parse(stored) {
                Ok(value) => Ok(Copy::Good((generation, value))),
                Err(reason) => bad(reason),
            }
        }
        Err(error) => bad(error.to_string()),
    }
}

/// The JSON, if the checksum before it is right.
fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (head, json) = bytes.split_at_checked(65)?;
    let line = std::str::from_utf8(head).ok()?.strip_suffix('\n')?;
    (Digest::parse(line).ok()? == Digest::of(json)).then_some(json)
}

fn create_dir(dir: &Path) -> Result<(), TrustError> {
    let exists = dir.try_exists().map_err(|source| io_error("look for", dir, source))?;
    if exists { Ok(()) } else { create_owned(dir).map_err(|source| io_error("create", dir, source)) }
}

/// A new folder, owned as the folder around it is.
fn create_owned(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    // Not for a relative path of one part, nor for a folder in the root of the file system.
    #[cfg(unix)]
    if let Some(parent) = dir.parent().filter(|parent| parent.parent().is_some()) {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let (around, own) = (fs::metadata(parent)?, fs::metadata(dir)?);
        if around.uid() != own.uid() {
            chown(dir, Some(around.uid()), Some(around.gid()))?;
        }
    }
    Ok(())
}

fn write_synced(dir: &Path, path: &Path, json: &[u8]) -> io::Result<()> {
    let mut file = create(dir, path)?;
    file.write_all(format!("{}\n", Digest::of(json)).as_bytes())?;
    file.write_all(json)?;
    file.sync_all()
}

/// A new file, writable by nobody else, owned as the folder is: also where root updates a
/// program in somebody's home.
#[cfg(unix)]
fn create(dir: &Path, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
    absent(fs::remove_file(path))?;
    let file = File::options().write(true).create_new(true).mode(0o644).open(path)?;
    let (folder, own) = (fs::metadata(dir)?, file.metadata()?);
    if folder.uid() != own.uid() {
        fchown(&file, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn create(_dir: &Path, path: &Path) -> io::Result<File> {
    File::create(path)
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Windows keeps renames without it, and can't open a folder as a file.
#[cfg(not(unix))]
fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// What is not there is as good as deleted.
fn absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

pub(crate) fn io_error(operation: &'static str, path: &Path, source: io::Error) -> TrustError {
    TrustError::StateIo { operation, path: path.to_owned(), source }
}
