//! Rollout: the share of clients that a release is offered to.

use crate::{AppName, Digester, Invalid, Version};
use serde::{Deserialize, Serialize};

/// The share of clients a release is offered to, in hundredths of a percent: 0..=10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Rollout(u16);

impl Rollout {
    /// Offered to everybody.
    pub const FULL: Rollout = Rollout(10_000);
    /// Held back.
    pub const NONE: Rollout = Rollout(0);

    /// A share in percent, 0 to 100.
    pub fn percent(percent: f64) -> Result<Self, Invalid> {
        if !(0.0..=100.0).contains(&percent) {
            return Err(Invalid::new("percent", "a number from 0 to 100", &percent.to_string()));
        }
        Ok(Rollout((percent * 100.0).round() as u16))
    }

    /// Whether the release is offered to the client at `place`.
    pub fn reaches(self, place: u16) -> bool {
        place < self.0
    }

    /// Whether the release is offered to everybody.
    pub fn is_full(self) -> bool {
        self == Self::FULL
    }
}

impl TryFrom<u16> for Rollout {
    type Error = Invalid;
    fn try_from(value: u16) -> Result<Self, Invalid> {
        if value > 10_000 {
            return Err(Invalid::new("rollout", "a number from 0 to 10000", &value.to_string()));
        }
        Ok(Rollout(value))
    }
}

impl From<Rollout> for u16 {
    fn from(rollout: Rollout) -> u16 {
        rollout.0
    }
}

/// A client's place for one release, 0..10000: the first eight bytes, big-endian, of
/// SHA-256(`install_id` LF `app` LF `version`), modulo 10000.
///
/// It depends on the version, so that other users go first each time. The client computes it
/// and never sends it. The bias of the modulo is below 2⁻⁵⁰.
pub fn place(install_id: &str, app: &AppName, version: &Version) -> u16 {
    let mut digester = Digester::new();
    digester.update(format!("{install_id}\n{app}\n{version}").as_bytes());
    let digest = digester.finish();
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    (u64::from_be_bytes(first) % 10_000) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_clients_is_about_a_tenth_and_another_tenth_each_time() {
        let app = AppName::parse("hello").expect("a name");
        let tenth = Rollout::percent(10.0).expect("in range");
        let reached = |version: &str| -> Vec<usize> {
            let version = Version::parse(version).expect("a version");
            (0..10_000).filter(|id| tenth.reaches(place(&id.to_string(), &app, &version))).collect()
        };
        let (first, second) = (reached("1.0.0"), reached("1.0.1"));
        for share in [first.len(), second.len()] {
            assert!((850..1150).contains(&share), "{share} of 10000 at 10%");
        }
        let both = first.iter().filter(|id| second.contains(id)).count();
        assert!(both < 250, "{both} clients are early in both releases");
    }

    #[test]
    fn the_ends_are_nobody_and_everybody() {
        assert!(!Rollout::NONE.reaches(0));
        assert!(Rollout::FULL.reaches(9_999));
        assert!(Rollout::percent(100.5).is_err() && Rollout::percent(f64::NAN).is_err());
    }

    #[test]
    fn the_place_of_a_known_client_never_changes() {
        let app = AppName::parse("hello").expect("a name");
        let version = Version::parse("1.2.3").expect("a version");
        // SHA-256("id\nhello\n1.2.3") computed with sha256sum.
        assert_eq!(place("id", &app, &version), 2_586);
    }
}
