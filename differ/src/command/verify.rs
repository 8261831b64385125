//! `differ verify`

use super::bar::Bar;
use super::output;
use crate::DifferError;
use crate::project::Project;
use crate::verify::verify;
use jiff::Timestamp;
use std::path::Path;

/// Check everything in the store: signatures, blobs, and each patch by applying it
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Verifies, and fails if anything is wrong.
pub fn run(Args {}: &Args, project: &Path, json: bool) -> Result<(), DifferError> {
    let bar = Bar::default();
    let report = verify(&Project::load(project)?, Timestamp::now(), &bar)?;
    drop(bar);
    let checked = 2 + report.indexes + report.fulls + report.patches;
    if json {
        output::json(&report)?;
    } else {
        let failures = report.failures.iter().map(|failure| format!("failed: {failure}\n"));
        let warnings = report.warnings.iter().map(|warning| format!("warning: {warning}\n"));
        let lines: String = failures.chain(warnings).collect();
        output::text(&format!(
            "{lines}commit {}: {} indexes, {} fulls unpacked, {} patches applied, {} failures\n",
            report.commit,
            report.indexes,
            report.fulls,
            report.patches,
            report.failures.len(),
        ))?;
    }
    match report.failures.first() {
        None => Ok(()),
        Some(first) => Err(DifferError::Verify { count: report.failures.len(), checked, first: first.clone() }),
    }
}
