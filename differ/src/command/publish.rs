//! `differ publish`

use super::bar::Bar;
use super::coding::{Coding, Memory};
use super::output::{self, bytes, megabytes};
use super::table::Table;
use crate::DifferError;
use crate::project::Project;
use crate::publish::{PublishRequest, publish};
use crate::report::{Measured, PatchReport, PublishReport, ReleaseReport};
use clap::value_parser;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use upstep_codec::full;
use upstep_model::{Channel, Invalid, Rollout, Version};

/// Longest notes, in bytes: they travel in the index of every client.
const MAX_NOTES: u64 = 64 << 10;

/// Add a release: one version, for one or several platforms
///
/// Version and platform are read off each file: the marker of `upstep::app!` and the executable's
/// own header. A release that is there already, with the same bytes, is left as it is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The programs, one for each platform
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The version, for a program without the marker
    #[arg(long, value_name = "V")]
    version: Option<Version>,
    /// The platform: a target triple, or an alias such as linux-x86_64 where it stands for one only
    #[arg(long, value_name = "P")]
    platform: Option<String>,
    /// The channel [default: the project's]
    #[arg(long)]
    channel: Option<Channel>,
    /// A file with what you want to say about the release
    #[arg(long, value_name = "FILE")]
    notes: Option<PathBuf>,
    /// Offer it to this share of the clients; 0 holds it back [default: 100]
    #[arg(long, value_name = "N", value_parser = percent)]
    percent: Option<Rollout>,
    /// Tell clients below this version that the update is mandatory
    #[arg(long, value_name = "V")]
    mandatory_below: Option<Version>,
    /// Allow a version that is older than the newest
    #[arg(long)]
    backfill: bool,
    /// Do not start the program once to see whether it can
    #[arg(long)]
    no_probe: bool,
    #[command(flatten)]
    coding: Coding,
    /// How hard full downloads are compressed: zstd's level, 1 to 22
    #[arg(long, value_name = "N", default_value_t = full::DEFAULT_LEVEL, value_parser = value_parser!(i32).range(1..=22))]
    full_level: i32,
    #[command(flatten)]
    memory: Memory,
}

/// Reads a percentage.
pub fn percent(text: &str) -> Result<Rollout, Invalid> {
    let number = text.parse().map_err(|_| Invalid::new("percent", "a number from 0 to 100", text))?;
    Rollout::percent(number)
}

/// Publishes, and prints what it did.
pub fn run(args: &Args, project: &Path, json: bool) -> Result<(), DifferError> {
    let request = PublishRequest {
        files: args.files.clone(),
        version: args.version.clone(),
        platform: args.platform.clone(),
        channel: args.channel.clone(),
        notes: args.notes.as_deref().map(notes).transpose()?,
        percent: args.percent,
        mandatory_below: args.mandatory_below.clone(),
        backfill: args.backfill,
        no_probe: args.no_probe,
        coding: args.coding.into(),
        full_level: Some(args.full_level),
        memory: Some(args.memory.bytes()),
        tool: std::env::current_exe().ok(),
        now: None,
    };
    let project = Project::load(project)?;
    let bar = Bar::default();
    let report = publish(&project, &request, &bar)?;
    drop(bar);
    if json { output::json(&report) } else { output::text(&text(&report)) }
}

fn notes(path: &Path) -> Result<String, DifferError> {
    let failed = |source| DifferError::File { operation: "read", path: path.to_owned(), source };
    let mut notes = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_NOTES + 1).read_to_string(&mut notes).map_err(failed)?;
    if notes.len() as u64 > MAX_NOTES {
        return Err(Invalid::new("notes", "at most 65536 bytes", &notes).into());
    }
    Ok(notes.trim_end().to_owned())
}

fn text(report: &PublishReport) -> String {
    let mut text = String::new();
    for release in &report.releases {
        let ReleaseReport { version, platform, size, full, added, patches, .. } = release;
        if !added {
            let _ = writeln!(text, "{} {version} for {platform} was there already", report.app);
            continue;
        }
        let _ = writeln!(
            text,
            "{} {version} for {platform}: {} bytes, {} as a full download",
            report.app,
            bytes(*size),
            bytes(*full),
        );
        if !patches.is_empty() {
            text.push_str(&table(release));
        }
    }
    match report.commit {
        Some(commit) => _ = writeln!(text, "published in channel {} as commit {commit}", report.channel),
        None => text.push_str("nothing to publish, the store is as it was\n"),
    }
    text
}

fn table(release: &ReleaseReport) -> String {
    let mut table = Table::new(&[
        "from",
        ">distance",
        ">patch bytes",
        ">of full",
        "codec",
        ">diff time",
        ">diff memory",
        ">apply time",
        ">apply memory",
        "",
        "why",
    ]);
    for patch in &release.patches {
        let PatchReport { from, to, distance, kept, reason, measured } = patch;
        let from = if *to == release.version { from.to_string() } else { format!("{from} to {to}") };
        let cells = match measured {
            Some(it @ Measured { bytes: size, share, diff_seconds, diff_memory, apply_seconds, apply_memory, .. }) => [
                bytes(*size),
                format!("{:.1}%", share * 100.0),
                it.coding(),
                format!("{diff_seconds:.2} s"),
                megabytes(*diff_memory),
                format!("{apply_seconds:.2} s"),
                megabytes(*apply_memory),
            ],
            None => std::array::from_fn(|_| "-".to_owned()),
        };
        let verdict = if *kept { "kept" } else { "dropped" }.to_owned();
        table.row([from, distance.to_string()].into_iter().chain(cells).chain([verdict, reason.clone()]));
    }
    table.text()
}
