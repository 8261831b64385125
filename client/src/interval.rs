//! How often to look for updates.

use std::time::Duration;
use upstep_model::Digest;

/// The default of [`OnStart::NextStart`](crate::OnStart::NextStart).
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads `0`, `90` (seconds), `90s`, `15m`, `24h`, `7d`.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// Whether a check is due at `now`, the last one having been at `last` (seconds since 1970).
///
/// The interval is stretched or shortened by up to a tenth, differently for each install and
/// each time, so that clients which once came together do not come together for ever. A last
/// check in the future means that the clock was set back: the check is due.
pub fn is_due(last: Option<u64>, now: u64, every: Duration, install_id: &str) -> bool {
    let Some(last) = last else { return true };
    if last > now {
        return true;
    }
    let dice = Digest::of(format!("{install_id}\n{last}").as_bytes());
    let dice = u64::from(u16::from_be_bytes([dice.as_bytes()[0], dice.as_bytes()[1]]));
    let every = every.as_secs();
    let tenth = every / 10;
    let jittered = every - tenth + (2 * tenth).saturating_mul(dice) / u64::from(u16::MAX);
    now - last >= jittered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        for (text, seconds) in [("0", 0), ("90", 90), ("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800)] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "1.5h", "-1", "1w", "99999999999999999999d", "9999999999999999999d"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_interval_varies_by_a_tenth_and_no_more() {
        let (last, day) = (1_000_000, DAY.as_secs());
        let due = |after: u64, id: usize| is_due(Some(last), last + after, DAY, &id.to_string());
        assert!((0..200).all(|id| !due(day - day / 10 - 1, id) && due(day + day / 10, id)));
        let early = (0..200).filter(|&id| due(day, id)).count();
        assert!((50..150).contains(&early), "{early} of 200 come before the day is full");
    }

    #[test]
    fn a_first_check_a_zero_interval_and_a_clock_set_back_are_due() {
        assert!(is_due(None, 5, DAY, "id"));
        assert!(is_due(Some(5), 5, Duration::ZERO, "id"));
        assert!(is_due(Some(1_000), 5, DAY, "id"));
    }
}
