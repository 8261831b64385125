//! Which time counts when a clock may be wrong.

use jiff::{SignedDuration, Timestamp};

/// How far behind the time of an earlier check the clock may be, and still be overruled by it.
///
/// A clock that is set back makes expired metadata look fresh, so the latest time known counts.
/// But a clock that once stood in the future must not hold up updates for ever: a time that is
/// further ahead than this was wrong, and is forgotten.
const BELIEVED: SignedDuration = SignedDuration::from_hours(48);

/// The time that expiry is compared with: `latest` is that of the last check that had an answer.
pub(crate) fn start(latest: Option<Timestamp>, now: Timestamp) -> Timestamp {
    match latest {
        Some(latest) if latest > now && latest.duration_since(now) <= BELIEVED => latest,
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_a_little_is_overruled_and_one_that_stood_in_the_future_is_forgotten() {
        let now: Timestamp = "2026-01-10T00:00:00Z".parse().expect("a time");
        let hours = |hours| now + SignedDuration::from_hours(hours);
        assert_eq!(start(None, now), now);
        assert_eq!(start(Some(hours(-5)), now), now);
        assert_eq!(start(Some(hours(5)), now), hours(5));
        assert_eq!(start(Some(hours(48)), now), hours(48));
        assert_eq!(start(Some(hours(49)), now), now);
        assert_eq!(start(Some(Timestamp::MAX), Timestamp::MIN), Timestamp::MIN);
    }
}
