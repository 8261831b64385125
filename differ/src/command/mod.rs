//! The commands: arguments in, text out. What they do is in the modules beside this folder.

mod apply;
mod bar;
mod coding;
mod diff;
pub mod error;
mod init;
mod inspect;
mod keys;
mod list;
mod output;
mod prune;
mod publish;
mod resign;
mod rollout;
mod table;
mod verify;
mod yank;

use crate::DifferError;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Adds releases to a store, with their patches and their signatures
///
/// Exit codes: 0 done, 1 failed (the store is as it was), 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "differ", version)]
pub struct Cli {
    /// The project: what `differ init` wrote
    #[arg(long, global = true, value_name = "FILE", default_value = "upstep.toml", env = "UPSTEP_PROJECT")]
    project: PathBuf,
    /// Print JSON for scripts instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set up an app: project file, keys and root
    Init(crate::init::Args),
    /// Add a release: one version, for one or several platforms
    Publish(publish::Args),
    /// Make a patch file
    Diff(diff::Args),
    /// Apply a patch file
    Apply(apply::Args),
    /// Say what a patch file is
    Inspect(inspect::Args),
    /// List the releases in the store
    List(list::Args),
    /// Check everything in the store: signatures, blobs, and each patch by applying it
    Verify(verify::Args),
    /// Withdraw a release: it is offered to nobody any more
    Yank(yank::Args),
    /// Offer a release to another share of the clients
    Rollout(rollout::Args),
    /// Drop old releases from the index, and delete what nothing names any more
    Prune(prune::Args),
    /// Look after the keys
    Keys(keys::Args),
    /// Renew the signatures before they expire
    Resign(resign::Args),
}

impl Cli {
    /// Runs the command.
    pub fn run(&self) -> Result<(), DifferError> {
        let (project, json) = (self.project.as_path(), self.json);
        match &self.command {
            Command::Init(args) => init::run(args, project, json),
            Command::Publish(args) => publish::run(args, project, json),
            Command::Diff(args) => diff::run(args, json),
            Command::Apply(args) => apply::run(args, json),
            Command::Inspect(args) => inspect::run(args, json),
            Command::List(args) => list::run(args, project, json),
            Command::Verify(args) => verify::run(args, project, json),
            Command::Yank(args) => yank::run(args, project, json),
            Command::Rollout(args) => rollout::run(args, project, json),
            Command::Prune(args) => prune::run(args, project, json),
            Command::Keys(args) => keys::run(args, project, json),
            Command::Resign(args) => resign::run(args, project, json),
        }
    }
}
