//! The author's side: `differ` as an author runs it.

use crate::Outcome;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The author's folder with `upstep.toml`, the keys and the store.
pub struct Publisher {
    differ: PathBuf,
    project: PathBuf,
    store: PathBuf,
    /// How many releases are published; the number of the last commit, since the store is fresh.
    commits: u64,
}

impl Publisher {
    /// Makes keys and a fresh store.
    pub fn init(tools: &Path, folder: &Path) -> Outcome<Self> {
        let project = folder.join("author");
        let store = folder.join("releases");
        std::fs::create_dir_all(&project)?;
        let publisher = Publisher {
            differ: tools.join(format!("differ{}", std::env::consts::EXE_SUFFIX)),
            project,
            store,
            commits: 0,
        };
        let store = publisher.store.to_string_lossy().into_owned();
        // What `init` prints are lines to paste: the sample has them already.
        publisher.differ(&["init", "--app", "hello", "--store", &store], Stdio::null())?;
        Ok(publisher)
    }

    /// The folder with `upstep.toml`.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// The store.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// What the sample embeds.
    pub fn root_json(&self) -> PathBuf {
        self.project.join("upstep.root.json")
    }

    /// Publishes a program, whose version `differ` reads off the file; the commit's number.
    pub fn publish(&mut self, program: &Path) -> Outcome<u64> {
        self.differ(&["publish", &program.to_string_lossy()], Stdio::inherit())?;
        self.commits += 1;
        Ok(self.commits)
    }

    /// The size of the full download of a version, in bytes.
    pub fn full_size(&self, version: &str) -> Outcome<u64> {
        let output = Command::new(&self.differ).args(["list", "--json"]).current_dir(&self.project).output()?;
        let list: Value = serde_json::from_slice(&output.stdout)?;
        find_full(&list, version).ok_or_else(|| format!("differ list --json has no full of {version}: {list}").into())
    }

    fn differ(&self, args: &[&str], stdout: Stdio) -> Outcome<()> {
        let status = Command::new(&self.differ)
            .args(args)
            .current_dir(&self.project)
            .stdin(Stdio::null())
            .stdout(stdout)
            .status()?;
        if !status.success() {
            return Err(format!("differ {args:?} failed: {status}").into());
        }
        Ok(())
    }
}

/// The size of the full beside the version, wherever the list has it.
fn find_full(value: &Value, version: &str) -> Option<u64> {
    if value["version"] == version {
        return value["full"]["size"].as_u64();
    }
    match value {
        Value::Array(values) => values.iter().find_map(|value| find_full(value, version)),
        Value::Object(fields) => fields.values().find_map(|value| find_full(value, version)),
        _ => None,
    }
}
