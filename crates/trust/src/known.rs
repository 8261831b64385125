//! The metadata below the root that was verified last, with the bytes that it came as.

use crate::Metadata;
use crate::error::TrustError;
use crate::metadata::{Numbers, flat_targets};
use crate::role::Role;
use crate::root::Root;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use tough::schema::{self, Signed};

/// One file: its bytes and what they say.
#[derive(Debug, Clone)]
pub(crate) struct Document<T> {
    pub(crate) raw: Vec<u8>,
    pub(crate) content: T,
}

impl<T: schema::Role + DeserializeOwned + Serialize> Document<T> {
    /// Reads a file and checks its signatures under `root`.
    fn verify(root: &Root, raw: Vec<u8>) -> Result<Self, String> {
        let parsed: Signed<T> = serde_json::from_slice(&raw).map_err(|error| format!("{}: {error}", T::TYPE))?;
        root.signed.signed.verify_role(&parsed).map_err(|error| format!("{}: {error}", T::TYPE))?;
        Ok(Document { raw, content: parsed.signed })
    }

    pub(crate) fn version(&self) -> u64 {
        self.content.version().get()
    }
}

/// Timestamp, snapshot and targets that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) timestamp: Document<schema::Timestamp>,
    pub(crate) snapshot: Document<schema::Snapshot>,
    /// Missing after the targets key was changed, until the next successful check.
    pub(crate) targets: Option<Document<schema::Targets>>,
}

impl Known {
    /// Checks all signatures under `root`; the error says what is wrong.
    pub(crate) fn verify(
        root: &Root,
        timestamp: Vec<u8>,
        snapshot: Vec<u8>,
        targets: Option<Vec<u8>>,
    ) -> Result<Known, String> {
        Ok(Known {
            timestamp: Document::verify(root, timestamp)?,
            snapshot: Document::verify(root, snapshot)?,
            targets: targets.map(|raw| Document::verify(root, raw)).transpose()?,
        })
    }

    /// What stays known when `next` follows on `root`: nothing, if an online key changed.
    pub(crate) fn under(self, root: &Root, next: &Root) -> Option<Known> {
        if !next.has_online_keys_of(root) {
            return None;
        }
        let mut known = Known::verify(next, self.timestamp.raw, self.snapshot.raw, None).ok()?;
        known.targets = self.targets.and_then(|targets| Document::verify(next, targets.raw).ok());
        Some(known)
    }

    /// Refuses what goes back behind `earlier`.
    ///
    /// `tough` compares too, with the files that it is given; this does not depend on them.
    pub(crate) fn goes_back_behind(&self, earlier: &Known) -> Result<(), TrustError> {
        let versions = [
            (Role::Timestamp, Some(earlier.timestamp.version()), Some(self.timestamp.version())),
            (Role::Snapshot, Some(earlier.snapshot.version()), Some(self.snapshot.version())),
            (
                Role::Targets,
                earlier.targets.as_ref().map(Document::version),
                self.targets.as_ref().map(Document::version),
            ),
        ];
        for (role, known, offered) in versions {
            if let (Some(known), Some(offered)) = (known, offered)
                && offered < known
            {
                return Err(TrustError::OlderVersion { role, known, offered });
            }
        }
        Ok(())
    }

    /// Refuses what is past its time at `now`.
    pub(crate) fn is_fresh(&self, root: &Root, now: Timestamp) -> Result<(), TrustError> {
        let expiries = [
            (Role::Root, Some(root.signed.signed.expires)),
            (Role::Timestamp, Some(self.timestamp.content.expires)),
            (Role::Snapshot, Some(self.snapshot.content.expires)),
            (Role::Targets, self.targets.as_ref().map(|targets| targets.content.expires)),
        ];
        for (role, expires) in expiries {
            if let Some(expired) = expires
                && expired < now
            {
                return Err(TrustError::Expired { role, expired, now });
            }
        }
        Ok(())
    }

    /// What the files say, if all of them are there.
    pub(crate) fn metadata(&self, root: &Root) -> Option<Metadata> {
        let targets = self.targets.as_ref()?;
        Some(Metadata {
            root_version: root.version(),
            numbers: Numbers {
                targets: targets.version(),
                snapshot: self.snapshot.version(),
                timestamp: self.timestamp.version(),
            },
            expiries: BTreeMap::from([
                (Role::Root, root.signed.signed.expires),
                (Role::Targets, targets.content.expires),
                (Role::Snapshot, self.snapshot.content.expires),
                (Role::Timestamp, self.timestamp.content.expires),
            ]),
            targets: flat_targets(&targets.content),
        })
    }
}
