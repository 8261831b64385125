//! `latest.json`: what a client that knows nothing of plans, channels and platforms is told.
//!
//! Such a client downloads whenever `version` differs from its own. A version that is missing for
//! one of the systems would make that system's clients download for ever, so the document only
//! ever names one that all of them have.

use crate::BaseUrl;
use crate::offer::{Offer, is_for_everybody};
use serde::Serialize;
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

#[derive(Serialize)]
struct Document<'a> {
    version: &'a Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    url_windows: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url_darwin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url_linux: Option<String>,
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
        let url = |wanted: Os| {
            let (_, platform) = self.platforms.iter().find(|(os, _)| *os == wanted)?;
            Some(format!("{base}/{app}/download/{}/{platform}/{}", Channel::stable(), self.version))
        };
        let document = Document {
            version: &self.version,
            url_windows: url(Os::Windows),
            url_darwin: url(Os::Darwin),
            url_linux: url(Os::Linux),
        };
        serde_json::to_vec(&document).expect("no map has keys that are not text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{index, release, version};
    use upstep_model::{Release, Rollout};

    const LINUX: &str = "x86_64-unknown-linux-gnu";
    const WINDOWS: &str = "x86_64-pc-windows-msvc";

    fn stable(offers: &[(&str, Vec<Release>)]) -> BTreeMap<Platform, Arc<Offer>> {
        let offer = |(platform, releases): &(&str, Vec<Release>)| {
            let index = index(platform, releases.clone(), vec![]);
            (index.platform.clone(), Arc::new(Offer::new(index)))
        };
        offers.iter().map(offer).collect()
    }

    fn releases(versions: &[&str]) -> Vec<Release> {
        versions.iter().map(|version| release(version, 9, 9)).collect()
    }

    fn chosen(offers: &[(&str, Vec<Release>)]) -> Option<String> {
        Latest::choose(&stable(offers)).map(|latest| latest.version.to_string())
    }

    #[test]
    fn a_release_that_one_system_lacks_is_not_announced_to_any() {
        let linux = (LINUX, releases(&["1.0.0", "1.1.0"]));
        assert_eq!(chosen(std::slice::from_ref(&linux)).as_deref(), Some("1.1.0"));
        assert_eq!(chosen(&[linux.clone(), (WINDOWS, releases(&["1.0.0"]))]).as_deref(), Some("1.0.0"));
        assert_eq!(chosen(&[linux.clone(), (WINDOWS, releases(&["1.0.0", "1.1.0"]))]).as_deref(), Some("1.1.0"));
        assert_eq!(chosen(&[linux.clone(), (WINDOWS, releases(&["0.9.0"]))]), None);
        let other_arch = ("aarch64-unknown-linux-gnu", releases(&["1.0.0"]));
        assert_eq!(chosen(&[linux.clone(), other_arch]).as_deref(), Some("1.1.0"), "no URL leads to it");
        assert_eq!(chosen(&[linux, (WINDOWS, vec![])]).as_deref(), Some("1.1.0"), "nothing was ever offered there");
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn what_is_withdrawn_or_not_for_everybody_is_not_announced() {
        let mut versions = releases(&["1.0.0", "1.1.0", "1.2.0"]);
        versions[2].yanked = true;
        assert_eq!(chosen(&[(LINUX, versions.clone())]).as_deref(), Some("1.1.0"));
        versions[1].rollout = Rollout::percent(50.0).expect("a share");
        assert_eq!(chosen(&[(LINUX, versions)]).as_deref(), Some("1.0.0"));
    }

    #[test]
    fn the_document_has_the_version_and_a_url_for_each_system() {
        let offers = stable(&[
            (LINUX, releases(&["1.0.0"])),
            ("x86_64-unknown-linux-musl", releases(&["1.0.0"])),
            (WINDOWS, releases(&["1.0.0"])),
            ("universal-apple-darwin", releases(&["1.0.0"])),
        ]);
        let latest = Latest::choose(&offers).expect("a version");
        assert_eq!(latest.version, version("1.0.0"));
        let base = BaseUrl::parse("https://a.example/up").expect("a URL");
        let json: serde_json::Value =
            serde_json::from_slice(&latest.to_json(&AppName::parse("hello").expect("a name"), &base)).expect("JSON");
        let expected = serde_json::json!({
            "version": "1.0.0",
            "url_windows": "https://a.example/up/hello/download/stable/x86_64-pc-windows-msvc/1.0.0",
            "url_darwin": "https://a.example/up/hello/download/stable/universal-apple-darwin/1.0.0",
            "url_linux": "https://a.example/up/hello/download/stable/x86_64-unknown-linux-gnu/1.0.0",
        });
        assert_eq!(json, expected);
    }
}
