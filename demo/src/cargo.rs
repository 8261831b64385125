//! Builds with cargo, in the workspace's own target folder.

use crate::Outcome;
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where to build.
pub struct Cargo {
    workspace: PathBuf,
    target_dir: PathBuf,
}

impl Cargo {
    /// Builds of the workspace that this program comes from.
    pub fn new() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("demo/ is in the workspace").to_owned();
        let target_dir =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), |dir| workspace.join(dir));
        Cargo { workspace, target_dir }
    }

    /// The folder of the workspace.
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Where the sample's sources and programs go.
    pub fn output(&self) -> PathBuf {
        self.target_dir.join("demo")
    }

    /// Builds programs of the workspace; the folder that they are in.
    ///
    /// They are those that `cargo test --workspace` builds: cargo joins the features of all packages that it is told
    /// of, and with an example those of what only tests need. With other features everything is built once more.
    pub fn build_tools(&self, programs: &[&str]) -> Outcome<PathBuf> {
        let mut command = self.command();
        command.current_dir(&self.workspace).args(["--locked", "--workspace", "--example", "swapped"]);
        for program in programs {
            command.args(["--bin", program]);
        }
        run(&mut command)?;
        Ok(self.target_dir.join("debug"))
    }

    /// Builds the program `name` of the package in `folder`, as one that is shipped.
    pub fn build(&self, folder: &Path, name: &str) -> Outcome<PathBuf> {
        let mut command = self.command();
        command.current_dir(folder).arg("--release");
        run(&mut command)?;
        Ok(self.target_dir.join("release").join(format!("{name}{EXE_SUFFIX}")))
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
