//! The tools that are compared, and how each is called for its smallest patch.

use crate::{child, ours, output};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use upstep_codec::Level;

/// A tool that makes and applies patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tool {
    /// Our codec at its default level.
    #[serde(rename = "upstep")]
    Upstep,
    /// Our codec at its quickest level.
    #[serde(rename = "upstep fast")]
    UpstepFast,
    /// The crates bidiff, bipatch and zstd as they are, level 22.
    #[serde(rename = "bidiff + zstd")]
    Bidiff,
    /// HDiffPatch with LZMA2, by its Python binding.
    #[serde(rename = "hdiffpatch")]
    HDiffPatch,
    /// bsdiff 4 with bzip2.
    #[serde(rename = "bsdiff")]
    Bsdiff,
    /// `zstd --patch-from`.
    #[serde(rename = "zstd --patch-from")]
    Zstd,
    /// xdelta3 with LZMA.
    #[serde(rename = "xdelta3")]
    Xdelta3,
}

impl Tool {
    /// All of them, ours first.
    pub const ALL: [Tool; 7] =
        [Tool::Upstep, Tool::UpstepFast, Tool::HDiffPatch, Tool::Bsdiff, Tool::Bidiff, Tool::Zstd, Tool::Xdelta3];

    /// Those that are ours.
    pub const OURS: [Tool; 2] = [Tool::Upstep, Tool::UpstepFast];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Upstep => "Upstep",
            Tool::UpstepFast => "Upstep, fast",
            Tool::HDiffPatch => "HDiffPatch",
            Tool::Bidiff => "bidiff + zstd",
            Tool::Bsdiff => "bsdiff",
            Tool::Zstd => "zstd --patch-from",
            Tool::Xdelta3 => "xdelta3",
        }
    }

    /// Whether it can be run here.
    pub fn is_present(self) -> bool {
        let mut command = match self {
            Tool::Upstep | Tool::UpstepFast | Tool::Bidiff => return true,
            Tool::HDiffPatch => {
                let mut command = python();
                command.args(["-c", "import hdiffpatch"]);
                command
            }
            // It has no option that asks for nothing: being found is enough.
            Tool::Bsdiff => return found("bsdiff") && found("bspatch"),
            Tool::Zstd => version_of("zstd", "--version"),
            Tool::Xdelta3 => version_of("xdelta3", "-V"),
        };
        child::succeed(&mut command).is_ok()
    }

    /// The command that makes a patch.
    pub fn diff(self, old: &Path, new: &Path, patch: &Path) -> Command {
        match self {
            Tool::Upstep => ours::diff(Level::default(), old, new, patch),
            Tool::UpstepFast => ours::diff(Level::Fast, old, new, patch),
            Tool::Bidiff => ours::plain_diff(old, new, patch),
            Tool::HDiffPatch => {
                const SCRIPT: &str = "
import sys, hdiffpatch
old, new, patch = sys.argv[1:]
made = hdiffpatch.diff(open(old, 'rb').read(), open(new, 'rb').read(),
                       hdiffpatch.Lzma2Config(level=9, window=25), validate=False)
open(patch, 'wb').write(made)
";
                script(SCRIPT, &[old, new, patch])
            }
            Tool::Bsdiff => with("bsdiff", &[], &[old, new, patch]),
            Tool::Zstd => {
                let mut command = with("zstd", &["-q", "-f", "-22", "--ultra", "--long=27"], &[]);
                command.arg(joined("--patch-from=", old)).arg(new).arg("-o").arg(patch);
                command
            }
            Tool::Xdelta3 => {
                // -B: it may look at the whole old file of every pair, not at 64 MB.
                let mut command =
                    with("xdelta3", &["-q", "-f", "-e", "-9", "-S", "lzma", "-B", "268435456", "-s"], &[]);
                command.args([old, new, patch]);
                command
            }
        }
    }

    /// The command that applies a patch.
    pub fn apply(self, old: &Path, patch: &Path, new: &Path) -> Command {
        match self {
            Tool::Upstep | Tool::UpstepFast => ours::apply(old, patch, new),
            Tool::Bidiff => ours::plain_apply(old, patch, new),
            Tool::HDiffPatch => {
                const SCRIPT: &str = "
import sys, hdiffpatch
old, patch, new = sys.argv[1:]
open(new, 'wb').write(hdiffpatch.apply(open(old, 'rb').read(), open(patch, 'rb').read()))
";
                script(SCRIPT, &[old, patch, new])
            }
            Tool::Bsdiff => with("bspatch", &[], &[old, new, patch]),
            Tool::Zstd => {
                let mut command = with("zstd", &["-q", "-f", "-d", "--long=31"], &[]);
                command.arg(joined("--patch-from=", old)).arg(patch).arg("-o").arg(new);
                command
            }
            Tool::Xdelta3 => with("xdelta3", &["-q", "-f", "-d", "-s"], &[old, patch, new]),
        }
    }
}

/// What a full download is without patches: xz at its best, and what unpacking it costs.
pub mod xz {
    use super::{Command, Path, child, version_of, with};

    /// Whether it can be run here.
    pub fn is_present() -> bool {
        child::succeed(&mut version_of("xz", "--version")).is_ok()
    }

    /// The command that leaves `FILE.xz`.
    pub fn compress(file: &Path) -> Command {
        with("xz", &["-9e", "-k", "-f", "-T1"], &[file])
    }

    /// The command that unpacks it to `FILE` again.
    pub fn unpack(compressed: &Path) -> Command {
        with("xz", &["-d", "-k", "-f", "-T1"], &[compressed])
    }
}

fn with(program: &str, args: &[&str], paths: &[&Path]) -> Command {
    let mut command = Command::new(program);
    command.args(args).args(paths);
    command
}

fn version_of(program: &str, option: &str) -> Command {
    with(program, &[option], &[])
}

fn script(text: &str, paths: &[&Path]) -> Command {
    let mut command = python();
    command.args(["-c", text]).args(paths);
    command
}

/// The virtual environment that `ci/bench` makes, else the system's.
fn python() -> Command {
    let own = output().join("venv/bin/python");
    Command::new(if own.exists() { own } else { PathBuf::from("python3") })
}

fn joined(option: &str, path: &Path) -> std::ffi::OsString {
    let mut joined = std::ffi::OsString::from(option);
    joined.push(path);
    joined
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
