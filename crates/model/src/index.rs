//! The index: the signed document of one (app, channel, platform).
//!
//! It is JSON, zstd-compressed as a TUF target; `docs/formats.md` lists its fields. A reader
//! ignores fields that it does not know, unless `critical` names them.

use crate::{AppName, Channel, Digest, Platform, Rollout, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// The format that this code writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// Most bytes of JSON that a reader takes (about 10,000 releases).
pub const MAX_JSON: usize = 8 << 20;

/// Most bytes of the compressed target that a reader takes.
pub const MAX_COMPRESSED: u64 = 1 << 20;

/// Names that `critical` may hold: what this code obeys.
const KNOWN_CRITICAL: [&str; 5] = ["mandatory_below", "floors", "moved_to", "notice", "kind"];

/// The signed document of one (app, channel, platform).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Format of this document: 1.
    pub format: u32,
    /// The app.
    pub app: AppName,
    /// The channel.
    pub channel: Channel,
    /// The platform.
    pub platform: Platform,
    /// The releases on offer, ascending by precedence, each version once.
    pub releases: Vec<Release>,
    /// The patches between them.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// Clients below this version are told that the update is mandatory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mandatory_below: Option<Version>,
    /// Versions that no client may jump over: a client below one is offered it first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floors: Vec<Version>,
    /// Base URLs that replace the client's own from the next check on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved_to: Vec<String>,
    /// A text that the app may show to its user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Names of fields that a reader must know to obey this index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub critical: Vec<String>,
}

/// One version of the app for the index's platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The version.
    pub version: Version,
    /// The complete program.
    pub artifact: Artifact,
    /// The artifact as a download.
    pub full: Full,
    /// The share of clients that the release is offered to.
    pub rollout: Rollout,
    /// Withdrawn: a base and a waypoint, never an end.
    #[serde(default, skip_serializing_if = "is_false")]
    pub yanked: bool,
    /// When it was published: RFC 3339, UTC.
    pub published: String,
    /// What the author says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// The complete program of a release for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// What it is.
    #[serde(default)]
    pub kind: Kind,
    /// Digest of the program.
    pub digest: Digest,
    /// Length of the program in bytes.
    pub size: u64,
}

/// What an artifact is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One executable file.
    #[default]
    File,
    /// Reserved for folders and bundles: no client takes it today.
    #[serde(other)]
    Unknown,
}

/// The artifact, zstd-compressed, as a download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Full {
    /// Digest of the download.
    pub digest: Digest,
    /// Length of the download in bytes.
    pub size: u64,
    /// Memory that decoding needs, in bytes.
    pub memory: u64,
}

/// A file that turns one artifact into another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The version that it is applied to.
    pub from: Version,
    /// The version that it makes.
    pub to: Version,
    /// Digest of the patch file.
    pub digest: Digest,
    /// Length of the patch file in bytes.
    pub size: u64,
    /// How it is coded.
    pub codec: Codec,
    /// Memory that decoding needs, in bytes.
    pub memory: u64,
}

/// How a download is coded. A name that this code does not know is kept as it is: such a step is
/// never part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Codec {
    /// zstd frames of the artifact itself (RFC 8878): a full.
    Zstd,
    /// The stream of the crates bidiff and bipatch, in zstd frames.
    Bidiff,
    /// Upstep's own for programs: addresses that moved are predicted.
    Exe,
    /// One that this code does not know.
    Unknown(String),
}

impl Codec {
    /// The name in documents.
    pub fn as_str(&self) -> &str {
        match self {
            Codec::Zstd => "zstd",
            Codec::Bidiff => "bidiff",
            Codec::Exe => "exe",
            Codec::Unknown(name) => name,
        }
    }
}

impl From<String> for Codec {
    fn from(name: String) -> Self {
        match name.as_str() {
            "zstd" => Codec::Zstd,
            "bidiff" => Codec::Bidiff,
            "exe" => Codec::Exe,
            _ => Codec::Unknown(name),
        }
    }
}

impl From<Codec> for String {
    fn from(codec: Codec) -> String {
        codec.as_str().to_owned()
    }
}

