//! Roots, and how one follows from another.

use tough::schema::{self, Role as _, RoleType, Signed};
use upstep_model::Digest;

/// A root that is signed by itself, and the bytes that it came as.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) raw: Vec<u8>,
    pub(crate) signed: Signed<schema::Root>,
    /// Of the canonical form: a root whose line ends a checkout has changed is still the same.
    pub(crate) digest: Digest,
}

/// Why bytes are no root, or no successor of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootError {
    #[error("not a root's JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("not signed as it must be: {0}")]
    Signature(#[from] schema::Error),
    #[error("consistent_snapshot must be true")]
    InconsistentSnapshot,
    #[error("version {found} does not follow {current}")]
    Version { current: u64, found: u64 },
}

impl Root {
    /// A root that is trusted for where it comes from; it must be signed by its own keys.
    pub(crate) fn parse(raw: &[u8]) -> Result<Root, RootError> {
        let signed: Signed<schema::Root> = serde_json::from_slice(raw)?;
        signed.signed.verify_role(&signed)?;
        if !signed.signed.consistent_snapshot {
            return Err(RootError::InconsistentSnapshot);
        }
        let digest = Digest::of(&signed.signed.canonical_form()?);
        Ok(Root { raw: raw.to_vec(), signed, digest })
    }

    /// The root after this one: signed by the keys of both.
    pub(crate) fn next(&self, raw: &[u8]) -> Result<Root, RootError> {
        let next = Root::parse(raw)?;
        self.signed.signed.verify_role(&next.signed)?;
        if self.version().checked_add(1) != Some(next.version()) {
            return Err(RootError::Version { current: self.version(), found: next.version() });
        }
        Ok(next)
    }

    pub(crate) fn version(&self) -> u64 {
        self.signed.signed.version.get()
    }

    /// Whether snapshot and timestamp are signed by the same keys as under `other`.
    ///
    /// Where they are not, versions known from the old keys count no more: whoever had stolen them
    /// may have signed absurdly high ones.
    pub(crate) fn has_online_keys_of(&self, other: &Root) -> bool {
        [RoleType::Snapshot, RoleType::Timestamp].iter().all(|role| {
            let keys = |root: &Root| root.signed.signed.roles.get(role).map(|keys| keys.keyids.clone());
            keys(self) == keys(other)
        })
    }
}
