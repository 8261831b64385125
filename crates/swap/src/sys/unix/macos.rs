//! What macOS (and other Unix systems) have or do otherwise. `docs/platforms.md` has a row for each
//! of Apple's rules, and what of it has been shown.

use crate::{Mode, bundle};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::Stat;
use rustix::process::Pid;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Detached for a program inside a bundle, which has no terminal; else attached.
pub(crate) fn default_mode() -> Mode {
    match running_file() {
        Ok(path) if bundle::of(&path).is_some() => Mode::Detached,
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

/// Only Linux has AppImages.
pub(crate) fn is_unpacked(_path: &Path) -> bool {
    false
}

/// Only an AppImage's runtime passes on what keeps its mount.
pub(crate) fn keeps_mount(_fd: BorrowedFd<'_>) -> bool {
    false
}

/// Whether macOS runs the app from a random, read-only place.
pub(crate) fn is_translocated(path: &Path) -> bool {
    bundle::is_translocated(path)
}

/// Whether the file is locked ('Locked' in the Finder, `chflags uchg`): no rename over it succeeds.
#[cfg(target_vendor = "apple")]
pub(crate) fn is_locked(stat: &Stat) -> bool {
    stat.st_flags & (libc::UF_IMMUTABLE | libc::UF_APPEND | libc::SF_IMMUTABLE | libc::SF_APPEND) != 0
}

/// Flags of files are Apple's here.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn is_locked(_stat: &Stat) -> bool {
    false
}

/// The signed bundle that the program is sealed in.
pub(crate) fn sealed_bundle(path: &Path) -> Option<PathBuf> {
    bundle::sealed(path)
}

/// The mark that a browser or a mail program leaves on a download: macOS judges such a program at
/// its first start, and may run it from another place.
pub(crate) fn quarantine(path: &Path) -> Option<String> {
    let mark = xattr::get(path, "com.apple.quarantine").ok()??;
    Some(String::from_utf8_lossy(&mark[..mark.len().min(256)]).into_owned())
}

/// APFS clones whole files, not into one that exists: the copy path serves.
pub(crate) fn reflink(_from: &File, _from_path: &Path, _to: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Always a new inode: the kernel keeps what it knows of a code signature by inode, and does not
/// forget it when the bytes change. The old program comes back as a copy, too, since nobody can
/// say what was written to the inode that it had.
pub(crate) const RESTORE_BY_LINK: bool = false;

/// Syncs a file's bytes, or a folder's entries, to the medium: `fsync` stops at the drive's cache.
/// Volumes that know no more (of other systems, on a network) get that.
#[cfg(target_vendor = "apple")]
pub(crate) fn sync(file: impl AsFd) -> io::Result<()> {
    use rustix::io::Errno;
    match rustix::fs::fcntl_fullfsync(&file) {
        Err(Errno::NOTSUP | Errno::NOTTY | Errno::INVAL) => Ok(rustix::fs::fsync(&file)?),
        synced => Ok(synced?),
    }
}

/// Syncs a file's bytes, or a folder's entries, to the medium.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn sync(file: impl AsFd) -> io::Result<()> {
    Ok(rustix::fs::fsync(file)?)
}

/// Whether a process is stopped; `None` if that can't be told, false if it is gone. Allocates
/// nothing: the witness calls it.
#[cfg(target_os = "macos")]
pub(crate) fn is_stopped(pid: Pid) -> Option<bool> {
    let mut info = std::mem::MaybeUninit::<libc::proc_bsdinfo>::zeroed();
    let size = libc::c_int::try_from(size_of::<libc::proc_bsdinfo>()).ok()?;
    let pid = pid.as_raw_nonzero().get();
    // SAFETY: the buffer is as long as is said, and lives past the call, which writes at most that.
    let written = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, info.as_mut_ptr().cast(), size) };
    if written != size {
        return match io::Error::last_os_error().raw_os_error() {
            Some(libc::ESRCH) => Some(false),
            _ => None,
        };
    }
    // SAFETY: it was zeroed, which is a valid value of all its fields, and then written whole.
    Some(unsafe { info.assume_init() }.pbi_status == libc::SSTOP)
}

/// It can't be told: the updater then does not stop itself.
#[cfg(not(target_os = "macos"))]
pub(crate) fn is_stopped(_pid: Pid) -> Option<bool> {
    None
}

/// A pipe whose ends neither wait nor survive an exec. (There is no pipe2: a fork by another thread
/// between these calls would inherit the ends. The updater, which calls this, has no other threads
/// that fork.)
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
    // SAFETY: no conditions; the number of descriptors that this process may have, which may be
    // nearly unlimited.
    let end = unsafe { libc::getdtablesize() }.clamp(4096, 1 << 16);
    for fd in first as libc::c_int..end {
        // SAFETY: only called where nothing owns a descriptor any more; closing a number that is
        // not open does nothing.
        unsafe { libc::close(fd) };
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
