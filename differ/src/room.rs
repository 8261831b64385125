//! Whether the store has room for what is to be written: found out before anything is, since
//! blobs of a publish that ends with a full disk would lie there for a week.

use crate::DifferError;
use crate::make::{Patched, Workshop};
use std::collections::BTreeMap;
use upstep_model::{AppName, Digest, paths};
use upstep_store::Store;

/// For metadata, indexes, and the blocks that files are rounded up to.
const BESIDE: u64 = 256 << 10;

/// Refuses to begin where the store's disk has less room than the fulls and patches that were
/// made and are not there yet. Where the store does not tell, as on S3, there is room.
pub async fn check(store: &Store, app: &AppName, workshop: &Workshop) -> Result<(), DifferError> {
    let Some(free) = store.free_space() else { return Ok(()) };
    let mut needed = BESIDE;
    for (digest, size) in blobs(workshop) {
        if store.entry(&paths::blob(app, &digest)).await?.is_none() {
            needed = needed.saturating_add(size);
        }
    }
    if needed > free {
        return Err(DifferError::NoRoom { store: store.location().to_string(), needed, free });
    }
    Ok(())
}

fn blobs(workshop: &Workshop) -> BTreeMap<Digest, u64> {
    let fulls = workshop.fulls.values().map(|full| (full.about.digest, full.about.size));
    let patches = workshop.patches.values().filter_map(|patch| match patch {
        Patched::Made(made) => Some((made.about.digest, made.bytes.len() as u64)),
        Patched::TooHungry { .. } => None,
    });
    fulls.chain(patches).collect()
}
