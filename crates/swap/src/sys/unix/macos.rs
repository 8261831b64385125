//! What macOS (and other Unix systems) have or do otherwise.

use crate::Mode;
use rustix::fd::OwnedFd;
use rustix::process::Pid;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Detached for a program inside a bundle, which has no terminal; else attached.
pub(crate) fn default_mode() -> Mode {
    match running_file() {
        Ok(path) if path.components().any(|part| part.as_os_str().to_string_lossy().ends_with(".app")) => {
            Mode::Detached
        }
        _ => Mode::Attached,
    }
}

/// The file that this process runs from. The system tells the path that it was started by, so this
/// is that path's file now.
pub(crate) fn running_file() -> io::Result<PathBuf> {
    std::env::current_exe()?.canonicalize()
}

/// Only Linux has file capabilities.
pub(crate) fn has_capabilities(_path: &Path) -> bool {
    false
}

/// Whether macOS runs the app from a random, read-only place, since it was downloaded and never
/// moved.
pub(crate) fn is_translocated(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "AppTranslocation")
}

/// APFS clones whole files, not into one that exists: the copy path serves.
pub(crate) fn reflink(_from: &File, _from_path: &Path, _to: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Always a new inode: the kernel keeps a code signature's verdict by inode.
pub(crate) const RESTORE_BY_LINK: bool = false;

/// Syncs a file's bytes to the medium: `fsync` alone stops at the drive's cache.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    // std uses F_FULLFSYNC here.
    file.sync_all()
}

/// It can't be told without private interfaces: the updater then does not stop itself.
pub(crate) fn is_stopped(_pid: Pid) -> Option<bool> {
    None
}

/// A pipe whose ends neither wait nor survive an exec.
pub(crate) fn pipe_without_waiting() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe()?;
    for end in [&read, &write] {
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(end, rustix::fs::OFlags::NONBLOCK)?;
    }
    Ok((read, write))
}

/// Closes all descriptors from `first` on. Allocates nothing: the witness calls it.
pub(crate) fn close_from(first: libc::c_uint) {
    for fd in first..4096 {
        // SAFETY: only called where nothing owns a descriptor any more; closing a number that is
        // not open does nothing.
        unsafe { libc::close(fd as libc::c_int) };
    }
}

/// No core file of this process: it passes on a death that has made its own.
pub(crate) fn forbid_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// There are none.
pub(crate) fn real_time_signals() -> std::ops::Range<i32> {
    0..0
}
