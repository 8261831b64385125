//! Durations as people write them: `45d`, `12h`, `90m`, `30s`.

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serializer};
use upstep_model::Invalid;

/// The units, the longest first.
const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a whole number and a unit.
pub fn parse(text: &str) -> Result<SignedDuration, Invalid> {
    let invalid = || Invalid::new("duration", "a number and one of d, h, m, s, such as 45d", text);
    let unit = text.chars().next_back().ok_or_else(invalid)?;
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| invalid())?;
    Ok(SignedDuration::from_secs(i64::from(number) * seconds))
}

/// Writes it in the longest unit that fits.
pub fn format(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let fits = UNITS.iter().find(|(_, unit)| seconds != 0 && seconds % unit == 0);
    let (name, unit) = fits.copied().unwrap_or(('s', 1));
    format!("{}{name}", seconds / unit)
}

/// The longest unit alone, rounded down: for a person.
pub fn roughly(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let fits = UNITS.iter().find(|(_, unit)| seconds.abs() >= *unit);
    let (name, unit) = fits.copied().unwrap_or(('s', 1));
    format!("{}{name}", seconds / unit)
}

/// For `serde(with)`.
pub fn serialize<S: Serializer>(duration: &SignedDuration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

/// For `serde(with)`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["45d", "12h", "90m", "1s", "0s", "730d"] {
            assert_eq!(parse(text).map(format).as_deref(), Ok(text));
        }
        assert_eq!(parse("48h").map(format).as_deref(), Ok("2d"));
        assert_eq!(parse("50h").map(roughly).as_deref(), Ok("2d"));
        for bad in ["", "d", "7", "-1d", "1.5d", "7w", "99999999999d", "7 d", "7ä"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
