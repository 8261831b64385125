//! What a commit names, directly and through metadata and indexes: what `prune` must leave.
//!
//! Nothing is verified here. Keys may have changed since an older commit was signed, and to take
//! too much for named does no harm.

use crate::DifferError;
use crate::commit::blobs;
use crate::published::MAX_METADATA;
use std::collections::BTreeSet;
use upstep_codec::frame;
use upstep_model::index::{self, Index};
use upstep_model::{AppName, paths};
use upstep_store::{Commit, Store};

/// Adds the paths of everything that `commit` names to `named`.
pub async fn collect(
    store: &Store,
    app: &AppName,
    commit: &Commit,
    named: &mut BTreeSet<String>,
) -> Result<(), DifferError> {
    let timestamp = upstep_trust::parse_timestamp(&commit.timestamp)?;
    let snapshot_path = paths::metadata(app, &format!("{}.snapshot.json", timestamp.snapshot.version));
    if !named.insert(snapshot_path.clone()) {
        return Ok(());
    }
    let snapshot = upstep_trust::parse_snapshot(&store.get(&snapshot_path, MAX_METADATA).await?)?;
    let targets_path = paths::metadata(app, &format!("{}.targets.json", snapshot.targets.version));
    if !named.insert(targets_path.clone()) {
        return Ok(());
    }
    let targets = upstep_trust::parse_targets(&store.get(&targets_path, MAX_METADATA).await?)?;
    for (name, target) in &targets.targets {
        let path = paths::target(app, &target.digest, name);
        if named.insert(path.clone()) && paths::parse_index_target(name).is_ok() {
            let bytes = store.get(&path, index::MAX_COMPRESSED).await?;
            let json = frame::decompress(&bytes, index::MAX_JSON)?;
            let index = Index::from_json(&json).map_err(|source| DifferError::Index { name: name.clone(), source })?;
            named.extend(blobs(&index).map(|(path, _)| path));
        }
    }
    Ok(())
}
