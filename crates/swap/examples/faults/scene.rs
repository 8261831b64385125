//! The scenes: an update that goes well, ones that must be taken back, and the recovery of each.

use crate::check::{self, Verdict};
use crate::strace::{self, Call};
use crate::support::{Install, await_some, kill};
use rustix::process::{Pid, WaitOptions, waitpgid};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use upstep_model::Digest;

/// What happens to whom.
#[derive(Debug)]
pub struct Scene {
    pub name: &'static str,
    /// How version 1.1.0 behaves.
    pub new: &'static str,
    /// The version that must be installed in the end; `None`: either.
    pub last: Option<&'static str>,
    /// Cut off here first: the scene is the start after that.
    pub after: Option<Cut>,
    /// Whose calls are points.
    pub processes: &'static [Who],
}

/// Where an update was cut off before the scene begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cut {
    /// All were killed when the journal said this.
    Says(&'static str),
    /// All were killed when the new program was in place.
    Renamed,
}

/// The process that a fault comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Who {
    /// The first process, which becomes the updater by exec.
    FirstAndUpdater,
    /// The new program.
    New,
    /// The new program, when its updater has been killed before.
    NewAlone,
}

/// What is done at a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    KillAlone,
    KillAll,
    Full,
    Broken,
}

const GOOD: &str = r#""after":["confirm"]"#;
const BAD: &str = r#""after":["segv"]"#;
const EARLY: &str = r#""before_in_trial":["segv"]"#;
const FIRST: &[Who] = &[Who::FirstAndUpdater];
const ALL: &[Who] = &[Who::FirstAndUpdater, Who::New, Who::NewAlone];

pub static SCENES: [Scene; 7] = [
    Scene { name: "good release", new: GOOD, last: None, after: None, processes: ALL },
    Scene { name: "crash, passed up", new: BAD, last: Some("1.0.0"), after: None, processes: FIRST },
    Scene { name: "crash before first call", new: EARLY, last: Some("1.0.0"), after: None, processes: FIRST },
    Scene {
        name: "start after a cut swap",
        new: GOOD,
        last: None,
        after: Some(Cut::Says("swapping")),
        processes: FIRST,
    },
    Scene { name: "start after a cut rename", new: GOOD, last: None, after: Some(Cut::Renamed), processes: FIRST },
    Scene {
        name: "start after a cut trial",
        new: BAD,
        last: Some("1.0.0"),
        after: Some(Cut::Says("trial")),
        processes: FIRST,
    },
    Scene {
        name: "start after a cut rollback",
        new: BAD,
        last: Some("1.0.0"),
        after: Some(Cut::Says("rolling_back")),
        processes: FIRST,
    },
];

impl Who {
    pub fn name(self) -> &'static str {
        match self {
            Who::FirstAndUpdater => "first process, updater",
            Who::New => "new program",
            Who::NewAlone => "new program, alone",
        }
    }

    pub fn faults(self) -> &'static [Fault] {
        match self {
            Who::FirstAndUpdater => &[Fault::KillAlone, Fault::KillAll, Fault::Full, Fault::Broken],
            Who::New => &[Fault::KillAlone, Fault::KillAll],
            Who::NewAlone => &[Fault::KillAlone],
        }
    }
}

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Fault::KillAlone => "a kill",
            Fault::KillAll => "a kill of all",
            Fault::Full => "a full disk",
            Fault::Broken => "a broken disk",
        }
    }

    pub fn is_kill(self) -> bool {
        matches!(self, Fault::KillAlone | Fault::KillAll)
    }

    /// Whether a call can end so.
    pub fn fits(self, call: &Call) -> bool {
        match self {
            Fault::KillAlone | Fault::KillAll => true,
            Fault::Full => !call.is_of_process() && !matches!(&*call.name, "flock" | "fsync" | "fdatasync"),
            Fault::Broken => matches!(&*call.name, "fsync" | "fdatasync" | "rename" | "renameat" | "write"),
        }
    }
}

/// The calls of an unkilled run.
pub fn list_calls(scene: &Scene, who: Who) -> Vec<Call> {
    let stage = Stage::new(scene, who);
    let log = stage.install.root.path().join("strace");
    stage.play(who, &strace::tracing(&log), false);
    strace::changing(&fs::read_to_string(log).expect("strace's log"), &stage.install.folder())
}

/// A run with one fault, and what came of it.
pub fn run(scene: &Scene, who: Who, call: &Call, fault: Fault) -> Verdict {
    let stage = Stage::new(scene, who);
    let log = stage.install.root.path().join("strace");
    stage.play(who, &strace::injecting(&log, call, fault), fault == Fault::KillAll);
    let text = fs::read_to_string(&log).unwrap_or_default();
    let hit = if fault.is_kill() { text.contains("+++ killed by SIGKILL") } else { text.contains("(INJECTED)") };
    check::settle(&stage.install, stage.whole, scene.last, hit)
}

/// An install, ready for a scene.
struct Stage {
    install: Install,
    args: Vec<OsString>,
    /// The new program waits for this file before its first library call.
    go: Option<PathBuf>,
    /// The old and the new program.
    whole: [Digest; 2],
}

