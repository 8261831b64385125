//! One process starts another, waits for it, ends as it did.

use super::StateFolder;
use super::files::finish_swap;
use super::supervisor::{Supervisor, Wake, ignore_control_c};
use crate::launch::Launch;
use crate::verdict::End;
use crate::{Mode, Options};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::windows::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;
use upstep_model::executable::{HEAD, Header};
use windows_sys::Win32::Foundation::{CloseHandle, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::Threading::{CREATE_BREAKAWAY_FROM_JOB, CREATE_NEW_PROCESS_GROUP, DETACHED_PROCESS};

/// How long an updater may take to claim its role.
const CLAIM_WITHIN: Duration = Duration::from_secs(10);

/// An updater that has taken over.
#[derive(Debug)]
pub(crate) struct HandOver {
    /// Attached: it is waited for.
    updater: Option<Child>,
    program: PathBuf,
    kept: Vec<PathBuf>,
    /// The system frees the lock with this process: a detached updater waits for that.
    _alive: File,
}

impl HandOver {
    /// Ends this process: attached after the updater and as it does.
    pub(crate) fn exit(self) -> ! {
        let Some(mut updater) = self.updater else { std::process::exit(0) };
        ignore_control_c();
        let code = updater.wait().ok().and_then(|status| status.code()).unwrap_or(1);
        // Killed between its two renames: this process finishes the second.
        finish_swap(&self.program, &self.kept);
        std::process::exit(code)
    }
}

/// Detached for a program without a console.
pub(crate) fn default_mode() -> Mode {
    use std::io::Read as _;
    let mut head = Vec::new();
    let file = std::env::current_exe().and_then(File::open);
    let read = file.and_then(|file| file.take(HEAD as u64).read_to_end(&mut head));
    match read.ok().and_then(|_| Header::read(&head)) {
        Some(Header { is_gui: true, .. }) => Mode::Detached,
        _ => Mode::Attached,
    }
}

/// Whether the first process ends or waits: the options say, since the updater is its child anyway.
pub(crate) fn is_detached(_is_own_pid: bool, options: &Options) -> bool {
    options.effective_mode() == Mode::Detached
}

/// The file that this process was started from.
pub(crate) fn running_file() -> io::Result<PathBuf> {
    std::env::current_exe()?.canonicalize()
}

/// The parent's pid.
pub(crate) fn parent() -> Option<u32> {
    let own = std::process::id();
    // SAFETY: the snapshot is closed before return; the entry says its own size and is only
    // written to.
    unsafe {
        let snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
        if snapshot == INVALID_HANDLE_VALUE {
            return None;
        }
        let mut entry: PROCESSENTRY32W = std::mem::zeroed();
        entry.dwSize = u32::try_from(size_of::<PROCESSENTRY32W>()).ok()?;
        let mut found = None;
        let mut more = Process32FirstW(snapshot, &mut entry);
        while more != 0 && found.is_none() {
            found = (entry.th32ProcessID == own).then_some(entry.th32ParentProcessID);
            more = Process32NextW(snapshot, &mut entry);
        }
        CloseHandle(snapshot);
        found
    }
}

/// Ends this process.
pub(crate) fn exit(code: i32) -> ! {
    std::process::exit(code)
}

/// Starts the updater process from `base`, and waits until it has claimed its role.
pub(crate) fn hand_over(
    base: &Path,
    role: &OsStr,
    mode: Mode,
    folder: &StateFolder,
    token: &str,
) -> io::Result<HandOver> {
    let alive = folder.open_lock(&format!("{token}.first-process"))?;
    alive.lock()?;
    let launch = Launch::updater(base, role);
    let mut updater = if mode == Mode::Detached { spawn_detached(&launch)? } else { launch.command().spawn()? };
    let claim = format!("{token}.updater");
    let pause = Duration::from_millis(10);
    for _ in 0..CLAIM_WITHIN.as_millis() / pause.as_millis() {
        if folder.exists(&claim) {
            let (_, program) = decode_path(role).unwrap_or_default();
            let updater = (mode == Mode::Attached).then_some(updater);
            return Ok(HandOver { updater, program, kept: vec![base.to_owned()], _alive: alive });
        }
        if let Some(status) = updater.try_wait()? {
            return Err(io::Error::other(format!("it ended with {status}")));
        }
        std::thread::sleep(pause);
    }
    updater.kill()?;
    updater.wait()?;
    Err(io::Error::new(io::ErrorKind::TimedOut, "it did not claim its role"))
}

/// Outside of a job that would kill it, where the job lets it go.
fn spawn_detached(launch: &Launch) -> io::Result<Child> {
    let flags = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP;
    let outside = launch.command().creation_flags(flags | CREATE_BREAKAWAY_FROM_JOB).spawn();
    outside.or_else(|_| launch.command().creation_flags(flags).spawn())
}

/// A detached updater: waits until the first process has ended.
pub(crate) fn wait_for_first_process(folder: &StateFolder, token: &str) {
    if let Ok(file) = folder.open_lock(&format!("{token}.first-process")) {
        let _ = file.lock();
    }
}

/// Runs the program at `program` with this process's own arguments, and ends as it does; returns on
/// failure.
pub(crate) fn become_program(program: &Path, role: Option<&OsStr>) -> io::Error {
    let launch = Launch::program(program, role.map(OsStr::to_owned));
    let mut supervisor = match Supervisor::start(&launch, true) {
        Ok(supervisor) => supervisor,
        Err(error) => return error,
    };
    supervisor.release_streams();
    loop {
        if let Wake::Ended(end) = supervisor.wait(None) {
            pass_up(end);
        }
    }
}

/// Ends this process as the new program did.
pub(crate) fn pass_up(end: End) -> ! {
    match end {
        End::Code(code) | End::Signal(code) => std::process::exit(code),
    }
}

/// Runs `thread` beside the program.
pub(crate) fn spawn_quiet(name: &str, thread: impl FnOnce() + Send + 'static) {
    // Without the thread the updater's own count decides.
    let _ = std::thread::Builder::new().name(name.to_owned()).spawn(thread);
}

/// The variable's value: `head` and the path.
pub(crate) fn encode_path(head: &str, path: &Path) -> OsString {
    let mut value = OsString::from(head);
    value.push(path);
    value
}

/// Splits the variable's value after its third colon. (Names of files need not be Unicode.)
pub(crate) fn decode_path(value: &OsStr) -> Option<(String, PathBuf)> {
    let value: Vec<u16> = value.encode_wide().collect();
    let (third, _) = value.iter().enumerate().filter(|(_, unit)| **unit == u16::from(b':')).nth(2)?;
    let head = String::from_utf16(&value[..third]).ok()?;
    Some((head, OsString::from_wide(&value[third + 1..]).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_unicode_survives_the_variable() {
        let path = PathBuf::from(OsString::from_wide(&[0x43, 0x3a, 0x5c, 0xd800, 0x3a, 0x61]));
        assert_eq!(decode_path(&encode_path("a:b:c:", &path)), Some(("a:b:c".to_owned(), path)));
        assert_eq!(decode_path(OsStr::new("a:b")), None);
    }
}
