//! The updater's own streams: it never uses them, and holds them only as long as it may have to run
//! the old program on them.

use super::platform;
use std::fs::OpenOptions;
use std::os::fd::{BorrowedFd, RawFd};

/// Puts the standard streams on the null device and closes everything else that was inherited, so
/// that an end of file arrives when the new program closes its end, although this process lives.
pub(super) fn release() {
    if let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
    close_inherited();
}

/// The same for a process that still has something to say: standard error stays.
pub(super) fn release_input_and_output() {
    if let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

/// Closes the descriptors that an exec has passed to this process. They are those without the
/// close-on-exec flag: std and this crate set it on every descriptor that they open.
fn close_inherited() {
    let Ok(entries) = std::fs::read_dir("/dev/fd") else { return };
    let open: Vec<RawFd> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|&fd| fd > 2) {
        // SAFETY: the descriptor is borrowed for these calls alone; a closed one gives an error.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        let flags = rustix::io::fcntl_getfd(borrowed);
        if flags.is_ok_and(|flags| !flags.contains(rustix::io::FdFlags::CLOEXEC)) && !platform::keeps_mount(borrowed) {
            // SAFETY: it was open before this program's first instruction: no object in here owns
            // it, and the program's own code, which might have adopted it, does not run any more.
            unsafe { rustix::io::close(fd) };
        }
    }
}
