//! One process becomes another, starts another, ends as another did.

use super::{StateFolder, platform, signals};
use crate::launch::{Launch, own_command_line};
use crate::verdict::End;
use crate::{Mode, Options};
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

/// How long a detached updater may take to claim its role.
const CLAIM_WITHIN: Duration = Duration::from_secs(10);

/// An updater that has taken over; it waits for the end of this process.
#[derive(Debug)]
pub(crate) struct HandOver {
    /// The kernel frees the lock with this process: that is what the updater waits for.
    _alive: File,
}

impl HandOver {
    /// Ends this process.
    pub(crate) fn exit(self) -> ! {
        std::process::exit(0)
    }
}

/// Whether the first process is another one, which ends: attached it has become this one.
pub(crate) fn is_detached(is_own_pid: bool, _options: &Options) -> bool {
    !is_own_pid
}

/// The parent's pid.
pub(crate) fn parent() -> Option<u32> {
    rustix::process::getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
}

/// Ends this process at once: no code of the program runs any more.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: no conditions.
    unsafe { libc::_exit(code) }
}

/// Starts the updater process from `base`. Attached: this process becomes it, and returns only on
/// failure.
pub(crate) fn hand_over(
    base: &Path,
    role: &OsStr,
    mode: Mode,
    folder: &StateFolder,
    token: &str,
) -> io::Result<HandOver> {
    flush_output();
    if mode == Mode::Attached {
        return Err(exec(base, Some(role)));
    }
    let alive = folder.open_lock(&format!("{token}.first-process"))?;
    alive.lock()?;
    let mut child = Launch::updater(base, role).command().spawn()?;
    let claim = format!("{token}.updater");
    let pause = Duration::from_millis(10);
    for _ in 0..CLAIM_WITHIN.as_millis() / pause.as_millis() {
        if folder.exists(&claim) {
            return Ok(HandOver { _alive: alive });
        }
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("it ended with {status}")));
        }
        std::thread::sleep(pause);
    }
    child.kill()?;
    child.wait()?;
    Err(io::Error::new(io::ErrorKind::TimedOut, "it did not claim its role"))
}

/// A detached updater: leaves the terminal, and waits until the first process has ended.
pub(crate) fn wait_for_first_process(folder: &StateFolder, token: &str) {
    let _ = rustix::process::setsid();
    if let Ok(file) = folder.open_lock(&format!("{token}.first-process")) {
        let _ = file.lock();
    }
}

/// This process becomes the program at `program`, with its own arguments; returns on failure.
pub(crate) fn become_program(program: &Path, role: Option<&OsStr>) -> io::Error {
    exec(program, role)
}

/// execve with this process's own arguments and environment, the role in it replaced. Not std's
/// `exec`, which changes dispositions and masks of signals, also when it fails.
fn exec(file: &Path, role: Option<&OsStr>) -> io::Error {
    let strings = |strings: Vec<OsString>| -> Result<Vec<CString>, io::Error> {
        strings.into_iter().map(|string| Ok(CString::new(string.as_bytes())?)).collect()
    };
    let (argv, environment) = own_command_line(role);
    let prepared = CString::new(file.as_os_str().as_bytes()).map_err(io::Error::from).and_then(|file| {
        let environment = environment.into_iter().map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            name
        });
        Ok((file, strings(argv)?, strings(environment.collect())?))
    });
    let (file, argv, environment) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return error,
    };
    let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, environment) = (pointers(&argv), pointers(&environment));
    // std ignores SIGPIPE in every Rust program; the next one decides for itself.
    let pipe_was_ignored = signals::set_ignored(libc::SIGPIPE, false);
    // SAFETY: all strings end with NUL and live until the call has failed; both arrays end with a
    // null pointer.
    unsafe { libc::execve(file.as_ptr(), argv.as_ptr(), environment.as_ptr()) };
    let error = io::Error::last_os_error();
    signals::set_ignored(libc::SIGPIPE, pipe_was_ignored);
    error
}

/// Ends this process as the new program did: with its status, or by the same signal.
pub(crate) fn pass_up(end: End) -> ! {
    let signal = match end {
        End::Code(code) => exit(code),
        End::Signal(signal) => signal,
    };
    platform::forbid_core();
    signals::set_ignored(signal, false);
    signals::unblock_all();
    signals::send(rustix::process::getpid().as_raw_nonzero().get(), signal);
    // One whose default is not death.
    exit(128 + signal)
}

/// Runs `thread` with all signals blocked in it: the program's signals are handled by its own
/// threads, also where it waits for them with all of them blocked.
pub(crate) fn spawn_quiet(name: &str, thread: impl FnOnce() + Send + 'static) {
    let mask = signals::block_all();
    // Without the thread the updater's own count decides.
    let _ = std::thread::Builder::new().name(name.to_owned()).spawn(thread);
    signals::restore(mask);
}

/// What the program has printed but not flushed would be lost by exec. On its own thread, since
/// another one may hold standard output for ever.
fn flush_output() {
    let (done, flushed) = std::sync::mpsc::channel();
    let flush = move || {
        let _ = io::stdout().flush();
        let _ = done.send(());
    };
    if std::thread::Builder::new().spawn(flush).is_ok() {
        let _ = flushed.recv_timeout(Duration::from_millis(500));
    }
}