impl Stage {
    fn new(scene: &Scene, who: Who) -> Self {
        let install = Install::new(r#""confirm_ms":20000"#);
        let go = (who != Who::FirstAndUpdater).then(|| install.root.path().join("go"));
        let wait = go.as_ref().map_or(String::new(), |go| format!(r#","before_in_trial":["await {}"]"#, go.display()));
        let old = Digest::of(&fs::read(install.program()).expect("read"));
        let release = install.release("1.1.0", &format!(r#""confirm_ms":20000,{}{wait}"#, scene.new));
        let new = Digest::of(&fs::read(&release).expect("read"));
        let mut args = vec![OsString::from("--stage"), release.into()];
        if let Some(cut) = scene.after {
            cut_off(&install, &args, scene, cut);
            args = vec!["start".into()];
        }
        Stage { install, args, go, whole: [old, new] }
    }

    /// Plays the scene with strace on one process, until all have ended.
    fn play(&self, who: Who, strace: &[String], kill_all: bool) {
        match who {
            Who::FirstAndUpdater => {
                let mut command = Command::new("strace");
                command.args(strace).arg(self.install.program()).args(&self.args);
                let traced = spawn(&self.install, command);
                end_all(traced, kill_all);
            }
            Who::New | Who::NewAlone => self.play_new(strace, kill_all, who == Who::NewAlone),
        }
    }

    fn play_new(&self, strace: &[String], kill_all: bool, alone: bool) {
        let mut command = Command::new(self.install.program());
        command.args(&self.args);
        let first = spawn(&self.install, command);
        let go = self.go.as_ref().expect("a file to wait for");
        let new = self.install.await_line(&format!("1.1.0 await {}", go.display()));
        let errors = self.install.root.path().join("strace-errors");
        let mut command = Command::new("strace");
        // Without -qq, which would hide that it is attached.
        command.args(strace.iter().filter(|argument| *argument != "-qq")).args(["-p", &new.to_string()]);
        command.stderr(fs::File::create(&errors).expect("a file")).stdout(Stdio::null()).stdin(Stdio::null());
        let mut traced = command.spawn().expect("strace");
        await_some("strace is attached", || fs::read_to_string(&errors).ok()?.contains("attached").then_some(()));
        let updater = i32::try_from(first.id()).expect("a pid");
        if kill_all {
            // Not to do anything between the new program's end and its own.
            kill(updater, libc::SIGSTOP);
        } else if alone {
            kill(updater, libc::SIGKILL);
        }
        fs::write(go, "").expect("written");
        traced.wait().expect("waited");
        if kill_all {
            kill(-updater, libc::SIGKILL);
        }
        end_all(first, false);
    }
}

fn spawn(install: &Install, mut command: Command) -> Child {
    command.env("TESTEE_LOG", install.log_path()).env_remove("UPSTEP_ROLE").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("started")
}

/// Runs an update and kills all of it at the cut.
fn cut_off(install: &Install, args: &[OsString], scene: &Scene, cut: Cut) {
    let log = install.root.path().join("strace-before");
    let call = cut_call(scene, cut);
    let mut command = Command::new("strace");
    command.args(strace::injecting(&log, &call, Fault::KillAll)).arg(install.program()).args(args);
    end_all(spawn(install, command), true);
    let text = fs::read_to_string(log).expect("strace's log");
    assert!(text.contains("+++ killed by SIGKILL"), "{}: cut off at {}", scene.name, call.line);
}

/// The call of an unkilled run that a cut is at.
fn cut_call(scene: &Scene, cut: Cut) -> Call {
    static CALLS: Mutex<BTreeMap<&str, Call>> = Mutex::new(BTreeMap::new());
    let mut calls = CALLS.lock().expect("no panics");
    let list = || {
        let whole = Scene { after: None, ..*scene };
        let all = list_calls(&whole, Who::FirstAndUpdater);
        let mut rest = all.into_iter().skip_while(|call| match cut {
            Cut::Says(state) => !call.line.contains(&format!(r#"\"state\":{{\"kind\":\"{state}\""#)),
            Cut::Renamed => !(call.name.starts_with("rename") && call.line.contains("/hello\")")),
        });
        // The journal is written under another name and renamed then.
        if let Cut::Says(_) = cut {
            rest.find(|call| call.name == "renameat").expect("the journal is renamed");
        } else {
            rest.next();
        }
        rest.next().expect("a call after it")
    };
    calls.entry(scene.name).or_insert_with(list).clone()
}

/// Waits until the process and its whole group have ended.
fn end_all(mut first: Child, kill_all: bool) {
    let group = Pid::from_raw(i32::try_from(first.id()).expect("a pid")).expect("a pid");
    first.wait().expect("waited");
    if kill_all {
        kill(-group.as_raw_nonzero().get(), libc::SIGKILL);
    }
    let until = Instant::now() + Duration::from_secs(60);
    while waitpgid(group, WaitOptions::NOHANG).is_ok() {
        assert!(Instant::now() < until, "processes of group {group:?} live on");
        std::thread::sleep(Duration::from_millis(3));
    }
}
