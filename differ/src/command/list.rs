//! `differ list`

use super::output::{self, bytes};
use super::table::Table;
use crate::DifferError;
use crate::list::{Listing, list};
use crate::project::Project;
use std::fmt::Write as _;
use std::path::Path;
use upstep_model::{Index, Release};

/// List the releases in the store
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Lists them.
pub fn run(Args {}: &Args, project: &Path, json: bool) -> Result<(), DifferError> {
    let listing = list(&Project::load(project)?)?;
    if json { output::json(&listing) } else { output::text(&text(&listing)) }
}

fn text(listing: &Listing) -> String {
    let mut text = String::new();
    for index in &listing.indexes {
        let _ = writeln!(text, "{} {} {}", index.app, index.channel, index.platform);
        let mut table = Table::new(&["version", ">bytes", ">full", "patches from", ">offered to", "published", ""]);
        for release in index.releases.iter().rev() {
            table.row(row(index, release));
        }
        text.push_str(&table.text());
    }
    match &listing.expires {
        Some(expires) => _ = writeln!(text, "commit {}, signatures are valid until {expires}", listing.commit),
        None => _ = writeln!(text, "no release of {} yet", listing.app),
    }
    text
}

fn row(index: &Index, release: &Release) -> [String; 7] {
    let bases: Vec<String> = index
        .patches
        .iter()
        .filter(|patch| patch.to == release.version)
        .map(|patch| format!("{} ({})", patch.from, bytes(patch.size)))
        .collect();
    let mut remarks = Vec::new();
    if release.yanked {
        remarks.push("withdrawn");
    }
    if index.is_mandatory(&release.version) {
        remarks.push("must be updated");
    }
    [
        release.version.to_string(),
        bytes(release.artifact.size),
        bytes(release.full.size),
        bases.join(", "),
        format!("{}%", f64::from(u16::from(release.rollout)) / 100.0),
        release.published.clone(),
        remarks.join(", "),
    ]
}
