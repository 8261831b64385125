//! The program that the tests of this crate update: real, in its own process.
//!
//! One build serves as every version of it: the tests copy the file, write another version into its
//! marker, and append a line that says how that copy behaves (`tests/support/`). What it does and
//! sees goes to the file that `TESTEE_LOG` names, one line each: `pid version what`.
//!
//! `swapped [--stage FILE] [words]`: stages and installs FILE, another copy of it, then acts.

use serde::Deserialize;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;
use upstep_model::marker;
use upstep_swap::{
    Confirm, Content, Ended, ForeignProbe, Locked, Mode, Options, Program, Session, SwapError, Target, Timing, attach,
    begin, supervise, swap_for_trial,
};

#[used]
static MARKER: [u8; marker::LEN] = marker::bytes("swapped", "1.0.0", "x86_64-unknown-linux-gnu");

/// What stands between this and the end of the file is the behaviour.
const TRAILER: &[u8] = b"\nTESTEE-BEHAVIOUR ";

/// How a copy behaves. Steps are words: see [`act`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Behaviour {
    /// Before the first library call, in every role.
    before: Vec<String>,
    /// Before the first library call, in a trial alone.
    before_in_trial: Vec<String>,
    /// After it.
    after: Vec<String>,
    manual: bool,
    detached: bool,
    /// Another process has the staged file open for writing for this long.
    hold_ms: Option<u64>,
    rerun: Option<bool>,
    tick_ms: Option<u64>,
    confirm_ms: Option<u64>,
    first_call_ms: Option<u64>,
    probe_ms: Option<u64>,
}

fn main() {
    #[cfg(target_os = "linux")]
    mount();
    if let Some(ended) = as_command() {
        ended.pass_up();
    }
    // Volatile, or the compiler would take the bytes that it knows for those that were written in.
    // SAFETY: a static is readable.
    let bytes = unsafe { std::ptr::read_volatile(&raw const MARKER) };
    let marker = marker::parse(&bytes);
    let behaviour = read_behaviour();
    let log = Log(marker.as_ref().map_or("foreign".to_owned(), |marker| marker.version.to_string()));
    act(&behaviour.before, &log, None);
    let marker = marker.expect("a marker");
    if std::env::var_os("UPSTEP_ROLE").is_some_and(|role| role.to_string_lossy().starts_with("trial:")) {
        act(&behaviour.before_in_trial, &log, None);
    }
    let program = Program { app: marker.app, version: marker.version, platform: marker.platform };
    let session = begin(&program, &options(&behaviour));
    log.line(if session.in_trial() { "start in-trial" } else { "start" });
    for event in session.events() {
        log.line(&format!("event {event:?}"));
    }
    println!("version {}", log.0);
    update(&session, &behaviour, &log);
    act(&behaviour.after, &log, Some(&session));
    log.line("end");
}

