//! Targets: the files that the metadata signs for.

use crate::exchange::within;
use crate::{Metadata, Source, State, TrustError};
use upstep_model::Digest;

/// The verified bytes of a target: from the state, if they are known already, else from `source`.
///
/// They are kept in `state`, which the caller saves.
pub async fn read_target(
    state: &mut State,
    source: &dyn Source,
    metadata: &Metadata,
    name: &str,
    max: u64,
) -> Result<Vec<u8>, TrustError> {
    let target = metadata.target(name).ok_or_else(|| TrustError::NoTarget { name: name.to_owned() })?;
    if target.size > max {
        return Err(TrustError::TargetTooLarge { name: name.to_owned(), size: target.size, limit: max });
    }
    if let Some(bytes) = state.cached_target(name).filter(|bytes| Digest::of(bytes) == target.digest) {
        return Ok(bytes);
    }
    let path = format!("targets/{}.{name}", target.digest);
    let fetched = source.fetch(&path, target.size).await.and_then(|bytes| within(bytes, target.size));
    let bytes = fetched.map_err(|source| TrustError::Source { path: path.clone(), source })?;
    let (found, found_size) = (Digest::of(&bytes), bytes.len() as u64);
    if (found, found_size) != (target.digest, target.size) {
        return Err(TrustError::WrongTarget { path, expected: target.digest, size: target.size, found, found_size });
    }
    state.cache(name, bytes.clone());
    Ok(bytes)
}
