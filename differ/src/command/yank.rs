//! `differ yank`

use super::output;
use crate::DifferError;
use crate::change::{Changed, Selection, change};
use crate::project::Project;
use std::path::Path;
use upstep_model::{Channel, Platform, Version};

/// Withdraw a release: it is offered to nobody any more
///
/// Programs that run it already are updated to the next release like any other; none goes back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The version
    version: Version,
    /// The channel [default: the project's]
    #[arg(long)]
    channel: Option<Channel>,
    /// The platform [default: all]
    #[arg(long)]
    platform: Option<Platform>,
    /// Offer it again
    #[arg(long)]
    undo: bool,
}

/// Withdraws the release.
pub fn run(args: &Args, project: &Path, json: bool) -> Result<(), DifferError> {
    let selection =
        Selection { version: args.version.clone(), channel: args.channel.clone(), platform: args.platform.clone() };
    let yanked = !args.undo;
    let changed = change(&Project::load(project)?, &selection, |release| {
        std::mem::replace(&mut release.yanked, yanked) != yanked
    })?;
    let what = if args.undo { "offered again" } else { "withdrawn" };
    print(&changed, &format!("{} is {what}", args.version), json)
}

/// Prints what a change did.
pub fn print(changed: &Changed, what: &str, json: bool) -> Result<(), DifferError> {
    if json {
        return output::json(changed);
    }
    let platforms: Vec<&str> = changed.platforms.iter().map(Platform::as_str).collect();
    let commit = match changed.commit {
        Some(commit) => format!("commit {commit}"),
        None => "it was before".to_owned(),
    };
    output::text(&format!("{what} for {} ({commit})\n", platforms.join(", ")))
}