impl std::fmt::Display for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The path of a value that `written` does not have: `.releases[2].colour`.
fn lost(read: &Value, written: Option<&Value>) -> Option<String> {
    let below = |name: String, read, written| lost(read, written).map(|rest| format!("{name}{rest}"));
    match (read, written) {
        (Value::Object(fields), Some(Value::Object(kept))) => {
            fields.iter().find_map(|(name, value)| below(format!(".{name}"), value, kept.get(name)))
        }
        (Value::Array(items), Some(Value::Array(kept))) => {
            items.iter().enumerate().find_map(|(at, item)| below(format!("[{at}]"), item, kept.get(at)))
        }
        // A default need not be written.
        (Value::Null | Value::Bool(false), None) => None,
        (Value::Array(items), None) if items.is_empty() => None,
        _ => (Some(read) != written).then(String::new),
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Why a document is no index that this code obeys.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Not JSON, or a field is missing or malformed; serde's text names it.
    #[error("index is not valid JSON of the expected form")]
    Json(#[from] serde_json::Error),
    /// Longer than any index.
    #[error("index has {found} bytes of JSON, the limit is {MAX_JSON}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// Written by a newer Upstep.
    #[error("index has format {found}, this program reads {FORMAT}")]
    Format {
        /// Its format.
        found: u32,
    },
    /// The index asks for something that this code does not know.
    #[error("index needs {name:?}, which this program does not know")]
    Critical {
        /// The name in `critical`.
        name: String,
    },
    /// The index is of another app, channel or platform than the one that was asked for.
    #[error("index is for {found}, expected {expected}")]
    Other {
        /// What was asked for.
        expected: String,
        /// What it says.
        found: String,
    },
    /// Releases out of order or doubled.
    #[error("releases must ascend: {second} follows {first}")]
    Order {
        /// The earlier in the list.
        first: Version,
        /// The later in the list.
        second: Version,
    },
    /// A patch of versions that are not there, or one that does not lead upwards.
    #[error("patch from {from} to {to} must lead from a listed release to a later listed one")]
    Dangling {
        /// Its base.
        from: Version,
        /// What it makes.
        to: Version,
    },
}

impl Index {
    /// An index without releases.
    pub fn new(app: AppName, channel: Channel, platform: Platform) -> Self {
        Index {
            format: FORMAT,
            app,
            channel,
            platform,
            releases: Vec::new(),
            patches: Vec::new(),
            mandatory_below: None,
            floors: Vec::new(),
            moved_to: Vec::new(),
            notice: None,
            critical: Vec::new(),
        }
    }

    /// Reads and checks an index.
    pub fn from_json(json: &[u8]) -> Result<Self, IndexError> {
        if json.len() > MAX_JSON {
            return Err(IndexError::TooLong { found: json.len() });
        }
        // The format and what is critical come first: the rest may have another form.
        #[derive(Deserialize)]
        struct Head {
            format: u32,
            #[serde(default)]
            critical: Vec<String>,
        }
        let head: Head = serde_json::from_slice(json)?;
        if head.format != FORMAT {
            return Err(IndexError::Format { found: head.format });
        }
        if let Some(name) = head.critical.into_iter().find(|name| !KNOWN_CRITICAL.contains(&name.as_str())) {
            return Err(IndexError::Critical { name });
        }
        let index: Index = serde_json::from_slice(json)?;
        index.check()?;
        Ok(index)
    }

    /// The index as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("no map has keys that are not text")
    }

    /// A part of `json`, this index's own text, that [`Index::to_json`] does not write again: a field
    /// or a value of a newer Upstep. Who changes an index looks for it, or it would be lost.
    pub fn unwritable(&self, json: &[u8]) -> Result<Option<String>, IndexError> {
        let read: Value = serde_json::from_slice(json)?;
        let written: Value = serde_json::from_slice(&self.to_json())?;
        Ok(lost(&read, Some(&written)))
    }

    /// Refuses an index of another app, channel or platform.
    pub fn expect(&self, app: &AppName, channel: &Channel, platform: &Platform) -> Result<(), IndexError> {
        if (&self.app, &self.channel, &self.platform) == (app, channel, platform) {
            return Ok(());
        }
        Err(IndexError::Other {
            expected: format!("{app} {channel} {platform}"),
            found: format!("{} {} {}", self.app, self.channel, self.platform),
        })
    }

    fn check(&self) -> Result<(), IndexError> {
        for pair in self.releases.windows(2) {
            if pair[0].version >= pair[1].version {
                return Err(IndexError::Order { first: pair[0].version.clone(), second: pair[1].version.clone() });
            }
        }
        let versions: BTreeSet<&Version> = self.releases.iter().map(|release| &release.version).collect();
        for patch in &self.patches {
            let listed = versions.contains(&patch.from) && versions.contains(&patch.to);
            if !listed || patch.from >= patch.to {
                return Err(IndexError::Dangling { from: patch.from.clone(), to: patch.to.clone() });
            }
        }
        Ok(())
    }

    /// The release of this version.
    pub fn release(&self, version: &Version) -> Option<&Release> {
        self.releases.binary_search_by(|release| release.version.cmp(version)).ok().map(|at| &self.releases[at])
    }

    /// The release whose artifact has this digest; the newest, if several do.
    pub fn release_of(&self, digest: &Digest) -> Option<&Release> {
        self.releases.iter().rev().find(|release| release.artifact.digest == *digest)
    }

    /// What a client that runs `from` is to be updated to: the newest release that is not yanked,
    /// whose rollout reaches the client and that `accepts` lets pass (quarantine, pins), or the
    /// lowest floor on the way to it. `None` if that is not newer than `from`.
    pub fn target(
        &self,
        from: &Version,
        place: impl Fn(&Version) -> u16,
        accepts: impl Fn(&Release) -> bool,
    ) -> Option<&Release> {
        let on_offer = |release: &&Release| {
            !release.yanked
                && release.version > *from
                && release.artifact.kind == Kind::File
                && release.rollout.reaches(place(&release.version))
                && accepts(release)
        };
        let newest = self.releases.iter().rev().find(on_offer)?;
        let floor = self.floors.iter().filter(|floor| *floor > from && **floor < newest.version).min();
        match floor.and_then(|floor| self.release(floor)) {
            Some(floor) if on_offer(&floor) => Some(floor),
            _ => Some(newest),
        }
    }

    /// Whether a client at `from` is told that the update is mandatory.
    pub fn is_mandatory(&self, from: &Version) -> bool {
        self.mandatory_below.as_ref().is_some_and(|below| from < below)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn version(text: &str) -> Version {
        Version::parse(text).expect("a version")
    }

    pub(crate) fn release(text: &str, size: u64, full: u64) -> Release {
        Release {
            version: version(text),
            artifact: Artifact { kind: Kind::File, digest: Digest::of(text.as_bytes()), size },
            full: Full { digest: Digest::of(format!("full {text}").as_bytes()), size: full, memory: 1 << 20 },
            rollout: Rollout::FULL,
            yanked: false,
            published: "2026-01-01T00:00:00Z".to_owned(),
            notes: None,
        }
    }

    pub(crate) fn patch(from: &str, to: &str, size: u64) -> Patch {
        Patch {
            from: version(from),
            to: version(to),
            digest: Digest::of(format!("{from} {to}").as_bytes()),
            size,
            codec: Codec::Bidiff,
            memory: 1 << 20,
        }
    }

    pub(crate) fn index(releases: Vec<Release>, patches: Vec<Patch>) -> Index {
        let app = AppName::parse("hello").expect("a name");
        let platform = Platform::parse("x86_64-unknown-linux-gnu").expect("a triple");
        Index { releases, patches, ..Index::new(app, Channel::stable(), platform) }
    }

    fn three() -> Index {
        index(
            vec![release("1.0.0", 9, 9), release("1.1.0", 9, 9), release("1.2.0", 9, 9)],
            vec![patch("1.0.0", "1.1.0", 1)],
        )
    }

    fn target(index: &Index, from: &str) -> Option<String> {
        index.target(&version(from), |_| 5_000, |_| true).map(|release| release.version.to_string())
    }

    #[test]
    fn it_survives_its_own_json() {
        let index = three();
        assert_eq!(Index::from_json(&index.to_json()).expect("its own JSON"), index);
    }

    #[test]
    fn unknown_fields_are_ignored_unless_they_are_critical() {
        let mut json: Value = serde_json::from_slice(&three().to_json()).expect("JSON");
        json["colour"] = "blue".into();
        json["releases"][0]["smell"] = 1.into();
        assert!(Index::from_json(json.to_string().as_bytes()).is_ok());
        json["critical"] = serde_json::json!(["floors", "colour"]);
        assert!(
            matches!(Index::from_json(json.to_string().as_bytes()), Err(IndexError::Critical { name }) if name == "colour")
        );
        json["format"] = 2.into();
        assert!(matches!(Index::from_json(json.to_string().as_bytes()), Err(IndexError::Format { found: 2 })));
    }

    #[test]
    fn what_would_be_lost_by_writing_it_again_is_named() {
        let written: Value = serde_json::from_slice(&three().to_json()).expect("JSON");
        let lost = |edit: fn(&mut Value)| {
            let mut json = written.clone();
            edit(&mut json);
            let json = json.to_string();
            Index::from_json(json.as_bytes()).expect("an index").unwritable(json.as_bytes()).expect("JSON")
        };
        assert_eq!(lost(|_| ()), None);
        assert_eq!(lost(|json| json["releases"][1]["yanked"] = false.into()), None);
        assert_eq!(lost(|json| json["notice"] = Value::Null), None);
        assert_eq!(lost(|json| json["colour"] = "blue".into()).as_deref(), Some(".colour"));
        assert_eq!(lost(|json| json["releases"][1]["smell"] = 1.into()).as_deref(), Some(".releases[1].smell"));
        let kind = lost(|json| json["releases"][2]["artifact"]["kind"] = "tree".into());
        assert_eq!(kind.as_deref(), Some(".releases[2].artifact.kind"));
        assert_eq!(lost(|json| json["patches"][0]["codec"] = "newer".into()), None);
    }

    #[test]
    fn releases_out_of_order_and_patches_from_nowhere_are_refused() {
        let twice = index(vec![release("1.0.0", 9, 9), release("1.0.0", 9, 9)], vec![]);
        assert!(matches!(Index::from_json(&twice.to_json()), Err(IndexError::Order { .. })));
        for (from, to) in [("1.0.0", "1.0.0"), ("1.1.0", "1.0.0"), ("0.9.0", "1.0.0"), ("1.0.0", "9.0.0")] {
            let bad = Index { patches: vec![patch(from, to, 1)], ..three() };
            assert!(matches!(Index::from_json(&bad.to_json()), Err(IndexError::Dangling { .. })), "{from} to {to}");
        }
    }

    #[test]
    fn the_target_is_the_newest_that_is_not_yanked_and_reaches_the_client() {
        let mut index = three();
        assert_eq!(target(&index, "1.0.0").as_deref(), Some("1.2.0"));
        assert_eq!(target(&index, "1.2.0"), None);
        assert_eq!(target(&index, "2.0.0"), None);
        index.releases[2].rollout = Rollout::percent(50.0).expect("in range");
        assert_eq!(target(&index, "1.0.0").as_deref(), Some("1.1.0"), "place 5000 is not below 5000");
        index.releases[1].yanked = true;
        assert_eq!(target(&index, "1.0.0"), None);
    }

    #[test]
    fn nobody_jumps_over_a_floor() {
        let mut index = three();
        index.floors = vec![version("1.1.0")];
        assert_eq!(target(&index, "1.0.0").as_deref(), Some("1.1.0"));
        assert_eq!(target(&index, "1.1.0").as_deref(), Some("1.2.0"));
    }

    #[test]
    fn mandatory_is_below_and_not_at() {
        let index = Index { mandatory_below: Some(version("1.1.0")), ..three() };
        assert!(index.is_mandatory(&version("1.0.0")));
        assert!(!index.is_mandatory(&version("1.1.0")));
    }
}
