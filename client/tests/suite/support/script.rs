//! Programs that do not link the library, kept up to date by the command: shell scripts where those
//! are programs.

use super::author::Author;
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What a program does before it prints its version.
#[derive(Debug, Clone, Copy)]
pub enum First {
    Nothing,
    Exit(i32),
    /// Ends with the status if that is its first argument.
    ExitIf(&'static str, i32),
    /// Dies of a signal, unless it is asked for its version.
    Crash,
}

/// A program that prints its version; most of it is the same in all versions.
pub fn script(version: &str) -> Vec<u8> {
    script_that(version, First::Nothing)
}

/// One that does something else first: a script of some 60 kB.
#[cfg(unix)]
pub fn script_that(version: &str, first: First) -> Vec<u8> {
    let does = match first {
        First::Nothing => String::new(),
        First::Exit(status) => format!("exit {status}"),
        First::ExitIf(word, status) => format!("[ \"$1\" = {word} ] && exit {status}"),
        First::Crash => "[ \"$1\" = --version ] || kill -SEGV $$".to_owned(),
    };
    let mut text = format!(
        "#!/bin/sh\n{does}\necho \"version {version}\"\nfor a in \"$@\"; do echo \"argument $a\"; done\nexit 0\n"
    );
    text.push_str(&filling());
    text.push_str(&format!("# the end of {version}\n"));
    text.into_bytes()
}

/// The same, where a script is no program: `examples/tool.rs`.
#[cfg(windows)]
pub fn script_that(version: &str, first: First) -> Vec<u8> {
    let mut program = super::testee::example("tool");
    program.extend_from_slice(filling().as_bytes());
    let does = match first {
        First::Nothing => String::new(),
        First::Exit(status) => format!("exit {status}"),
        First::ExitIf(word, status) => format!("exit-if {word} {status}"),
        First::Crash => "crash".to_owned(),
    };
    program.extend_from_slice(format!("\n--tool--\n{version}\n{does}\n").as_bytes());
    program
}

/// What the versions have in common.
fn filling() -> String {
    let mut text = String::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..1000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("# {state:016x} {:016x} {:016x}\n", state.rotate_left(13), state.rotate_left(39)));
    }
    text
}

/// An installed script.
pub struct Installed {
    pub folder: TempDir,
    pub program: PathBuf,
    root: PathBuf,
    app: String,
}

impl Installed {
    pub fn new(author: &Author, program: &[u8]) -> Installed {
        Installed::new_at(author, program, "tool")
    }

    /// At a path inside of its folder.
    pub fn new_at(author: &Author, program: &[u8], path: &str) -> Installed {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join(format!("{path}{EXE_SUFFIX}"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        super::program::write(&path, program);
        Installed { folder, program: path, root: author.root(), app: author.project.app.to_string() }
    }

    /// `upstep VERB --exe TOOL --url URL ...` with all that a first call must say.
    pub fn upstep(&self, verb: &str, url: &str) -> Command {
        let mut command = self.upstep_alone(verb);
        command.args(["--url", url, "--app", &self.app, "--platform", super::author::PLATFORM]);
        command.arg("--root").arg(&self.root);
        command
    }

    /// `upstep VERB --exe TOOL`.
    pub fn upstep_alone(&self, verb: &str) -> Command {
        let mut command = upstep(verb);
        command.arg("--exe").arg(&self.program);
        command
    }

    pub fn check(&self, url: &str) -> Output {
        self.upstep("check", url).output().expect("it runs")
    }

    pub fn update(&self, url: &str) -> Output {
        self.upstep("update", url).output().expect("it runs")
    }

    /// What the program says that it is.
    pub fn version(&self) -> String {
        let output = Command::new(&self.program).output().expect("the program runs");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().next().and_then(|line| line.strip_prefix("version ")).expect("its version").to_owned()
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join(".tool.upstep")
    }

    /// Files beside the program, and in its folder of downloads.
    pub fn files(&self) -> Vec<String> {
        let names = |folder: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        let mut files = names(self.folder.path());
        files.extend(names(&self.state().join("downloads")));
        files.sort();
        files
    }
}

/// The command without the settings of whoever runs the tests.
pub fn upstep(verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_upstep"));
    command.arg(verb);
    super::plain(&mut command);
    command
}
