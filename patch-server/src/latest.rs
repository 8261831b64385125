//! `latest.json`: what a client that knows nothing of plans, channels and platforms is told.
//!
//! Such a client downloads whenever `version` differs from its own. A version that is missing for
//! one of the systems would make that system's clients download for ever, so the document only
//! ever names one that all of them have.

use crate::BaseUrl;
use crate::offer::{Offer, is_for_everybody};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use upstep_model::platform::{Os, PlatformArg};
use upstep_model::{AppName, Channel, Platform, Version};

/// The newest stable release that all of an app's systems have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// Its version.
    pub version: Version,
    /// The platform that stands for each system which the app was ever offered for.
    pub platforms: Vec<(Os, Platform)>,
}

impl Latest {
    /// Chooses among the indexes of the channel `stable`; `None` where no release is for everybody
    /// on all systems.
    pub fn choose(stable: &BTreeMap<Platform, Arc<Offer>>) -> Option<Latest> {
        let offered = || stable.iter().filter(|(_, offer)| !offer.index().releases.is_empty());
        let platforms: Vec<(Os, Platform)> = Os::ALL
            .into_iter()
            .filter_map(|os| {
                let alias = PlatformArg::parse(os.as_str()).ok()?;
                Some((os, alias.resolve(offered().map(|(platform, _)| platform))?))
            })
            .collect();
        let (_, first) = platforms.first()?;
        let everywhere = |version: &Version| {
            platforms
                .iter()
                .all(|(_, platform)| stable[platform].index().release(version).is_some_and(is_for_everybody))
        };
        let releases = &stable[first].index().releases;
        let version = releases.iter().rev().map(|release| &release.version).find(|version| everywhere(version))?;
        Some(Latest { version: version.clone(), platforms })
    }

    /// The document: `version`, and one of `url_windows`, `url_darwin`, `url_linux` for each system.
    /// The URLs name the version, so that what is downloaded is what was announced.
    pub fn to_json(&self, app: &AppName, base: &BaseUrl) -> Vec<u8> {
        let mut document = Map::new();
        document.insert("version".to_owned(), Value::String(self.version.to_string()));
        for (os, platform) in &self.platforms {
            let url = format!("{base}/{app}/download/{}/{platform}/{}", Channel::stable(), self.version);
            document.insert(format!("url_{}", os.as_str()), Value::String(url));
        }
        serde_json::to_vec(&document).expect("no map has keys that are not text")
    }
}
