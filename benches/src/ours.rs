//! Our own codec, and what it is built on, as child processes, so that they are measured like the others.

use crate::{BenchError, plain};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use upstep_codec::{ApplyLimits, CodecError, DiffOptions, Level, full};

/// The hidden first argument that makes one of our programs this child.
const CHILD: &str = "__codec";

/// A command that makes a patch.
pub fn diff(level: Level, old: &Path, new: &Path, patch: &Path) -> Command {
    command(level.name(), &[old, new, patch])
}

/// A command that applies a patch.
pub fn apply(old: &Path, patch: &Path, new: &Path) -> Command {
    command("apply", &[old, patch, new])
}

/// A command that makes a full.
pub fn full(artifact: &Path, download: &Path) -> Command {
    command("full", &[artifact, download])
}

/// The same by bidiff and zstd alone.
pub fn plain_diff(old: &Path, new: &Path, patch: &Path) -> Command {
    command("plain-diff", &[old, new, patch])
}

/// Applies such a patch.
pub fn plain_apply(old: &Path, patch: &Path, new: &Path) -> Command {
    command("plain-apply", &[old, patch, new])
}

fn command(verb: &str, paths: &[&Path]) -> Command {
    // Without a path of its own a program can't be started: the error then names this.
    let own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("the running program"));
    let mut command = Command::new(own);
    command.arg(CHILD).arg(verb).args(paths);
    command
}

/// Does the child's work and ends with `Some`, if the arguments ask for it.
pub fn run_if_asked() -> Option<ExitCode> {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (first, rest) = args.split_first()?;
    if first != CHILD {
        return None;
    }
    Some(match run(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("{error}{cause}");
            ExitCode::FAILURE
        }
    })
}

fn run(args: &[OsString]) -> Result<(), BenchError> {
    let codec = |operation| move |source: CodecError| BenchError::Codec { operation, source };
    let path = |at: usize| Path::new(args.get(at).map_or("", |arg| arg.to_str().unwrap_or_default()));
    let read = |path: &Path| fs::read(path).map_err(BenchError::io("read", path));
    let open = |path: &Path| File::open(path).map_err(BenchError::io("read", path));
    let create = |path: &Path| File::create(path).map(BufWriter::new).map_err(BenchError::io("write", path));
    let flush = |mut file: BufWriter<File>, path: &Path| file.flush().map_err(BenchError::io("write", path));
    let verb = path(0).to_str().unwrap_or_default();
    if let Some(level) = Level::ALL.into_iter().find(|level| level.name() == verb) {
        let options = DiffOptions { level, ..DiffOptions::default() };
        let patch = upstep_codec::diff(&read(path(1))?, &read(path(2))?, &options);
        return fs::write(path(3), patch.map_err(codec("make the patch"))?).map_err(BenchError::io("write", path(3)));
    }
    match verb {
        "apply" => {
            let mut new = create(path(3))?;
            let patch = BufReader::new(open(path(2))?);
            upstep_codec::apply(patch, &open(path(1))?, &mut new, &ApplyLimits::default())
                .map_err(codec("apply the patch"))?;
            flush(new, path(3))
        }
        "plain-diff" => {
            let patch = plain::diff(&read(path(1))?, &read(path(2))?).map_err(BenchError::io("compare", path(1)))?;
            fs::write(path(3), patch).map_err(BenchError::io("write", path(3)))
        }
        "plain-apply" => {
            let new = plain::apply(&read(path(1))?, &read(path(2))?).map_err(BenchError::io("apply", path(2)))?;
            fs::write(path(3), new).map_err(BenchError::io("write", path(3)))
        }
        _ => {
            let artifact = open(path(1))?;
            let size = artifact.metadata().map_err(BenchError::io("read", path(1)))?.len();
            let mut download = create(path(2))?;
            full::compress(artifact, size, &mut download, full::DEFAULT_LEVEL).map_err(codec("make the full"))?;
            flush(download, path(2))
        }
    }
}
