//! Whether somebody still reads this process's standard output and error. A Rust program ends by
//! panic when nobody does (`hello | head -1`), which is no fault of the release. Only the program
//! itself can tell in time: when it has ended, its reader has reached the end of file and gone too.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

type Exit = Box<dyn Fn() + Send + Sync>;
static AT_EXIT: OnceLock<Exit> = OnceLock::new();

/// Sleeps; true, at once, when the reader of the output goes away meanwhile.
pub(crate) fn sleep_until_output_breaks(time: Duration) -> bool {
    let until = Instant::now() + time;
    let broke = is_broken_within(time);
    if !broke {
        // A closed descriptor ends the poll early.
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }
    broke
}

/// Whether nobody reads the output.
pub(crate) fn is_output_broken() -> bool {
    is_broken_within(Duration::ZERO)
}

fn is_broken_within(time: Duration) -> bool {
    // SAFETY: numbers that are not open give an event of their own; they are only polled.
    let (output, error) = unsafe { (BorrowedFd::borrow_raw(1), BorrowedFd::borrow_raw(2)) };
    // No events asked for: only the end of the other side is told.
    let mut polled = [PollFd::new(&output, PollFlags::empty()), PollFd::new(&error, PollFlags::empty())];
    let timeout =
        Timespec { tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX), tv_nsec: time.subsec_nanos().into() };
    let _ = poll(&mut polled, Some(&timeout));
    polled.iter().any(|fd| fd.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

/// Calls `exit` when the process ends by itself (a return from `main`, `exit`, a panic that
/// unwinds). Once per process.
pub(crate) fn at_exit(exit: Exit) {
    extern "C" fn on_exit() {
        if let Some(exit) = AT_EXIT.get() {
            exit();
        }
    }
    if AT_EXIT.set(exit).is_ok() {
        // SAFETY: the function lives as long as the program, and does not unwind: what it calls
        // has no panics.
        unsafe { libc::atexit(on_exit) };
    }
}