/// A file with the mark of an AppImage does what the runtime of one does, with a folder of its own
/// for a mount: it becomes the program in there, in the same process, and passes on the reading end
/// of a pipe (900) that keeps the mount. Number 901 is one that somebody else has passed on.
#[cfg(target_os = "linux")]
fn mount() {
    use std::os::fd::IntoRawFd as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let own = std::env::current_exe().expect("a path");
    let mut program = std::fs::read(&own).expect("its own file");
    if &program[8..11] != b"AI\x02" {
        return;
    }
    program[8..11].fill(0);
    let mounts = std::env::var_os("TESTEE_MOUNTS").expect("a folder for mounts");
    let free = |number: &usize| std::fs::create_dir(Path::new(&mounts).join(number.to_string())).is_ok();
    let mount = Path::new(&mounts).join((0..).find(free).expect("a free number").to_string());
    let inside = mount.join("AppRun");
    std::fs::write(&inside, program).expect("unpacked");
    std::fs::set_permissions(&inside, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let (read, write) = std::io::pipe().expect("a pipe");
    // SAFETY: both numbers are free in this process, which has opened a handful of files.
    unsafe {
        libc::dup2(read.into_raw_fd(), 900);
        libc::dup2(write.into_raw_fd(), 901);
    }
    let mut program = std::process::Command::new(inside);
    program.args(std::env::args_os().skip(1)).env("APPIMAGE", own).env("APPDIR", mount);
    panic!("{}", program.exec());
}

/// `swapped --supervise PROGRAM ARGS`: stands for the `upstep` command. `--take FILE PROGRAM ARGS`:
/// takes FILE as an update first.
fn as_command() -> Option<Ended> {
    let mut args = std::env::args_os().skip(1);
    let word = args.next()?;
    let update = if word == "--take" { Some(args.next()?) } else { None };
    if update.is_none() && word != "--supervise" {
        return None;
    }
    let exe = args.next()?;
    let args: Vec<_> = args.collect();
    let timing = Timing { tick: Duration::from_millis(20), confirm_after: Duration::from_secs(5), ..Timing::default() };
    let options = Options { timing, ..Options::default() };
    if let Some(file) = update {
        let session = attach(Path::new(&exe), &options);
        let mut locked = session.lock().expect("the lock");
        let bytes = std::fs::read(file).expect("the release");
        let version = upstep_model::Version::parse("2.0.0").expect("a version");
        let to = Target { version, digest: upstep_model::Digest::of(&bytes), size: bytes.len() as u64 };
        let (mut staged, _) = locked.create_staged(&to.digest).expect("a file");
        staged.write_all(&bytes).expect("written");
        drop(staged);
        locked.stage(&to).expect("staged");
        swap_for_trial(locked, &ForeignProbe::default(), &|_| true).expect("swapped");
    }
    Some(supervise(Path::new(&exe), &args, &options).expect("it runs"))
}

fn options(behaviour: &Behaviour) -> Options {
    let fast = Timing::default();
    let time = |ms: Option<u64>, default| ms.map_or(default, Duration::from_millis);
    Options {
        confirm: if behaviour.manual { Confirm::Manual } else { Confirm::Default },
        mode: behaviour.detached.then_some(Mode::Detached),
        rerun_after_rollback: behaviour.rerun,
        timing: Timing {
            tick: time(behaviour.tick_ms, Duration::from_millis(20)),
            confirm_after: time(behaviour.confirm_ms, fast.confirm_after),
            first_call_within: time(behaviour.first_call_ms, fast.first_call_within),
            probe_within: time(behaviour.probe_ms, fast.probe_within),
        },
    }
}

/// What a client does, without the network: stages the file that it was given, swaps what is staged.
fn update(session: &Session, behaviour: &Behaviour, log: &Log) {
    let mut locked = match session.lock() {
        Ok(locked) => locked,
        Err(error) => return log.line(&format!("unavailable {error:?}")),
    };
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|arg| arg == "--stage")
        && let Some(file) = args.next()
        && let Err(error) = stage(&mut locked, Path::new(&file))
    {
        log.line(&format!("not staged {error}"));
        let _ = locked.abandon();
    }
    if locked.downloading().is_some() {
        // There is no network to go on with.
        let _ = locked.abandon();
    }
    let Some(digest) = locked.staged().map(|to| to.digest) else { return };
    if let Some(ms) = behaviour.hold_ms {
        let staged =
            std::fs::OpenOptions::new().append(true).open(locked.staged_path(&digest)).expect("the staged file");
        let mut holder = std::process::Command::new("sleep");
        let mut child = holder.arg(format!("{}", ms as f64 / 1000.0)).stdin(staged).spawn().expect("sleep");
        std::thread::spawn(move || child.wait());
    }
    log.line("install");
    match locked.install(&|_| true) {
        Ok(handed_over) => handed_over.exit(),
        Err(error) => log.line(&format!("not installed {error}")),
    }
}

fn stage(locked: &mut Locked, file: &Path) -> Result<(), SwapError> {
    let bytes = std::fs::read(file).expect("the staged file");
    let version = marker::find(&bytes).remove(0).1.version;
    let content = Content { digest: upstep_model::Digest::of(&bytes), size: bytes.len() as u64 };
    let to = Target { version, digest: content.digest, size: content.size };
    if locked.is_quarantined(&to.digest) {
        return Err(SwapError::Quarantined(to.digest));
    }
    if locked.make_base()?.content.digest == to.digest {
        return Err(SwapError::Installed(to.digest));
    }
    locked.begin_download(&to)?;
    let (mut staged, path) = locked.create_staged(&to.digest)?;
    if let Err(source) = staged.write_all(&bytes) {
        return Err(SwapError::Io { operation: "write", path, source });
    }
    drop(staged);
    locked.stage(&to)
}

