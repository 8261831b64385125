//! The state folder. It and its files must belong to us or the program's owner, and be no links.

use super::Owner;
use crate::{Refusal, SwapError, error::Context as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const FILE_ATTRIBUTE_HIDDEN: u32 = 0x2;
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// The state folder of an install.
#[derive(Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    owner: Owner,
}

impl StateFolder {
    /// Opens the folder; `None` if there is none.
    pub(crate) fn open(path: &Path, owner: Owner) -> Result<Option<Self>, Refusal> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(path, &error)),
        };
        if !metadata.is_dir() {
            return Err(untrusted(path, "it is not a folder"));
        }
        trust(path, owner)?;
        Ok(Some(StateFolder { path: path.to_owned(), owner }))
    }

    /// Opens the folder, making it where there is none.
    pub(crate) fn create(path: &Path, owner: Owner) -> Result<Self, Refusal> {
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(path, &error)),
            _ => {}
        }
        Self::open(path, owner)?.ok_or_else(|| untrusted(path, "it is gone"))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file of at most `limit` bytes; `None` if there is none.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Refusal> {
        let path = self.path.join(name);
        let file = match open_unfollowed(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&path, &error)),
        };
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(untrusted(&path, "it is not a regular file"));
        }
        trust(&path, self.owner)?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| unusable(&path, &error))?;
        if bytes.len() as u64 > limit {
            return Err(untrusted(&path, "it is larger than any that is written"));
        }
        Ok(Some(bytes))
    }

    /// Replaces a file: whole and synced, or not at all.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), SwapError> {
        let path = self.path.join(format!("{name}.new"));
        self.write_new(name, &path, bytes).inspect_err(|_| {
            // On a full disk it would take the room that the next write needs.
            let _ = fs::remove_file(&path);
        })
    }

    fn write_new(&self, name: &str, path: &Path, bytes: &[u8]) -> Result<(), SwapError> {
        let mut file = File::create(path).context("create", path)?;
        file.write_all(bytes).context("write", path)?;
        file.sync_all().context("sync", path)?;
        drop(file);
        super::files::rename_patiently(path, &self.path.join(name)).context("rename", path)
    }

    /// Creates an empty file; false if there is one already.
    pub(crate) fn create_new(&self, name: &str) -> io::Result<bool> {
        match OpenOptions::new().write(true).create_new(true).open(self.path.join(name)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a file to lock it, creating it where there is none.
    pub(crate) fn open_lock(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).attributes(FILE_ATTRIBUTE_HIDDEN);
        options.open(self.path.join(name))
    }

    /// Whether a file is there.
    pub(crate) fn exists(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path.join(name)).is_ok()
    }

    /// When a file was written last.
    pub(crate) fn modified(&self, name: &str) -> Option<SystemTime> {
        fs::symlink_metadata(self.path.join(name)).ok()?.modified().ok()
    }

    /// Renames a file within the folder.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        super::files::rename_patiently(&self.path.join(from), &self.path.join(to))
    }

    /// Deletes a file; it is no error if there is none.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The names of what lies in the folder.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path)?.flatten();
        Ok(entries.filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    /// A folder inside, made where there is none.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Refusal> {
        StateFolder::create(&self.path.join(name), self.owner).map(|folder| folder.path)
    }
}

/// Opens a file for reading; a link itself, not what it leads to.
pub(super) fn open_unfollowed(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(path)
}

fn trust(path: &Path, owner: Owner) -> Result<(), Refusal> {
    match owner.owns(path) {
        Ok(true) => Ok(()),
        Ok(false) => Err(untrusted(path, "it belongs to somebody else")),
        Err(error) => Err(unusable(path, &error)),
    }
}

fn untrusted(path: &Path, reason: &str) -> Refusal {
    Refusal::Untrusted { path: path.to_owned(), reason: reason.to_owned() }
}

fn unusable(path: &Path, error: &io::Error) -> Refusal {
    Refusal::Unusable { path: path.to_owned(), reason: error.to_string() }
}
