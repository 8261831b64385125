//! `differ rollout`

use super::{publish, yank};
use crate::DifferError;
use crate::change::{Selection, change};
use crate::project::Project;
use std::path::Path;
use upstep_model::{Channel, Platform, Rollout, Version};

/// Offer a release to another share of the clients
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The version
    version: Version,
    /// The share of the clients, 0 to 100
    #[arg(value_name = "PERCENT", value_parser = publish::percent)]
    percent: Rollout,
    /// The channel [default: the project's]
    #[arg(long)]
    channel: Option<Channel>,
    /// The platform [default: all]
    #[arg(long)]
    platform: Option<Platform>,
}

/// Changes the share.
pub fn run(args: &Args, project: &Path, json: bool) -> Result<(), DifferError> {
    let selection =
        Selection { version: args.version.clone(), channel: args.channel.clone(), platform: args.platform.clone() };
    let percent = args.percent;
    let changed = change(&Project::load(project)?, &selection, |release| {
        std::mem::replace(&mut release.rollout, percent) != percent
    })?;
    let share = f64::from(u16::from(percent)) / 100.0;
    yank::print(&changed, &format!("{} is offered to {share}% of the clients", args.version), json)
}
