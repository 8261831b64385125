//! An install of the test program in a temporary folder, and copies of it as other versions.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod program;
#[cfg(windows)]
pub mod windows;

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use upstep_model::marker;

/// Fast times: a release is confirmed after 300 ms. What ends badly when it is missed has time on a busy machine too.
pub const FAST: &str = r#""tick_ms":10,"confirm_ms":300,"first_call_ms":5000,"probe_ms":5000"#;

/// The built test program.
fn built() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut folder = std::env::current_exe().expect("a path");
        folder.pop();
        folder.pop();
        let program = folder.join(format!("examples/swapped{EXE_SUFFIX}"));
        if !program.exists() {
            // `cargo test --test NAME` does not build examples.
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "-q", "-p", "upstep-swap", "--example", "swapped"]);
            assert!(build.status().expect("cargo").success(), "the test program is built");
        }
        fs::read(program).expect("the test program")
    })
}

/// Writes the test program as `version`, behaving as the JSON fields in `behaviour` say.
pub fn write_version(path: &Path, version: &str, behaviour: &str) {
    let (_, marker) = marker::find(built()).into_iter().next().expect("a marker");
    write(path, &marker::bytes(marker.app.as_str(), version, marker.platform.as_str()), behaviour);
}

/// The same without a marker, as a program that does not link the library. It must end in `before`.
pub fn write_foreign(path: &Path, behaviour: &str) {
    write(path, &[0; marker::LEN], behaviour);
}

fn write(path: &Path, marker: &[u8; marker::LEN], behaviour: &str) {
    let mut bytes = built().to_vec();
    let (at, _) = marker::find(&bytes).into_iter().next().expect("a marker");
    bytes[at..at + marker::LEN].copy_from_slice(marker);
    let mut bytes = signed(bytes, path);
    bytes.extend_from_slice(b"\nTESTEE-BEHAVIOUR ");
    let fields = |text: &str| -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(&format!("{{{text}}}")).expect("fields of JSON")
    };
    let mut merged = fields(FAST);
    merged.extend(fields(behaviour));
    bytes.extend(serde_json::to_vec(&merged).expect("JSON"));
    program::write(path, &bytes);
}

/// A step of a behaviour that names a file, as JSON.
pub fn step(word: &str, path: &Path) -> String {
    serde_json::Value::from(format!("{word} {}", path.display())).to_string()
}

/// Whether a program ended by its step `segv`.
pub fn is_crash(status: ExitStatus) -> bool {
    #[cfg(unix)]
    return std::os::unix::process::ExitStatusExt::signal(&status) == Some(libc::SIGSEGV);
    #[cfg(windows)]
    return status.code() == Some(0xC000_0005_u32.cast_signed());
}

/// macOS runs no program whose bytes are not those that were signed; `path` is where it may be
/// written meanwhile.
#[cfg(target_os = "macos")]
fn signed(program: Vec<u8>, path: &Path) -> Vec<u8> {
    fs::write(path, program).expect("written");
    let status = Command::new("codesign").args(["--force", "--sign", "-"]).arg(path).status();
    assert!(status.expect("codesign").success(), "it is signed");
    let signed = fs::read(path).expect("signed");
    // Another inode for what is written next: the kernel keeps what it knows of a signature by it.
    fs::remove_file(path).expect("removed");
    signed
}

#[cfg(not(target_os = "macos"))]
fn signed(program: Vec<u8>, _path: &Path) -> Vec<u8> {
    program
}

/// An install in a temporary folder.
pub struct Install {
    pub root: tempfile::TempDir,
    /// Where in it the program lies.
    below: PathBuf,
}

impl Install {
    /// Version 1.0.0 is installed, behaving as `behaviour` says.
    pub fn new(behaviour: &str) -> Self {
        Install::within("bin", behaviour)
    }

    /// The same in a folder of that name, or in one of these within each other.
    pub fn within(below: &str, behaviour: &str) -> Self {
        let install = Install { root: tempfile::tempdir().expect("a folder"), below: below.split('/').collect() };
        fs::create_dir_all(install.folder()).expect("a folder");
        write_version(&install.program(), "1.0.0", behaviour);
        install
    }

    pub fn folder(&self) -> PathBuf {
        self.root.path().canonicalize().expect("there").join(&self.below)
    }

