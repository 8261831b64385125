//! One check: the TUF client workflow, from the newest root known to the targets metadata.

use crate::exchange::{self, Exchange, Received, Relay};
use crate::known::Known;
use crate::stored::{self, io_error};
use crate::{Metadata, Role, Source, State, TrustError};
use jiff::Timestamp;
use std::fs;
use std::path::Path;
use tough::error::Error as Tough;
use tough::schema::RoleType;
use tough::{ExpirationEnforcement, Limits, Repository, RepositoryLoader};
use url::Url;

/// Most new roots that one check takes. A longer chain goes on at the next check.
const MAX_ROOTS: u64 = 256;

/// Reads what is new at `source`, verifies it, and takes it into `state`, which the caller saves.
///
/// Where nothing is new this costs two requests: the next root, which is not there, and the
/// timestamp. On an error the state keeps what it knew, apart from roots that were verified.
pub async fn refresh(state: &mut State, source: &dyn Source, now: Timestamp) -> Result<Metadata, TrustError> {
    let now = state.clock(now);
    let (result, received) = load(state, source).await?;
    let followed = state.follow(&received.roots);
    if received.failure.is_none() {
        state.note_time(now);
    }
    if let Err(error) = result {
        return Err(failure(error, received, state, now));
    }
    followed?;
    let known = verified(state, &received)?;
    known.is_fresh(state.trusted_root(), now)?;
    if let Some(earlier) = state.known() {
        known.goes_back_behind(earlier)?;
    }
    state.adopt(known, received.etag);
    Ok(state.metadata().expect("all of it was just verified"))
}

/// Lets `tough` do its workflow, in this very task.
async fn load(state: &State, source: &dyn Source) -> Result<(Result<Repository, Tough>, Received), TrustError> {
    let work = match state.dir() {
        Some(dir) => Work::Beside(stored::work_dir(dir)?),
        None => Work::Temporary(tempfile::tempdir().map_err(|e| io_error("create", &std::env::temp_dir(), e))?),
    };
    let folder = work.path();
    if let Some(known) = state.known() {
        seed(folder, "timestamp.json", &known.timestamp.raw)?;
        seed(folder, "snapshot.json", &known.snapshot.raw)?;
    }
    let base = |folder| Url::parse(&format!("app:///{folder}/")).expect("a constant of the right form");
    let (relay, mut requests) = Relay::new();
    let root = state.root();
    let loader = RepositoryLoader::new(&root, base("metadata"), base("targets"))
        .transport(relay)
        .datastore(folder)
        .limits(Limits {
            max_root_size: exchange::MAX_ROOT,
            max_targets_size: exchange::MAX_TARGETS,
            max_timestamp_size: exchange::MAX_TIMESTAMP,
            max_snapshot_size: exchange::MAX_SNAPSHOT,
            max_root_updates: MAX_ROOTS,
        })
        // Expiry is compared below, with the time that counts, which need not be the clock's.
        .expiration_enforcement(ExpirationEnforcement::Unsafe)
        .load();
    let mut exchange = Exchange::new(state, source);
    tokio::pin!(loader);
    let result = loop {
        tokio::select! {
            biased;
            result = &mut loader => break result,
            Some(request) = requests.recv() => exchange.answer(request).await,
        }
    };
    Ok((result, exchange.received))
}

/// The private folder of one check.
enum Work {
    Beside(stored::WorkDir),
    Temporary(tempfile::TempDir),
}

impl Work {
    fn path(&self) -> &Path {
        match self {
            Work::Beside(folder) => &folder.0,
            Work::Temporary(folder) => folder.path(),
        }
    }
}

/// Gives `tough` what is known, so that it compares.
fn seed(folder: &Path, file: &str, raw: &[u8]) -> Result<(), TrustError> {
    let path = folder.join(file);
    fs::write(&path, raw).map_err(|source| io_error("write", &path, source))
}

/// What was received, checked once more under the root that the state now trusts.
fn verified(state: &State, received: &Received) -> Result<Known, TrustError> {
    let unverified = |reason: String| TrustError::Unverified { file: "metadata".to_owned(), reason };
    let files = (received.timestamp.clone(), received.snapshot.clone(), received.targets.clone());
    let (Some(timestamp), Some(snapshot), Some(targets)) = files else {
        return Err(unverified("a file was never asked for".to_owned()));
    };
    Known::verify(state.trusted_root(), timestamp, snapshot, Some(targets)).map_err(unverified)
}

/// What a failed check means.
fn failure(error: Tough, received: Received, state: &State, now: Timestamp) -> TrustError {
    let file = format!("metadata/{}", received.file);
    if let Some(source) = received.failure {
        return TrustError::Source { path: file, source };
    }
    match error {
        Tough::OlderMetadata { role: RoleType::Timestamp, current_version: known, new_version: offered, .. } => {
            // An old timestamp, again and again, is how a freeze looks to who knows a newer one.
            let fresh = state.known().map_or(Ok(()), |known| known.is_fresh(state.trusted_root(), now));
            fresh.err().unwrap_or(TrustError::NothingNew { known, offered })
        }
        Tough::OlderMetadata { role, current_version: known, new_version: offered, .. } => {
            TrustError::OlderVersion { role: Role::of(role), known, offered }
        }
        error @ (Tough::OlderSnapshotInTimestamp { .. }
        | Tough::SnapshotRoleRollback { .. }
        | Tough::SnapshotRoleMissing { .. }) => TrustError::Rollback { file, source: Box::new(error) },
        // The private folder, not what was received: a full disk, most likely.
        Tough::DatastoreCreate { path, source, .. } => TrustError::StateIo { operation: "write", path, source },
        Tough::DatastoreOpen { path, source, .. } => TrustError::StateIo { operation: "read", path, source },
        Tough::DatastoreRemove { path, source, .. } => TrustError::StateIo { operation: "delete", path, source },
        Tough::MaxUpdatesExceeded { max_root_updates, .. } => TrustError::TooManyRoots { limit: max_root_updates },
        error => TrustError::Refused { file, source: Box::new(error) },
    }
}
