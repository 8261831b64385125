//! `differ resign`

use super::output;
use crate::DifferError;
use crate::project::Project;
use crate::resign::{ROLES, Resigned, resign};
use jiff::Timestamp;
use std::path::Path;
use upstep_store::Store;

/// Renew the signatures before they expire
///
/// Signs the newest snapshot and timestamp anew. It needs the keys of these two roles alone, and
/// changes no release.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sign even where somebody else has just signed
    #[arg(long)]
    force: bool,
}

/// Renews them.
pub fn run(args: &Args, project: &Path, json: bool) -> Result<(), DifferError> {
    let project = Project::load(project)?;
    let store = Store::open(&project.store)?;
    let keys = project.signing_keys(&ROLES)?;
    let resigned = crate::runtime()?.block_on(resign(&store, &project, &keys, args.force, Timestamp::now()))?;
    match resigned {
        _ if json => output::json(&resigned),
        Resigned::Signed { commit, expires } => {
            output::text(&format!("signed commit {commit}, valid until {expires}\n"))
        }
        Resigned::Fresh { commit, expires } => {
            output::text(&format!("nothing to do: commit {commit} was just signed, and is valid until {expires}\n"))
        }
    }
}
