//! Pruning: old releases leave the index, and what nothing names any more leaves the store.

use crate::DifferError;
use crate::change::signer;
use crate::names;
use crate::project::Project;
use crate::published::Published;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::SystemTime;
use upstep_model::{Channel, Index, Platform, Version};
use upstep_store::{Keep, Store};

/// What was pruned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PruneReport {
    /// Number of the commit that dropped releases; none if there were none to drop.
    pub commit: Option<u64>,
    /// The releases that left their index.
    pub dropped: Vec<Dropped>,
    /// The objects that were deleted.
    pub deleted: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
}

/// A release that left its index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Its channel.
    pub channel: Channel,
    /// Its platform.
    pub platform: Platform,
    /// Its version.
    pub version: Version,
}

/// Leaves the newest `keep` releases in each index, if that is given, and sweeps the store.
pub fn prune(project: &Project, keep: Option<NonZeroUsize>, now: Timestamp) -> Result<PruneReport, DifferError> {
    crate::block_on(async || {
        let mut report = PruneReport::default();
        if let Some(keep) = keep {
            let signer = signer(project)?;
            signer.begin().await?;
            report.commit = signer
                .commit(now, async |published: &Published| {
                    report.dropped.clear();
                    let mut changed = Vec::new();
                    for mut index in published.all_indexes_to_change(&signer.store).await? {
                        let dropped = window(&mut index, keep);
                        if !dropped.is_empty() {
                            report.dropped.extend(dropped);
                            changed.push(index);
                        }
                    }
                    Ok(changed)
                })
                .await?;
        }
        let store = Store::open(&project.store)?;
        let now = SystemTime::from(now);
        let mut named = BTreeSet::new();
        for commit in store.commits_in_use(&project.app, now).await? {
            names::collect(&store, &project.app, &commit, &mut named).await?;
        }
        if named.is_empty() {
            return Err(DifferError::NothingPublished { store: project.store.clone(), app: project.app.clone() });
        }
        let pruned = store.prune(&project.app, &Keep { named }, now).await?;
        report.deleted = pruned.deleted;
        report.bytes = pruned.bytes;
        Ok(report)
    })?
}

/// Takes all but the newest `keep` releases, and their patches, out of an index.
fn window(index: &mut Index, keep: NonZeroUsize) -> Vec<Dropped> {
    let surplus = index.releases.len().saturating_sub(keep.get());
    let dropped = index.releases.drain(..surplus).map(|release| Dropped {
        channel: index.channel.clone(),
        platform: index.platform.clone(),
        version: release.version,
    });
    let dropped: Vec<Dropped> = dropped.collect();
    let is_listed = |version: &Version| dropped.iter().all(|dropped| dropped.version != *version);
    index.patches.retain(|patch| is_listed(&patch.from) && is_listed(&patch.to));
    dropped
}
