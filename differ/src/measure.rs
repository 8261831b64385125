//! What applying a patch costs, measured in a process of its own: in this one, other work would
//! be measured with it.

use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Stdio};

/// What `differ apply --measure` says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// How long it took, without the start of the process.
    pub seconds: f64,
    /// By how many bytes the process grew at most; none where the system does not tell.
    pub memory: Option<u64>,
}

/// Applies `patch` by the command `tool`. None if that fails: whether the patch is right is found
/// out elsewhere, this only measures.
pub fn apply(tool: &Path, old: &Path, patch: &Path, new: &Path) -> Option<Cost> {
    #[derive(Deserialize)]
    struct Report {
        cost: Cost,
    }
    let mut command = Command::new(tool);
    command.args(["apply", "--measure", "--json", "--memory", &u32::MAX.to_string()]).args([old, patch, new]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let report: Report = serde_json::from_slice(&output.stdout).ok()?;
    output.status.success().then_some(report.cost)
}

/// The most memory that this process ever had, in bytes: on Linux, where it is cheap to know.
pub fn peak_memory() -> Option<u64> {
    // Wine has such a folder too, and it is about Wine.
    if !cfg!(target_os = "linux") {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
