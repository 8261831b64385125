//! A folder with a project, programs to publish, and the command to run.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;
use upstep_model::{Digest, marker};

pub const LINUX: &str = "x86_64-unknown-linux-gnu";
pub const WINDOWS: &str = "x86_64-pc-windows-msvc";

/// Five platforms whose headers `program` can write.
pub const PLATFORMS: [&str; 5] =
    [LINUX, "aarch64-unknown-linux-gnu", WINDOWS, "aarch64-apple-darwin", "x86_64-apple-darwin"];

/// A project in a folder of its own.
pub struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    /// A new project `hello` whose store is a folder.
    pub fn new() -> Self {
        Sandbox::with_store("releases")
    }

    /// The same with a store that is elsewhere.
    pub fn with_store(store: &str) -> Self {
        let sandbox = Sandbox { folder: tempfile::tempdir().expect("a folder") };
        sandbox.ok(&["init", "--app", "hello", "--store", store]);
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and returns its path as text.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file");
        path.to_str().expect("text").to_owned()
    }

    /// Writes a program that says its version and platform itself.
    pub fn program(&self, platform: &str, version: &str) -> String {
        self.file(&format!("hello-{version}-{platform}"), &program(platform, version))
    }

    /// The command with arguments, ready to start. Programs that `program` made can't run and are
    /// not probed.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_differ"));
        let is_made_up = args.iter().any(|arg| arg.contains("hello-")) && !args.contains(&"--no-probe");
        command.args(args).args(is_made_up.then_some("--no-probe"));
        command.current_dir(self.folder.path()).env_remove("UPSTEP_PROJECT");
        // What a killed command leaves goes with the sandbox.
        command.env("TMPDIR", self.folder.path());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the command starts")
    }

    /// Runs a command that must succeed; its standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The same with `--json`.
    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[args, &["--json"]].concat())).expect("JSON")
    }

    /// Runs a command that must fail and leave the store as it was; its standard error.
    pub fn fails(&self, args: &[&str]) -> String {
        let before = self.listing();
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert!(!output.status.success(), "{args:?} succeeded: {}", String::from_utf8_lossy(&output.stdout));
        assert!(output.status.code().is_some(), "{args:?} was killed");
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
        assert_eq!(output.stdout, b"", "{args:?}: errors go to standard error");
        assert_eq!(self.listing(), before, "{args:?} changed the store");
        stderr
    }

    /// Every file of the store with its digest, but for lock files.
    pub fn listing(&self) -> BTreeMap<PathBuf, Digest> {
        let mut listing = BTreeMap::new();
        list(&self.path("releases"), &mut listing);
        listing
    }

    /// The versions that are listed for a platform, the oldest first.
    pub fn versions(&self, platform: &str) -> Vec<String> {
        let index = self.index(platform);
        let releases = index["releases"].as_array().cloned().unwrap_or_default();
        releases.iter().filter_map(|release| release["version"].as_str().map(str::to_owned)).collect()
    }

    /// The index of a platform as JSON; null where there is none.
    pub fn index(&self, platform: &str) -> Value {
        let listing = self.json(&["list"]);
        let indexes = listing["indexes"].as_array().cloned().unwrap_or_default();
        indexes.into_iter().find(|index| index["platform"] == platform).unwrap_or_default()
    }
}

fn list(folder: &Path, listing: &mut BTreeMap<PathBuf, Digest>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            list(&path, listing);
        } else if path.file_name().is_some_and(|name| name != ".lock") {
            let digest = Digest::of(&std::fs::read(&path).expect("a file"));
            listing.insert(path, digest);
        }
    }
}

/// A program with a marker.
pub fn program(platform: &str, version: &str) -> Vec<u8> {
    let mut program = unmarked(platform, version);
    program.extend_from_slice(&marker::bytes("hello", version, platform));
    program
}

/// A program without: the platform's header, and real machine code with changes that depend on
/// `salt`, here and there a byte and in one place some bytes more.
pub fn unmarked(platform: &str, salt: &str) -> Vec<u8> {
    let mut program = header(platform);
    let mut code = code().to_vec();
    let digest = Digest::of(salt.as_bytes());
    for (place, byte) in digest.as_bytes().iter().enumerate() {
        let at = (place * 977 + usize::from(*byte) * 331) % code.len();
        code[at] ^= byte | 1;
    }
    let at = usize::from(digest.as_bytes()[0]) * 100;
    code.splice(at..at, digest.as_bytes().iter().copied());
    program.extend(code);
    program
}

/// Some of this very program's machine code.
fn code() -> &'static [u8] {
    static CODE: OnceLock<Vec<u8>> = OnceLock::new();
    CODE.get_or_init(|| {
        let program = std::fs::read(std::env::current_exe().expect("a path")).expect("a file");
        let middle = program.len() / 4;
        program[middle..middle + (96 << 10)].to_vec()
    })
}

/// The least that a loader's header says about its platform.
fn header(platform: &str) -> Vec<u8> {
    let arch = platform.split('-').next().unwrap_or_default();
    let mut header = vec![0u8; 512];
    if platform.contains("linux") {
        header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        header[0x10] = 3;
        header[0x12] = if arch == "aarch64" { 183 } else { 62 };
        header[0x14] = 1;
        header[0x34] = 64;
    } else if platform.contains("windows") {
        header[..2].copy_from_slice(b"MZ");
        header[0x3c] = 0x80;
        header[0x80..0x84].copy_from_slice(b"PE\0\0");
        header[0x84..0x86].copy_from_slice(&0x8664u16.to_le_bytes());
        header[0x94] = 240;
        header[0x98..0x9a].copy_from_slice(&0x20bu16.to_le_bytes());
        header[0x98 + 68] = 3;
        header[0x98 + 108] = 16;
    } else if platform.contains("universal") {
        // Two slices behind each other, big-endian: type, subtype, offset, size, alignment.
        header[..8].copy_from_slice(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2]);
        for (place, cpu) in [0x0100_0007u32, 0x0100_000c].into_iter().enumerate() {
            let fields = [cpu, 0, 512 + place as u32 * 4096, 4096, 12];
            for (field, value) in fields.into_iter().enumerate() {
                let at = 8 + place * 20 + field * 4;
                header[at..at + 4].copy_from_slice(&value.to_be_bytes());
            }
        }
    } else if platform.contains("darwin") {
        header[..4].copy_from_slice(&0xfeed_facfu32.to_le_bytes());
        let cpu = if arch == "aarch64" { 0x0100_000cu32 } else { 0x0100_0007 };
        header[4..8].copy_from_slice(&cpu.to_le_bytes());
        header[0xc] = 2;
    } else {
        header.clear();
    }
    header
}
