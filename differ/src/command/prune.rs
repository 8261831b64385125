//! `differ prune`

use super::output::{self, bytes};
use crate::DifferError;
use crate::project::Project;
use crate::prune::{PruneReport, prune};
use jiff::Timestamp;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;

/// Drop old releases from the index, and delete what nothing names any more
///
/// Objects stay for 7 days after they were last named, so that running downloads end well.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave the newest N releases of each channel and platform in the index [default: all]
    ///
    /// A program that runs a dropped release is updated by the full download.
    #[arg(long, value_name = "N")]
    keep: Option<NonZeroUsize>,
}

/// Prunes.
pub fn run(args: &Args, project: &Path, json: bool) -> Result<(), DifferError> {
    let report = prune(&Project::load(project)?, args.keep, Timestamp::now())?;
    if json { output::json(&report) } else { output::text(&text(&report)) }
}

fn text(report: &PruneReport) -> String {
    let mut text = String::new();
    for dropped in &report.dropped {
        let _ = writeln!(text, "dropped {} for {} from channel {}", dropped.version, dropped.platform, dropped.channel);
    }
    for path in &report.deleted {
        let _ = writeln!(text, "deleted {path}");
    }
    let (objects, size) = (report.deleted.len(), bytes(report.bytes));
    let _ = writeln!(text, "{} releases dropped, {objects} objects ({size} bytes) deleted", report.dropped.len());
    text
}