/// Does one thing after the other: `print X`, `exit N`, `raise N`, `sleep MS`, `hang`, `panic`,
/// `segv`, `abort`, `version` (ends with 0 if it is asked for that), `confirm`, `echo` (standard
/// input), `flood` (output until it breaks), `close-stdout`, `mark FILE`, `await FILE`, `child`
/// (runs its own file), `children` (waits for any child of its own), `count` (signals).
fn act(steps: &[String], log: &Log, session: Option<&Session>) {
    for step in steps {
        log.line(step);
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        let number = || rest.parse::<i32>().expect("a number");
        match word {
            "print" => println!("{rest}"),
            "exit" => std::process::exit(number()),
            "sleep" => std::thread::sleep(Duration::from_millis(number() as u64)),
            "hang" => loop {
                std::thread::sleep(Duration::from_secs(60));
            },
            "panic" => panic!("as told"),
            "confirm" => session.expect("after the first library call").confirm(),
            "echo" => drop(std::io::copy(&mut std::io::stdin(), &mut std::io::stdout())),
            "flood" => loop {
                println!("{}", "x".repeat(1000));
            },
            "mark" => std::fs::write(rest, b"").expect("the mark"),
            "await" => {
                while !Path::new(rest).exists() {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            "child" if std::env::var_os("TESTEE_CHILD").is_none() => {
                let status = std::process::Command::new(std::env::current_exe().expect("a path"))
                    .args(["--as-child"])
                    .env("TESTEE_CHILD", "1")
                    .status();
                log.line(&format!("child ended {:?}", status.ok().and_then(|status| status.code())));
            }
            "child" => {}
            "abort" => std::process::abort(),
            "version" if std::env::args().any(|arg| arg == "--version") => std::process::exit(0),
            "version" => {}
            _ => system_act(word, number, log),
        }
    }
}

#[cfg(unix)]
fn system_act(word: &str, number: impl Fn() -> i32, log: &Log) {
    match word {
        "raise" => {
            // SAFETY: no memory is involved.
            unsafe {
                libc::signal(number(), libc::SIG_DFL);
                libc::raise(number());
            }
        }
        "segv" => {
            // SAFETY: no memory is involved: the signal is sent, not provoked.
            unsafe {
                libc::signal(libc::SIGSEGV, libc::SIG_DFL);
                libc::raise(libc::SIGSEGV);
            }
        }
        "pipe-default" => {
            // SAFETY: no handler is involved.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        }
        "close-stdout" => {
            // SAFETY: nothing is printed after this.
            unsafe { libc::close(1) };
        }
        "children" => {
            // SAFETY: no memory is involved.
            let waited = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
            log.line(&format!("waitpid {waited} {:?}", std::io::Error::last_os_error().raw_os_error()));
        }
        "count" => count(log),
        _ => panic!("unknown step {word}"),
    }
}

/// Logs every signal that comes; INT ends it with 130, TERM by the signal itself.
#[cfg(unix)]
fn count(log: &Log) {
    use std::mem::MaybeUninit;
    let caught =
        [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2, libc::SIGTERM, libc::SIGWINCH];
    // SAFETY: the set is initialised by sigemptyset; sigwait writes one number.
    unsafe {
        let mut set = MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        for signal in caught {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
        log.line("ready");
        let mut until = None;
        loop {
            let mut signal = 0;
            if let Some(end) = until {
                // Another one of the same would come soon.
                std::thread::sleep(Duration::from_millis(400));
                let mut pending = MaybeUninit::zeroed();
                libc::sigpending(pending.as_mut_ptr());
                if libc::sigismember(pending.as_ptr(), end) == 1 {
                    log.line(&format!("again {end}"));
                }
                libc::signal(end, libc::SIG_DFL);
                libc::raise(end);
                libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut());
            }
            libc::sigwait(set.as_ptr(), &mut signal);
            log.line(&format!("signal {signal}"));
            if signal == libc::SIGINT || signal == libc::SIGTERM {
                until = Some(signal);
            }
        }
    }
}

#[cfg(windows)]
fn system_act(word: &str, _number: impl Fn() -> i32, log: &Log) {
    match word {
        "segv" => {
            const EXCEPTION_ACCESS_VIOLATION: u32 = 0xC000_0005;
            // SAFETY: no memory is involved: the exception is raised, not provoked.
            unsafe {
                windows_sys::Win32::System::Diagnostics::Debug::RaiseException(
                    EXCEPTION_ACCESS_VIOLATION,
                    0,
                    0,
                    std::ptr::null(),
                );
            }
        }
        "children" => {}
        "console" => {
            // SAFETY: no memory is involved.
            let window = unsafe { windows_sys::Win32::System::Console::GetConsoleWindow() };
            log.line(&format!("console {}", !window.is_null()));
        }
        _ => panic!("unknown step {word}"),
    }
}

fn read_behaviour() -> Behaviour {
    let mut file = std::fs::File::open(std::env::current_exe().expect("a path")).expect("its own file");
    let length = file.seek(SeekFrom::End(0)).expect("a length");
    file.seek(SeekFrom::Start(length.saturating_sub(4096))).expect("a position");
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).expect("its end");
    match tail.windows(TRAILER.len()).rposition(|window| window == TRAILER) {
        Some(at) => serde_json::from_slice(&tail[at + TRAILER.len()..]).expect("a behaviour"),
        None => Behaviour::default(),
    }
}

/// The log, with the version.
struct Log(String);

impl Log {
    fn line(&self, text: &str) {
        let Some(path) = std::env::var_os("TESTEE_LOG") else { return };
        // One write: lines of several processes stay whole. A full disk is not its affair.
        if let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path) {
            let _ = file.write_all(format!("{} {} {text}\n", std::process::id(), self.0).as_bytes());
        }
    }
}
