//! What only Linux has, or does otherwise.

use crate::Mode;
use rustix::fd::OwnedFd;
use rustix::process::Pid;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Attached: programs of this system are not told apart by kind.
pub(crate) fn default_mode() -> Mode {
    Mode::Attached
}

/// The file that this process runs from; an error if it has been replaced or deleted since.
pub(crate) fn running_file() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Whether the file has capabilities (setcap).
pub(crate) fn has_capabilities(path: &Path) -> bool {
    matches!(xattr::get(path, "security.capability"), Ok(Some(_)))
}

/// Only macOS moves programs.
pub(crate) fn is_translocated(_path: &Path) -> bool {
    false
}

/// Shares the blocks of `from` with the empty file `to` (btrfs, XFS, bcachefs).
pub(crate) fn reflink(from: &File, _from_path: &Path, to: &File) -> io::Result<()> {
    Ok(rustix::fs::ioctl_ficlone(to, from)?)
}

/// Whether the old program may come back under the inode that it had.
pub(crate) const RESTORE_BY_LINK: bool = true;

/// Syncs a file's bytes to the medium.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    file.sync_all()
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
