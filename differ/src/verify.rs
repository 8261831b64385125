//! Checking a store: signatures, every blob, and every patch by applying it.

use crate::DifferError;
use crate::make::{Programs, read_blob, unpack};
use crate::progress::{Progress, Stage};
use crate::project::Project;
use crate::published::Published;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::Serialize;
use std::fs::File;
use std::sync::Arc;
use upstep_codec::{Applied, ApplyLimits};
use upstep_model::{AppName, Index, Patch, Release, paths};
use upstep_store::{MAX_TIMESTAMP, Store};

/// What was checked, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Number of the highest commit.
    pub commit: u64,
    /// How many indexes were read.
    pub indexes: usize,
    /// How many fulls were unpacked.
    pub fulls: usize,
    /// How many patches were applied.
    pub patches: usize,
    /// What is wrong.
    pub failures: Vec<String>,
    /// What will be wrong soon.
    pub warnings: Vec<String>,
}

/// Checks the highest commit and everything that it names. A store that can't be read at all is
/// an error; what is wrong in it is in the report.
pub fn verify(project: &Project, now: Timestamp, progress: &dyn Progress) -> Result<VerifyReport, DifferError> {
    crate::block_on(async || verify_store(&Store::open(&project.store)?, project, now, progress).await)?
}

/// The same with a store at hand.
pub async fn verify_store(
    store: &Store,
    project: &Project,
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<VerifyReport, DifferError> {
    let published = Published::load(store, &project.app, &project.root).await?;
    let Some(metadata) = &published.metadata else {
        return Err(DifferError::NothingPublished { store: store.location().to_string(), app: project.app.clone() });
    };
    let mut report = VerifyReport { commit: published.commit, ..VerifyReport::default() };
    age(&mut report, metadata.expires(), project, now);
    copy(&mut report, store, &published).await?;
    let mut indexes = Vec::new();
    for (channel, platform) in published.indexes().collect::<Vec<_>>() {
        match published.index(store, &channel, &platform).await {
            Ok(index) => indexes.extend(index),
            Err(error) => report.failures.push(said(&error)),
        }
    }
    let programs = Programs::new()?;
    progress.begin(Stage::Verify, indexes.iter().map(work).sum());
    for index in &indexes {
        report.indexes += 1;
        check_index(&mut report, store, index, &programs, progress).await?;
    }
    progress.end();
    Ok(report)
}

fn age(report: &mut VerifyReport, expires: Timestamp, project: &Project, now: Timestamp) {
    let left = expires.duration_since(now);
    if left.is_negative() {
        report.failures.push(format!("the signatures expired at {expires}: `differ resign` renews them"));
    } else if left < project.lifetimes.timestamp / 3 {
        report.warnings.push(format!("the signatures expire at {expires}: `differ resign` renews them"));
    }
}

/// Hosts without a server serve the copy alone.
async fn copy(report: &mut VerifyReport, store: &Store, published: &Published) -> Result<(), DifferError> {
    let path = paths::metadata(&published.app, "timestamp.json");
    let copy = store.find(&path, MAX_TIMESTAMP).await?;
    let commit = store.find(&paths::commit(&published.app, published.commit), MAX_TIMESTAMP).await?;
    if copy != commit {
        report.failures.push(format!(
            "{path} must be a copy of commit {}: the next publish mends it, also one that finds everything there",
            published.commit
        ));
    }
    Ok(())
}

/// What there is to do, in bytes of the programs.
fn work(index: &Index) -> u64 {
    let releases = index.releases.iter().map(|release| release.artifact.size);
    let patches = index.patches.iter().filter_map(|patch| index.release(&patch.to)).map(|to| to.artifact.size);
    releases.chain(patches).sum()
}

async fn check_index(
    report: &mut VerifyReport,
    store: &Store,
    index: &Index,
    programs: &Programs,
    progress: &dyn Progress,
) -> Result<(), DifferError> {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    for release in &index.releases {
        match unpack(store, &index.app, release).await {
            Ok(program) => programs.keep(release.artifact.digest, &program)?,
            Err(error) => report.failures.push(format!("{} for {}: {}", release.version, index.platform, said(&error))),
        }
        report.fulls += 1;
        progress.advance(release.artifact.size);
    }
    let programs = Arc::new(programs);
    let checks: Vec<Option<String>> = futures::stream::iter(&index.patches)
        .map(|patch| {
            let programs = programs.clone();
            async move {
                let result = check_patch(store, index, patch, &programs).await;
                progress.advance(index.release(&patch.to).map_or(0, |to| to.artifact.size));
                let name = format!("the patch from {} to {} for {}", patch.from, patch.to, index.platform);
                Ok::<_, DifferError>(result.err().map(|error| format!("{name}: {}", said(&error))))
            }
        })
        .buffer_unordered(at_once)
        .try_collect()
        .await?;
    report.patches += checks.len();
    report.failures.extend(checks.into_iter().flatten());
    Ok(())
}

async fn check_patch(store: &Store, index: &Index, patch: &Patch, programs: &Programs) -> Result<(), DifferError> {
    let app: &AppName = &index.app;
    let bytes = read_blob(store, app, &patch.digest, patch.size).await?;
    let (Some(from), Some(to)) = (index.release(&patch.from), index.release(&patch.to)) else { return Ok(()) };
    let path = programs.path(&from.artifact.digest);
    let old = File::open(&path).map_err(|source| DifferError::File { operation: "read", path, source })?;
    let limits = ApplyLimits { memory: patch.memory };
    let applied =
        tokio::task::spawn_blocking(move || upstep_codec::apply(&bytes[..], &old, &mut std::io::sink(), &limits));
    let applied = applied
        .await
        .map_err(|join| DifferError::System { operation: "apply a patch", source: std::io::Error::other(join) })??;
    compare(&paths::blob(app, &patch.digest), patch, &applied, to)
}

/// Whether a patch is and makes what the index says.
fn compare(path: &str, patch: &Patch, applied: &Applied, to: &Release) -> Result<(), DifferError> {
    let differs = |what: &str, expected: String, found: String| {
        if expected == found {
            return Ok(());
        }
        Err(DifferError::Content {
            path: path.to_owned(),
            expected: format!("a patch with {what} {expected}"),
            found: format!("{what} {found}"),
        })
    };
    differs("result", to.artifact.digest.to_string(), applied.to.to_string())?;
    differs("codec", patch.codec.to_string(), applied.header.codec.to_string())?;
    differs("memory", patch.memory.to_string(), applied.header.memory.to_string())
}

/// An error and its causes in one line.
fn said(error: &DifferError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
