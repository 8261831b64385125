//! What was measured: the JSON file, and the table on the screen.

use crate::child::Usage;
use crate::tool::Tool;
use crate::{BenchError, output};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// The result of one `cargo bench`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// The day: RFC 3339's date, UTC.
    pub date: String,
    /// Operating system and architecture.
    pub machine: String,
    /// How many cores it has.
    pub cores: usize,
    /// The tools that are not installed.
    pub missing: Vec<Tool>,
    /// One entry per pair.
    pub pairs: Vec<Measured>,
}

/// Everything about one pair.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The program.
    pub program: String,
    /// The older version.
    pub from: String,
    /// The newer version.
    pub to: String,
    /// Length of the older file.
    pub old_bytes: u64,
    /// Length of the newer file.
    pub new_bytes: u64,
    /// Length of the newer file, zstd-compressed as a full.
    pub full_bytes: u64,
    /// What making that took.
    pub full: Usage,
    /// The newer file by `xz -9e`, and what unpacking that takes; nothing where xz is not installed.
    pub xz: Option<Cost>,
    /// What each tool that is there did.
    pub patches: Vec<PatchBy>,
}

/// One tool's patch.
#[derive(Debug, Serialize, Deserialize)]
pub struct PatchBy {
    /// The tool.
    pub tool: Tool,
    /// What it did, or why it failed.
    pub result: Result<Cost, String>,
}

/// What one patch costs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cost {
    /// Length of the patch.
    pub bytes: u64,
    /// What making it took.
    pub diff: Usage,
    /// What applying it took, the quickest of some times.
    pub apply: Usage,
}

impl Measured {
    /// What `tool` did, if it did it.
    pub fn by(&self, tool: Tool) -> Option<&Cost> {
        self.patches.iter().find(|patch| patch.tool == tool)?.result.as_ref().ok()
    }

    /// Length of the smallest patch of any tool.
    pub fn smallest(&self) -> Option<u64> {
        Tool::ALL.iter().filter_map(|tool| self.by(*tool)).map(|cost| cost.bytes).min()
    }
}

impl Report {
    /// `target/bench/sizes.json`.
    pub fn path() -> PathBuf {
        output().join("sizes.json")
    }

    /// Reads a result file.
    pub fn load(path: &Path) -> Result<Report, BenchError> {
        let json = fs::read(path).map_err(BenchError::io("read", path))?;
        serde_json::from_slice(&json).map_err(|source| BenchError::Report { path: path.to_owned(), source })
    }

    /// Writes the result file.
    pub fn save(&self, path: &Path) -> Result<(), BenchError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(BenchError::io("create", folder))?;
        }
        let json = serde_json::to_string_pretty(self)
            .map_err(|source| BenchError::Report { path: path.to_owned(), source })?;
        fs::write(path, json).map_err(BenchError::io("write", path))
    }

    /// Whether every patch of ours gave the new file again.
    pub fn ours_is_whole(&self) -> bool {
        self.pairs.iter().all(|pair| Tool::OURS.iter().all(|tool| pair.by(*tool).is_some()))
    }
}

/// The table of one pair.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measured { program, from, to, new_bytes, full_bytes, full, .. } = self;
        writeln!(
            f,
            "{program} {from} -> {to}: {new_bytes} bytes, full download {full_bytes}, made in {:.1} s with {} MB",
            full.cpu_seconds,
            megabytes(full)
        )?;
        writeln!(
            f,
            "  {:<18} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
            "", "patch", "of full", "diff s", "MB", "apply s", "wall s", "MB"
        )?;
        let row = |f: &mut fmt::Formatter<'_>, name: &str, cost: &Cost| {
            writeln!(
                f,
                "  {name:<18} {:>10} {:>7.1}% {:>8.2} {:>8} {:>8.2} {:>8.2} {:>8}",
                cost.bytes,
                cost.bytes as f64 * 100.0 / (*full_bytes).max(1) as f64,
                cost.diff.cpu_seconds,
                megabytes(&cost.diff),
                cost.apply.cpu_seconds,
                cost.apply.wall_seconds,
                megabytes(&cost.apply),
            )
        };
        let results = self.patches.iter().map(|patch| (patch.tool.name(), patch.result.as_ref()));
        for (name, result) in results.chain(self.xz.iter().map(|cost| ("full, xz -9e", Ok(cost)))) {
            match result {
                Ok(cost) => row(f, name, cost)?,
                Err(reason) => writeln!(f, "  {name:<18} failed: {reason}")?,
            }
        }
        Ok(())
    }
}

/// The peak in MB, rounded up.
pub fn megabytes(usage: &Usage) -> u64 {
    usage.peak_bytes.div_ceil(1_000_000)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two tools, one at two levels, and a failure on one pair.
    pub(crate) fn report() -> Report {
        let usage = Usage { wall_seconds: 1.0, cpu_seconds: 0.5, peak_bytes: 12_345_678 };
        let cost = |bytes| Ok(Cost { bytes, diff: usage, apply: usage });
        let patches = vec![
            PatchBy { tool: Tool::Upstep, result: cost(2000) },
            PatchBy { tool: Tool::UpstepFast, result: cost(3000) },
            PatchBy { tool: Tool::HDiffPatch, result: cost(1000) },
            PatchBy { tool: Tool::Zstd, result: Err("it crashed".to_owned()) },
        ];
        let pair = Measured {
            program: "hello".to_owned(),
            from: "1.0.0".to_owned(),
            to: "1.1.0".to_owned(),
            old_bytes: 1,
            new_bytes: 1_234_567,
            full_bytes: 345_678,
            full: usage,
            xz: None,
            patches,
        };
        let missing = vec![Tool::Bsdiff, Tool::Xdelta3];
        Report {
            date: "2026-01-02".to_owned(),
            machine: "linux x86_64".to_owned(),
            cores: 2,
            missing,
            pairs: vec![pair],
        }
    }
}
