//! What an install was updated with last time, so that later calls need only `--exe`.

use crate::{UpdateError, file};
use serde::{Deserialize, Serialize};
use std::path::Path;
use upstep_model::{AppName, Channel, Platform, Version};

const FILE: &str = "settings.json";
const MAX_FILE: u64 = 1 << 20;

/// The settings of one install; every field may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<AppName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<Channel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) urls: Vec<String>,
    /// The root of trust, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) root: Option<String>,
    #[serde(default)]
    pub(super) allow_http: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pin: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) memory_limit: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) probe_args: Option<String>,
}

impl Saved {
    /// Reads the settings of the install with this state folder. Missing or unreadable ones are
    /// none: the command then asks for what it needs.
    pub(super) fn read(folder: &Path) -> Self {
        let Ok(bytes) = file::read_small(&folder.join(FILE), MAX_FILE) else { return Saved::default() };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!("{}: {error}: ignored", folder.join(FILE).display());
            Saved::default()
        })
    }

    /// Writes the settings; the caller holds the lock of the install.
    pub(super) fn write(&self, folder: &Path) -> Result<(), UpdateError> {
        let json = serde_json::to_vec_pretty(self).expect("no map has keys that are not text");
        file::replace(&folder.join(FILE), &json)
    }
}
