//! The state folder, opened once without following links; every file in it is opened relative to
//! that handle, without following links, and must be ours.

use super::platform;
use crate::{Refusal, SwapError, error::Context as _};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Whom the program belongs to: new files get the same owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Owner {
    /// Gives `file` to the program's owner, where this process runs as root.
    pub(crate) fn own(self, file: impl rustix::fd::AsFd) -> io::Result<()> {
        if rustix::process::geteuid().is_root() {
            let (uid, gid) = (rustix::fs::Uid::from_raw(self.uid), rustix::fs::Gid::from_raw(self.gid));
            rustix::fs::fchown(file, Some(uid), Some(gid))?;
        }
        Ok(())
    }

    /// Ours or the program's owner's.
    fn includes(self, uid: u32) -> bool {
        uid == rustix::process::geteuid().as_raw() || uid == self.uid
    }
}

/// The state folder of an install.
#[derive(Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    dir: OwnedFd,
    owner: Owner,
}

const OPEN: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

impl StateFolder {
    /// Opens the folder; `None` if there is none.
    pub(crate) fn open(path: &Path, owner: Owner) -> Result<Option<Self>, Refusal> {
        let unusable = |error: Errno| Refusal::Unusable { path: path.to_owned(), reason: error.to_string() };
        let dir = match rustix::fs::open(path, OFlags::DIRECTORY | OPEN, Mode::empty()) {
            Ok(dir) => dir,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                return Err(Refusal::Untrusted { path: path.to_owned(), reason: "it is not a folder".to_owned() });
            }
            Err(error) => return Err(unusable(error)),
        };
        let stat = rustix::fs::fstat(&dir).map_err(unusable)?;
        trust(&stat, owner).map_err(|reason| Refusal::Untrusted { path: path.to_owned(), reason })?;
        Ok(Some(StateFolder { path: path.to_owned(), dir, owner }))
    }

    /// Opens the folder, making it where there is none.
    pub(crate) fn create(path: &Path, owner: Owner) -> Result<Self, Refusal> {
        if let Some(folder) = Self::open(path, owner)? {
            return Ok(folder);
        }
        let unusable = |error: io::Error| Refusal::Unusable { path: path.to_owned(), reason: error.to_string() };
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(unusable(error.into())),
        }
        let folder = Self::open(path, owner)?.ok_or_else(|| unusable(io::ErrorKind::NotFound.into()))?;
        owner.own(&folder.dir).map_err(unusable)?;
        Ok(folder)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file of at most `limit` bytes; `None` if there is none.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Refusal> {
        let path = self.path.join(name);
        let unusable = |error: io::Error| Refusal::Unusable { path: path.clone(), reason: error.to_string() };
        let untrusted = |reason: &str| Refusal::Untrusted { path: path.clone(), reason: reason.to_owned() };
        let fd = match rustix::fs::openat(&self.dir, name, OFlags::RDONLY | OPEN, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(untrusted("it is a link")),
            Err(error) => return Err(unusable(error.into())),
        };
        let stat = rustix::fs::fstat(&fd).map_err(|error| unusable(error.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(untrusted("it is not a regular file"));
        }
        trust(&stat, self.owner).map_err(|reason| untrusted(&reason))?;
        let mut bytes = Vec::new();
        File::from(fd).take(limit + 1).read_to_end(&mut bytes).map_err(unusable)?;
        if bytes.len() as u64 > limit {
            return Err(untrusted("it is larger than any that is written"));
        }
        Ok(Some(bytes))
    }

    /// Replaces a file: whole and synced, or not at all.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), SwapError> {
        let new = format!("{name}.new");
        self.write_new(name, &new, bytes).inspect_err(|_| {
            // On a full disk it would take the room that the next write needs.
            let _ = self.remove(&new);
        })
    }

    fn write_new(&self, name: &str, new: &str, bytes: &[u8]) -> Result<(), SwapError> {
        let path = self.path.join(new);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OPEN;
        let mut file: File =
            rustix::fs::openat(&self.dir, new, flags, Mode::RUSR | Mode::WUSR).context("create", &path)?.into();
        self.owner.own(&file).context("change the owner of", &path)?;
        file.write_all(bytes).context("write", &path)?;
        platform::sync(&file).context("sync", &path)?;
        rustix::fs::renameat(&self.dir, new, &self.dir, name).context("rename", &path)?;
        platform::sync(&self.dir).context("sync", &self.path)
    }

    /// Creates an empty file; false if there is one already.
    pub(crate) fn create_new(&self, name: &str) -> io::Result<bool> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OPEN;
        match rustix::fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => self.owner.own(file).map(|()| true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file to lock it, creating it where there is none.
    pub(crate) fn open_lock(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OPEN;
        let fd = rustix::fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR)?;
        let stat = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || trust(&stat, self.owner).is_err() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the lock file is not ours"));
        }
        if stat.st_uid != self.owner.uid {
            self.owner.own(&fd)?;
        }
        Ok(fd.into())
    }

    /// Whether a file is there.
    pub(crate) fn exists(&self, name: &str) -> bool {
        rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// When a file was written last.
    #[allow(clippy::useless_conversion, reason = "the numbers of systems of 32 bits have other types")]
    pub(crate) fn modified(&self, name: &str) -> Option<SystemTime> {
        let stat = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let (seconds, nanos) = (u64::try_from(stat.st_mtime).ok()?, u32::try_from(stat.st_mtime_nsec).ok()?);
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
    }

    /// Renames a file within the folder.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.dir, from, &self.dir, to)?)
    }

    /// Deletes a file; it is no error if there is none.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of what lies in the folder.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.dir)? {
            if let Ok(name) = entry?.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// A folder inside, made where there is none.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Refusal> {
        StateFolder::create(&self.path.join(name), self.owner).map(|folder| folder.path)
    }
}

/// Creates a new private file of the program's owner at `path`; whatever has that name is deleted.
pub(crate) fn create_private(path: &Path, owner: Owner) -> io::Result<File> {
    match rustix::fs::unlink(path) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OPEN;
    let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?;
    owner.own(&file)?;
    Ok(file.into())
}

/// Opens a base or a staged file for reading: a regular file, no link, and ours. Who else may write
/// it is decided by the program's own mode, which it has; its digest is checked at every use.
pub(crate) fn open_kept(path: &Path, owner: Owner) -> io::Result<File> {
    let fd = rustix::fs::open(path, OFlags::RDONLY | OPEN, Mode::empty())?;
    let stat = rustix::fs::fstat(&fd)?;
    let denied = |reason| Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return denied("it is not a regular file");
    }
    if !owner.includes(stat.st_uid) {
        return denied("it belongs to somebody else");
    }
    Ok(fd.into())
}

/// Ours or the program's owner's, and writable by nobody else.
fn trust(stat: &Stat, owner: Owner) -> Result<(), String> {
    if !owner.includes(stat.st_uid) {
        return Err(format!("it belongs to user {}", stat.st_uid));
    }
    let mode = stat.st_mode & 0o7777;
    if mode & 0o022 != 0 {
        return Err(format!("others can write it (mode {mode:o})"));
    }
    Ok(())
}