    pub fn program(&self) -> PathBuf {
        self.folder().join(format!("hello{EXE_SUFFIX}"))
    }

    pub fn state(&self) -> PathBuf {
        self.folder().join(".hello.upstep")
    }

    pub fn log_path(&self) -> PathBuf {
        self.root.path().join("log")
    }

    /// A release to stage.
    pub fn release(&self, version: &str, behaviour: &str) -> PathBuf {
        let path = self.root.path().join(format!("release-{version}{EXE_SUFFIX}"));
        write_version(&path, version, behaviour);
        path
    }

    /// The program's command line, with its log.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        self.command_of(&self.program(), args)
    }

    pub fn command_of<S: AsRef<OsStr>>(&self, program: &Path, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(program);
        command.args(args).env("TESTEE_LOG", self.log_path()).env_remove("UPSTEP_ROLE");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        self.spawn(args).wait_with_output().expect("it ends")
    }

    /// Runs the program, which takes `release` as an update.
    pub fn update(&self, release: &Path) -> Output {
        self.run([OsStr::new("--stage"), release.as_os_str()])
    }

    pub fn spawn<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Child {
        started(&mut self.command(args))
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Waits until a line of the log ends with `text`; its pid.
    pub fn await_line(&self, text: &str) -> i32 {
        await_some(&format!("{text:?} in the log"), || {
            let log = self.log();
            let line = log.lines().find(|line| line.ends_with(text))?;
            line.split(' ').next()?.parse().ok()
        })
    }

    pub fn clear_log(&self) {
        let _ = fs::remove_file(self.log_path());
    }

    pub fn installed_version(&self) -> String {
        version_of(&self.program())
    }

    /// The journal's state: `idle`, `trial`, ...
    pub fn journal_state(&self) -> String {
        self.journal()["state"]["kind"].as_str().expect("a kind").to_owned()
    }

    pub fn journal(&self) -> serde_json::Value {
        let text = fs::read_to_string(self.state().join("journal")).expect("a journal");
        serde_json::from_str(text.split_once('\n').expect("two parts").1).expect("JSON")
    }

    /// Waits for a state of the journal.
    pub fn await_state(&self, state: &str) {
        await_some(&format!("the journal says {state}"), || {
            let text = fs::read_to_string(self.state().join("journal")).ok()?;
            text.contains(&format!("\"state\":{{\"kind\":\"{state}\"")).then_some(())
        });
    }

    /// Everything in the program's folder and the state folder, but the journal and the lock.
    pub fn strays(&self) -> Vec<String> {
        let names = |folder: &Path| -> Vec<String> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        let program = format!("hello{EXE_SUFFIX}");
        let expected = [&*program, ".hello.upstep", "journal", "lock", "downloads"];
        let downloads = names(&self.state().join("downloads"));
        let all = names(&self.folder()).into_iter().chain(names(&self.state()));
        all.filter(|name| !expected.contains(&&**name)).chain(downloads).collect()
    }

    /// Two more starts without an update; the second cleans what the first has still used.
    pub fn settle(&self) {
        for _ in 0..2 {
            // There a file is in use for a moment after its process has ended.
            #[cfg(windows)]
            std::thread::sleep(Duration::from_millis(300));
            self.run(["settle"]);
        }
    }
}

/// Starts a process. Now and then Wine loses one that it is just making (its server says that it has ended with 0), and
/// tells it by an error that Windows has no use for. It was seen once.
fn started(command: &mut Command) -> Child {
    const INTERNAL_ERROR: i32 = 1359;
    for _ in 0..2 {
        match command.spawn() {
            Err(error) if cfg!(windows) && error.raw_os_error() == Some(INTERNAL_ERROR) => {
                std::thread::sleep(Duration::from_millis(100));
            }
            result => return result.expect("it starts"),
        }
    }
    command.spawn().expect("it starts, when asked three times")
}

pub fn version_of(program: &Path) -> String {
    let bytes = fs::read(program).expect("a program");
    marker::find(&bytes).first().expect("a marker").1.version.to_string()
}

/// Waits for something that another process does.
pub fn await_some<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < until, "waited 30 s in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(unix)]
pub fn kill(pid: i32, signal: i32) {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(pid, signal) };
}

pub fn stdout(output: &Output) -> String {
    // The system's own end of a line.
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}
