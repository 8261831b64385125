//! Builds with cargo, in the workspace's own target folder.

use crate::Outcome;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How to build: where, and for which platform.
pub struct Cargo {
    workspace: PathBuf,
    target_dir: PathBuf,
    /// The triple of a foreign platform.
    target: Option<String>,
}

impl Cargo {
    /// Builds of the workspace that this program comes from.
    pub fn new(target: Option<String>) -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("demo/ is in the workspace").to_owned();
        let target_dir =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), |dir| workspace.join(dir));
        Cargo { workspace, target_dir, target }
    }

    /// The folder of the workspace.
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Where the sample's sources and programs go.
    pub fn output(&self) -> PathBuf {
        self.target_dir.join("demo").join(self.target.as_deref().unwrap_or_default())
    }

    /// `.exe` or nothing, on the platform that is built for.
    pub fn exe_suffix(&self) -> &'static str {
        match &self.target {
            Some(target) if target.contains("windows") => ".exe",
            Some(_) => "",
            None => std::env::consts::EXE_SUFFIX,
        }
    }

    /// Builds packages of the workspace for this machine, as its tests do; the folder of the programs.
    pub fn build_tools(&self, packages: &[&str]) -> Outcome<PathBuf> {
        let mut command = self.command();
        command.current_dir(&self.workspace).args(["--locked", "--bins"]);
        for package in packages {
            command.args(["-p", package]);
        }
        run(&mut command)?;
        Ok(self.target_dir.join("debug"))
    }

    /// Builds the program `name` of the package in `folder`, as one that is shipped.
    pub fn build(&self, folder: &Path, name: &str) -> Outcome<PathBuf> {
        let mut command = self.command();
        command.current_dir(folder).arg("--release");
        let mut built = self.target_dir.clone();
        if let Some(target) = &self.target {
            command.args(["--target", target]);
            built.push(target);
        }
        run(&mut command)?;
        Ok(built.join("release").join(format!("{name}{}", self.exe_suffix())))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--quiet"]).env("CARGO_TARGET_DIR", &self.target_dir);
        // `cargo run` passes facts about this package on; they are not the sample's.
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }
}

fn run(command: &mut Command) -> Outcome<()> {
    let status = command.status().map_err(|error| format!("{command:?} did not start: {error}"))?;
    if !status.success() {
        return Err(format!("{command:?} failed: {status}").into());
    }
    Ok(())
}
