//! What only Linux has, or does otherwise.

use crate::{Mode, appimage};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::Stat;
use rustix::process::Pid;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Attached: programs of this system are not told apart by kind.
pub(crate) fn default_mode() -> Mode {
    Mode::Attached
}

/// The file that this process runs from, or the AppImage around it; an error if it has been replaced
/// or deleted since.
pub(crate) fn running_file() -> io::Result<PathBuf> {
    let running = std::env::current_exe()?;
    match appimage::image_of(&running) {
        Some(image) => image.canonicalize(),
        None => Ok(running),
    }
}

/// Whether the program runs from a temporary copy of an AppImage's content.
pub(crate) fn is_unpacked(path: &Path) -> bool {
    appimage::is_unpacked(path)
}

/// Whether an inherited descriptor keeps the mount of this process's AppImage: its runtime unmounts
/// when the reading end of its pipe, which it passed on, is closed; it passes a folder on too.
pub(crate) fn keeps_mount(fd: BorrowedFd<'_>) -> bool {
    use rustix::fs::{FileType, OFlags};
    let is_image = std::env::current_exe().is_ok_and(|running| appimage::image_of(&running).is_some());
    let is_read_only = || rustix::fs::fcntl_getfl(fd).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDONLY);
    let kind = || rustix::fs::fstat(fd).map(|stat| FileType::from_raw_mode(stat.st_mode));
    is_image && is_read_only() && matches!(kind(), Ok(FileType::Fifo | FileType::Directory))
}

/// Whether the file has capabilities (setcap).
pub(crate) fn has_capabilities(path: &Path) -> bool {
    matches!(xattr::get(path, "security.capability"), Ok(Some(_)))
}

/// Only macOS moves programs.
pub(crate) fn is_translocated(_path: &Path) -> bool {
    false
}

/// What macOS's flag does, `chattr +i` does here: it is root's alone, and found at the swap.
pub(crate) fn is_locked(_stat: &Stat) -> bool {
    false
}

/// Only macOS has bundles.
pub(crate) fn sealed_bundle(_path: &Path) -> Option<PathBuf> {
    None
}

/// Only macOS marks what was downloaded.
pub(crate) fn quarantine(_path: &Path) -> Option<String> {
    None
}

/// Shares the blocks of `from` with the empty file `to` (btrfs, XFS, bcachefs).
pub(crate) fn reflink(from: &File, _from_path: &Path, to: &File) -> io::Result<()> {
    Ok(rustix::fs::ioctl_ficlone(to, from)?)
}

/// Whether the old program may come back under the inode that it had.
pub(crate) const RESTORE_BY_LINK: bool = true;

/// Syncs a file's bytes, or a folder's entries, to the medium.
pub(crate) fn sync(file: impl AsFd) -> io::Result<()> {
    Ok(rustix::fs::fsync(file)?)
}

/// Whether a process is stopped; `None` if that can't be told, false if it is gone. Allocates
/// nothing: the witness calls it.
pub(crate) fn is_stopped(pid: Pid) -> Option<bool> {
    use rustix::fs::{Mode, OFlags};
    use std::io::Write as _;
    let mut path = [0u8; 32];
    write!(&mut path[..31], "/proc/{}/stat", pid.as_raw_nonzero()).ok()?;
    let path = std::ffi::CStr::from_bytes_until_nul(&path).ok()?;
    let file = match rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => file,
        Err(rustix::io::Errno::NOENT) => return Some(false),
        Err(_) => return None,
    };
    let mut stat = [0u8; 128];
    let count = rustix::io::read(&file, &mut stat).ok()?;
    // The state follows the name, which is in parentheses and may hold any character.
    let name_end = stat[..count].iter().rposition(|&byte| byte == b')')?;
    Some(matches!(stat.get(name_end + 2)?, b'T' | b't'))
}

/// A pipe whose ends neither wait nor survive an exec.
pub(crate) fn pipe_without_waiting() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::pipe::{PipeFlags, pipe_with};
    Ok(pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?)
}

/// Closes all descriptors from `first` on. Allocates nothing: the witness calls it.
pub(crate) fn close_from(first: libc::c_uint) {
    // SAFETY: only called where nothing owns a descriptor any more. By number, since older C
    // libraries have no close_range.
    if unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) } != 0 {
        // Kernels before 5.9.
        close_by_number(first);
    }
}

fn close_by_number(first: libc::c_uint) {
    for fd in first..4096 {
        // SAFETY: as above; closing a number that is not open does nothing.
        unsafe { libc::close(fd as libc::c_int) };
    }
}

/// No core file of this process: it passes on a death that has made its own.
pub(crate) fn forbid_core() {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// The numbers of the real-time signals.
pub(crate) fn real_time_signals() -> std::ops::RangeInclusive<i32> {
    libc::SIGRTMIN()..=libc::SIGRTMAX()
}
