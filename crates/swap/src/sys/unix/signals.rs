//! Signals as bytes in a pipe: a handler counts for the whole process, whatever threads it has, and
//! writing a byte is all that a handler may safely do.

use super::platform;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// Where the handler writes to: a pipe that lives as long as the process, or -1.
static SINK: AtomicI32 = AtomicI32::new(-1);

/// What is passed on to the new program: everything that can be caught and does not come from the
/// process's own faults.
pub(super) fn forwarded() -> Vec<i32> {
    let named = [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
        libc::SIGTERM,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGCONT,
        libc::SIGURG,
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGWINCH,
        libc::SIGIO,
        libc::SIGXCPU,
    ];
    named.into_iter().chain(platform::real_time_signals()).collect()
}

/// The signals of this process as they come.
#[derive(Debug)]
pub(super) struct Signals {
    read: OwnedFd,
}

impl Signals {
    /// Catches `signals`. One that the process was started with as ignored stays ignored, and so
    /// it is for the new program (`nohup`).
    pub(super) fn listen(signals: &[i32]) -> io::Result<Self> {
        let (read, write) = platform::pipe_without_waiting()?;
        deliver_to(write.as_fd());
        // The handler may run until the process ends: its end of the pipe is never closed.
        std::mem::forget(write);
        for &signal in signals.iter().filter(|&&signal| !is_ignored(signal)) {
            catch(signal)?;
        }
        unblock_all();
        Ok(Signals { read })
    }

    /// What has come since the last call.
    pub(super) fn drain(&self) -> Vec<i32> {
        drain(self.read.as_fd())
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// Reads the signal numbers that are in a pipe now.
pub(super) fn drain(pipe: BorrowedFd<'_>) -> Vec<i32> {
    let mut signals = Vec::new();
    let mut bytes = [0u8; 64];
    while let Ok(count @ 1..) = rustix::io::read(pipe, &mut bytes) {
        signals.extend(bytes[..count].iter().map(|&byte| i32::from(byte)));
    }
    signals
}

/// Sends the handler's bytes to another pipe, which must stay open as long as the process lives.
pub(super) fn deliver_to(pipe: BorrowedFd<'_>) {
    SINK.store(pipe.as_raw_fd(), Ordering::SeqCst);
}

extern "C" fn on_signal(signal: libc::c_int) {
    let byte = signal as u8;
    // SAFETY: write(2) may be called in a handler; the byte lives on this stack. errno is put back,
    // since the interrupted code may be about to read it. A full pipe loses a signal of which there
    // are thousands already.
    unsafe {
        let errno = errno_location();
        let saved = *errno;
        libc::write(SINK.load(Ordering::SeqCst), (&raw const byte).cast(), 1);
        *errno = saved;
    }
}

#[cfg(target_os = "linux")]
unsafe fn errno_location() -> *mut libc::c_int {
    // SAFETY: no conditions; the pointer is this thread's errno.
    unsafe { libc::__errno_location() }
}

#[cfg(not(target_os = "linux"))]
unsafe fn errno_location() -> *mut libc::c_int {
    // SAFETY: no conditions; the pointer is this thread's errno.
    unsafe { libc::__error() }
}

fn catch(signal: i32) -> io::Result<()> {
    // SAFETY: an all-zero sigaction is a valid one: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` is initialised, and its handler does only what a handler may.
    if unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Whether the process ignores a signal.
pub(super) fn is_ignored(signal: i32) -> bool {
    // SAFETY: an all-zero sigaction is a valid one, and is only written to.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        libc::sigaction(signal, std::ptr::null(), &mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

/// Sets a signal to its default action or to be ignored; what it was before.
pub(super) fn set_ignored(signal: i32, ignored: bool) -> bool {
    let action = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: both are no handlers of ours: nothing runs on the signal.
    unsafe { libc::signal(signal, action) == libc::SIG_IGN }
}

/// Sends a signal.
pub(super) fn send(pid: i32, signal: i32) {
    // SAFETY: no memory is involved. A process that is gone is no error here.
    unsafe { libc::kill(pid, signal) };
}

/// A set of blocked signals.
#[derive(Clone, Copy)]
pub(crate) struct Mask(libc::sigset_t);

/// Blocks all signals in this thread; what was blocked before.
pub(super) fn block_all() -> Mask {
    // SAFETY: the set is initialised by sigfillset, the old one by pthread_sigmask.
    unsafe {
        let (mut all, mut old) = (MaybeUninit::uninit(), MaybeUninit::zeroed());
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
        Mask(old.assume_init())
    }
}

/// Sets what is blocked in this thread.
pub(super) fn restore(mask: Mask) {
    // SAFETY: the set came from `block_all`.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &mask.0, std::ptr::null_mut()) };
}

/// Blocks nothing in this thread.
pub(super) fn unblock_all() {
    // SAFETY: the set is initialised by sigemptyset.
    unsafe {
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
}
