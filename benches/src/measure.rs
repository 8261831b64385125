//! Measuring one pair with every tool, one process after the other.

use crate::child::{self, Usage};
use crate::corpus::digest;
use crate::pair::Pair;
use crate::report::{Cost, Measured, PatchBy};
use crate::tool::{Tool, xz};
use crate::{BenchError, ours, output};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lets each of `tools` make and apply a patch. A tool that fails is reported, not fatal.
pub fn measure(pair: &Pair, tools: &[Tool]) -> Result<Measured, BenchError> {
    let (old, new) = (&pair.old.1, &pair.new.1);
    fs::create_dir_all(output()).map_err(BenchError::io("create", &output()))?;
    let scratch = tempfile::tempdir_in(output()).map_err(BenchError::io("create a folder in", &output()))?;
    let download = scratch.path().join("full");
    let full = child::measure(&mut ours::full(new, &download))?;
    let (mut made, mut patches) = (Vec::new(), Vec::new());
    for tool in tools {
        match patch(*tool, old, new, scratch.path()) {
            Ok(patch) => made.push(patch),
            Err(error) => patches.push(PatchBy { tool: *tool, result: Err(describe(&error)) }),
        }
    }
    if xz::is_present() {
        made.push(packed(new, scratch.path())?);
    }
    let commands: Vec<_> = made.iter().map(|made| &*made.apply).collect();
    let applied = child::quickest(&commands);
    let mut xz = None;
    for (made, applied) in made.iter().zip(applied) {
        let cost = applied.and_then(|apply| made.cost(apply, new));
        match made.tool {
            Some(tool) => patches.push(PatchBy { tool, result: cost.map_err(|error| describe(&error)) }),
            None => xz = Some(cost?),
        }
    }
    Ok(Measured {
        program: pair.program.clone(),
        from: pair.old.0.clone(),
        to: pair.new.0.clone(),
        old_bytes: length(old)?,
        new_bytes: length(new)?,
        full_bytes: length(&download)?,
        full,
        xz,
        patches,
    })
}

/// A patch that was made, or the full by xz, and how it is applied.
struct Made<'a> {
    /// `None`: xz.
    tool: Option<Tool>,
    file: PathBuf,
    diff: Usage,
    apply: Box<dyn Fn() -> Command + 'a>,
    /// What that makes.
    again: PathBuf,
}

impl Made<'_> {
    /// What it costs, if it makes the new file.
    fn cost(&self, apply: Usage, new: &Path) -> Result<Cost, BenchError> {
        let (expected, found) = (digest(new)?, digest(&self.again)?);
        if expected != found {
            return Err(BenchError::Digest { path: self.again.clone(), expected, found });
        }
        Ok(Cost { bytes: length(&self.file)?, diff: self.diff, apply })
    }
}

fn patch<'a>(tool: Tool, old: &'a Path, new: &Path, scratch: &Path) -> Result<Made<'a>, BenchError> {
    let [file, again] = ["patch", "again"].map(|kind| scratch.join(format!("{kind}-{tool:?}")));
    let diff = child::measure(&mut tool.diff(old, new, &file))?;
    let (patch, made) = (file.clone(), again.clone());
    Ok(Made { tool: Some(tool), file, diff, apply: Box::new(move || tool.apply(old, &patch, &made)), again })
}

/// The file as a download without patches.
fn packed(new: &Path, scratch: &Path) -> Result<Made<'static>, BenchError> {
    let (again, file) = (scratch.join("file"), scratch.join("file.xz"));
    fs::copy(new, &again).map_err(BenchError::io("copy", new))?;
    let diff = child::measure(&mut xz::compress(&again))?;
    let compressed = file.clone();
    Ok(Made { tool: None, file, diff, apply: Box::new(move || xz::unpack(&compressed)), again })
}

fn length(path: &Path) -> Result<u64, BenchError> {
    fs::metadata(path).map(|metadata| metadata.len()).map_err(BenchError::io("read", path))
}

fn describe(error: &BenchError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
