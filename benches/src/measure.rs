//! Measuring one pair with every tool, one process after the other.

use crate::child::{self, Usage};
use crate::corpus::digest;
use crate::pair::Pair;
use crate::report::{Cost, Measured, PatchBy};
use crate::tool::{Tool, xz};
use crate::{BenchError, ours, output};
use std::fs;
use std::path::Path;

/// How often a patch is applied.
const APPLIES: usize = 3;

/// Lets each of `tools` make and apply a patch. A tool that fails is reported, not fatal.
pub fn measure(pair: &Pair, tools: &[Tool]) -> Result<Measured, BenchError> {
    let (old, new) = (&pair.old.1, &pair.new.1);
    fs::create_dir_all(output()).map_err(BenchError::io("create", &output()))?;
    let scratch = tempfile::tempdir_in(output()).map_err(BenchError::io("create a folder in", &output()))?;
    let download = scratch.path().join("full");
    let full = child::measure(&mut ours::full(new, &download))?;
    let patches = tools
        .iter()
        .map(|tool| PatchBy {
            tool: *tool,
            result: one(*tool, old, new, scratch.path()).map_err(|error| describe(&error)),
        })
        .collect();
    Ok(Measured {
        program: pair.program.clone(),
        from: pair.old.0.clone(),
        to: pair.new.0.clone(),
        old_bytes: length(old)?,
        new_bytes: length(new)?,
        full_bytes: length(&download)?,
        full,
        xz: if xz::is_present() { Some(packed(new, scratch.path())?) } else { None },
        patches,
    })
}

/// The file as a download without patches.
fn packed(new: &Path, scratch: &Path) -> Result<Cost, BenchError> {
    let (file, compressed) = (scratch.join("file"), scratch.join("file.xz"));
    fs::copy(new, &file).map_err(BenchError::io("copy", new))?;
    let diff = child::measure(&mut xz::compress(&file))?;
    let apply = child::quickest(APPLIES, || xz::unpack(&compressed))?;
    Ok(Cost { bytes: length(&compressed)?, diff, apply })
}

/// One tool's patch, made, applied and compared.
fn one(tool: Tool, old: &Path, new: &Path, scratch: &Path) -> Result<Cost, BenchError> {
    let (patch, again) = (scratch.join("patch"), scratch.join("again"));
    for left in [&patch, &again] {
        if left.exists() {
            fs::remove_file(left).map_err(BenchError::io("remove", left))?;
        }
    }
    let diff: Usage = child::measure(&mut tool.diff(old, new, &patch))?;
    let apply = child::quickest(APPLIES, || tool.apply(old, &patch, &again))?;
    let (expected, found) = (digest(new)?, digest(&again)?);
    if expected != found {
        return Err(BenchError::Digest { path: again, expected, found });
    }
    Ok(Cost { bytes: length(&patch)?, diff, apply })
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
