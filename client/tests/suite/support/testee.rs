//! Versions of the test program `examples/testee.rs`: copies of one build whose marker says
//! another version, and whose end says how they behave.

use super::PATIENCE;
use super::author::Author;
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use upstep_model::{Codec, marker};

/// A version that behaves as `behaviour` says: `{}`, `{"after": "exit 101"}`.
pub fn testee(version: &str, behaviour: &str) -> Vec<u8> {
    let mut program = build().clone();
    let (at, _) = marker::find(&program).into_iter().next().expect("the testee is marked");
    let mut field = [0; 64];
    field[..version.len()].copy_from_slice(version.as_bytes());
    program[at + 16 + 64..at + 16 + 128].copy_from_slice(&field);
    let mut program = signed(program);
    program.extend_from_slice(b"\n--testee--\n");
    program.extend_from_slice(behaviour.as_bytes());
    program
}

/// The build, without what only a debugger reads: it would be most of every download.
fn build() -> &'static Vec<u8> {
    static BUILD: OnceLock<Vec<u8>> = OnceLock::new();
    BUILD.get_or_init(|| loaded_part(example("testee")))
}

/// A program of `examples/`.
pub fn example(name: &str) -> Vec<u8> {
    let examples = Path::new(env!("CARGO_BIN_EXE_upstep")).with_file_name("examples");
    let path = examples.join(format!("{name}{EXE_SUFFIX}"));
    let hint = "`cargo test -p upstep` builds it";
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; {hint}", path.display()))
}

/// macOS runs no program whose bytes are not those that were signed.
#[cfg(target_os = "macos")]
fn signed(program: Vec<u8>) -> Vec<u8> {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("testee");
    std::fs::write(&path, program).expect("written");
    let status = Command::new("codesign").args(["--force", "--sign", "-"]).arg(&path).status();
    assert!(status.expect("codesign").success(), "it is signed");
    std::fs::read(&path).expect("signed")
}

#[cfg(not(target_os = "macos"))]
fn signed(program: Vec<u8>) -> Vec<u8> {
    program
}

/// A program of another system as it is.
#[cfg(not(target_os = "linux"))]
fn loaded_part(program: Vec<u8>) -> Vec<u8> {
    program
}

/// An ELF program up to the end of its last segment, without the table of its sections.
#[cfg(target_os = "linux")]
fn loaded_part(mut program: Vec<u8>) -> Vec<u8> {
    let number = |at: usize, length: usize| -> usize {
        program[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    assert_eq!((&program[..4], program[5]), (&b"\x7fELF"[..], 1), "the tests know little-endian ELF");
    // Where the table of segments stands, the size and the number of its rows; where a row has the
    // segment's place and size; where the table of sections is named.
    let (table, row, place, size, word, sections, names) = match program[4] {
        2 => (0x20, 0x36, 8, 32, 8, 0x28, 0x3c),
        _ => (0x1c, 0x2a, 4, 16, 4, 0x20, 0x30),
    };
    let (table, length, count) = (number(table, word), number(row, 2), number(row + 2, 2));
    let ends = (0..count).map(|at| table + at * length).map(|at| number(at + place, word) + number(at + size, word));
    let end = ends.max().expect("it has segments");
    program.truncate(end);
    program[sections..sections + word].fill(0);
    program[names..names + 4].fill(0);
    program
}

/// An author who has published the versions 1.0.0, 1.1.0 and 1.2.0, which behave well.
pub fn author() -> Author {
    static AUTHOR: OnceLock<Author> = OnceLock::new();
    let author = AUTHOR.get_or_init(|| {
        let author = Author::new("testee");
        for version in ["1.0.0", "1.1.0", "1.2.0"] {
            publish(&author, version, "{}");
        }
        author
    });
    author.copy()
}

/// Publishes another version.
pub fn publish(author: &Author, version: &str, behaviour: &str) {
    author.publish_as(version, &testee(version, behaviour), |request| {
        request.platform = None;
        // By far the smaller one for programs that differ in their version, and the quicker.
        request.coding.codec = Some(Codec::Bidiff);
    });
}

/// An installed testee.
pub struct Testee {
    pub folder: TempDir,
    pub program: PathBuf,
    root: PathBuf,
}

impl Testee {
    pub fn new(author: &Author, program: &[u8]) -> Testee {
        Testee::new_at(author, program, "testee")
    }

    /// At a path inside of its folder.
    pub fn new_at(author: &Author, program: &[u8], path: &str) -> Testee {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join(format!("{path}{EXE_SUFFIX}"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        super::program::write(&path, program);
        Testee { folder, program: path, root: author.root() }
    }

    /// A start of the program, which looks for updates at `url`.
    pub fn command(&self, url: &str) -> Command {
        let mut command = Command::new(&self.program);
        super::plain(&mut command);
        command.env("TESTEE_URLS", url).env("TESTEE_ROOT", &self.root);
        command
    }

    pub fn run(&self, url: &str) -> Output {
        self.command(url).output().expect("it runs")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join(".testee.upstep")
    }

    /// The version that stands in the installed file.
    pub fn version(&self) -> String {
        let program = std::fs::read(&self.program).expect("installed");
        marker::find(&program).first().expect("marked").1.version.to_string()
    }

    /// Waits until `is_so`, and fails if it never is.
    pub fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "{what}: not so after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The versions that a run said to be, in order.
pub fn versions(output: &Output) -> Vec<String> {
    let text = super::stdout(output);
    let starts = text.lines().filter_map(|line| line.strip_prefix("testee "));
    starts.map(|rest| rest.split(' ').next().unwrap_or_default().to_owned()).collect()
}
