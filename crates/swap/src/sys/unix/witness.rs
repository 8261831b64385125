//! The witness: a process in the updater's process group that tells which signals reach the group.
//!
//! A signal to the group reaches the updater and the new program both; one to the pid of the first
//! process reaches the updater alone, which must pass it on; and no field of a signal tells the
//! two apart. What the witness gets too, the new program has got already.
//!
//! It also looks after a stopped updater: the updater stops itself with the new program, so that a
//! shell sees one stopped job, and can't see it go on; the witness sends it a CONT then.

use super::{platform, signals};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::process::{Pid, WaitOptions, WaitStatus, waitpid};
use std::io;

/// How often a stopped program is looked at.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// The updater's side of the witness. Dropping it ends the witness.
#[derive(Debug)]
pub(super) struct Witness {
    pid: Pid,
    commands: OwnedFd,
    reports: OwnedFd,
}

impl Witness {
    /// Starts it. The calling process has its handlers in place (see [`signals::Signals`]).
    pub(super) fn start() -> io::Result<Self> {
        // A word of a command is written and read whole: neither side waits for more.
        let (command_read, commands) = platform::pipe_without_waiting()?;
        let (reports, report_write) = platform::pipe_without_waiting()?;
        let updater = rustix::process::getpid();
        // Until the child has its own pipe, its handlers would write into the parent's.
        let mask = signals::block_all();
        // SAFETY: the child calls only what may be called between fork and exec in a process with
        // threads: system calls, no allocation, no locks.
        let forked = unsafe { libc::fork() };
        if forked == 0 {
            serve(command_read.as_fd(), report_write.as_fd(), updater);
        }
        signals::restore(mask);
        let pid = Pid::from_raw(forked).filter(|_| forked > 0).ok_or_else(io::Error::last_os_error)?;
        Ok(Witness { pid, commands, reports })
    }

    /// Where its reports come from.
    pub(super) fn reports(&self) -> BorrowedFd<'_> {
        self.reports.as_fd()
    }

    /// Which signals it got since the last call.
    pub(super) fn seen(&self) -> Vec<i32> {
        signals::drain(self.reports.as_fd())
    }

    /// Asks it to continue this process, which is about to stop, as soon as `child` goes on.
    pub(super) fn watch(&self, child: Pid) {
        let _ = rustix::io::write(&self.commands, &child.as_raw_nonzero().get().to_ne_bytes());
    }

    /// Nothing is stopped any more.
    pub(super) fn unwatch(&self) {
        let _ = rustix::io::write(&self.commands, &0i32.to_ne_bytes());
    }

    /// How it ended, if it did: somebody has killed it.
    pub(super) fn ended(&self) -> Option<WaitStatus> {
        match waitpid(Some(self.pid), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => Some(status),
            _ => None,
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        signals::send(self.pid.as_raw_nonzero().get(), libc::SIGKILL);
        let _ = waitpid(Some(self.pid), WaitOptions::empty());
    }
}

/// The witness's whole life: until the updater's end of the pipe is closed. Runs between fork and
/// exec: no allocation.
fn serve(commands: BorrowedFd<'_>, reports: BorrowedFd<'_>, updater: Pid) -> ! {
    let reports = keep_only(commands, reports);
    signals::deliver_to(reports);
    signals::unblock_all();
    // SAFETY: descriptor 0 is the pipe of commands since `keep_only`, and is never closed.
    let commands = unsafe { BorrowedFd::borrow_raw(0) };
    let mut watched = None;
    loop {
        let mut polled = [PollFd::new(&commands, PollFlags::IN)];
        let _ = poll(&mut polled, watched.map(|_| &LOOK));
        if !polled[0].revents().is_empty() {
            let mut word = [0u8; 4];
            match rustix::io::read(commands, &mut word) {
                Ok(4) => watched = Pid::from_raw(i32::from_ne_bytes(word)),
                Err(rustix::io::Errno::INTR) => {}
                _ => super::exit(0),
            }
        }
        // The updater may be on its way to its stop: it is continued until it says that it goes on.
        if let Some(child) = watched
            && platform::is_stopped(child) == Some(false)
            && platform::is_stopped(updater) == Some(true)
        {
            signals::send(updater.as_raw_nonzero().get(), libc::SIGCONT);
        }
    }
}

/// Makes the two pipes descriptors 0 and 1 and closes all others: the lock among them, which would
/// stay held as long as this process has it open.
fn keep_only(commands: BorrowedFd<'_>, reports: BorrowedFd<'_>) -> BorrowedFd<'static> {
    // Pipes of a process whose own 0 and 1 are open have higher numbers: std sees to that.
    let _ = rustix::stdio::dup2_stdin(commands);
    let _ = rustix::stdio::dup2_stdout(reports);
    platform::close_from(2);
    // SAFETY: descriptor 1 is the pipe of reports now, and is never closed.
    unsafe { BorrowedFd::borrow_raw(1) }
}
