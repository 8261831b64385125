//! Versions: SemVer without build metadata.

use crate::{Invalid, string_type};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest version, in bytes; the marker has this much room.
pub const MAX_VERSION: usize = 64;

/// A SemVer 2.0 version without build metadata, ordered by precedence.
///
/// Build metadata is refused because two versions that differ in it alone have the same
/// precedence: neither would be the newer one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(semver::Version);

impl Version {
    /// Reads a version such as `1.2.3` or `2.0.0-beta.1`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let expected = "a SemVer version such as 1.2.3 without build metadata, at most 64 bytes";
        let invalid = || Invalid::new("version", expected, text);
        if text.len() > MAX_VERSION {
            return Err(invalid());
        }
        let version = semver::Version::parse(text).map_err(|_| invalid())?;
        if !version.build.is_empty() {
            return Err(invalid());
        }
        Ok(Version(version))
    }

    /// Whether the version has a pre-release part.
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad`, so that tables can give a width.
        f.pad(&self.0.to_string())
    }
}

string_type!(Version);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_precedence() {
        let sorted = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.2.0", "1.10.0"];
        let versions: Vec<Version> = sorted.iter().map(|text| Version::parse(text).expect(text)).collect();
        assert!(versions.is_sorted());
    }

    #[test]
    fn build_metadata_and_nonsense_are_refused() {
        for bad in ["", "1", "1.2", "v1.2.3", "1.2.3+build", "01.2.3", "1.2.3 ", &format!("1.2.3-{}", "a".repeat(64))] {
            assert!(Version::parse(bad).is_err(), "{bad:?} was taken for a version");
        }
    }
}
