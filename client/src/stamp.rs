//! When the last check was, and what came of it: for the interval, for `status` and `doctor`.

use crate::check::Checked;
use crate::{UpdateError, file, interval};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FILE: &str = "checked.json";
const MAX_FILE: u64 = 16 << 10;

/// A failed check is repeated after this part of the interval.
const SOONER: u32 = 24;

/// The outcome of the last check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// Seconds since 1970.
    pub(crate) at: u64,
    /// Why the check failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
    /// The newest version on offer, if it was newer than the installed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) available: Option<String>,
}

impl Stamp {
    /// The outcome of a check that has just ended.
    pub(crate) fn of(outcome: &Result<Checked, UpdateError>) -> Self {
        let update = outcome.as_ref().ok().and_then(|checked| checked.update.as_ref());
        Stamp {
            at: now(),
            failure: outcome.as_ref().err().map(|error| crate::error::chain(error)),
            available: update.map(|update| update.plan.to.to_string()),
        }
    }

    /// The last check of the install with this state folder; an unreadable note is none.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let bytes = file::read_small(&folder.join(FILE), MAX_FILE).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Notes the check. A failure is logged, no more: the next check comes too early.
    pub(crate) fn write(&self, folder: &Path) {
        let json = serde_json::to_vec(self).expect("no map has keys that are not text");
        if let Err(error) = file::replace(&folder.join(FILE), &json) {
            tracing::debug!("{error}");
        }
    }

    /// Whether another check is due after this one.
    pub(crate) fn is_due_again(&self, every: Duration, install: &str) -> bool {
        let every = if self.failure.is_some() { every / SOONER } else { every };
        interval::is_due(Some(self.at), now(), every, install)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.at.try_into().unwrap_or(i64::MAX)) {
            Ok(time) => write!(f, "{time}")?,
            Err(_) => write!(f, "at an impossible time")?,
        }
        match (&self.failure, &self.available) {
            (Some(failure), _) => write!(f, ", failed: {failure}"),
            (None, Some(version)) => write!(f, ", {version} was on offer"),
            (None, None) => write!(f, ", nothing newer"),
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_is_repeated_sooner_and_a_torn_note_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let failed = Stamp { at: now() - 2 * 60 * 60, failure: Some("offline".to_owned()), available: None };
        assert!(failed.is_due_again(interval::DAY, "id"));
        assert!(!Stamp { failure: None, ..failed.clone() }.is_due_again(interval::DAY, "id"));
        failed.write(folder.path());
        assert_eq!(Stamp::read(folder.path()), Some(failed));
        std::fs::write(folder.path().join(FILE), "{\"at\":").expect("written");
        assert_eq!(Stamp::read(folder.path()), None);
    }
}
