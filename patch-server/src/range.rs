//! Which part of a body a request asks for (RFC 9110, section 14).

use std::ops::Range;

/// What a `Range` header asks for, given the length of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: no range, several, or one that means nothing; a server may ignore those.
    Whole,
    /// One part, not empty.
    Part(Range<u64>),
    /// A part that is not there.
    Unsatisfiable,
}

impl Wanted {
    /// Reads the header's value.
    pub fn parse(header: Option<&str>, length: u64) -> Wanted {
        let Some((unit, ranges)) = header.and_then(|header| header.split_once('=')) else { return Wanted::Whole };
        if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
            return Wanted::Whole;
        }
        let Some((first, last)) = ranges.split_once('-') else { return Wanted::Whole };
        match (number(first), number(last)) {
            (Parsed::Number(first), Parsed::Nothing) if first < length => Wanted::Part(first..length),
            (Parsed::Number(first), Parsed::Number(last)) if last < first => Wanted::Whole,
            (Parsed::Number(first), Parsed::Number(last)) if first < length => {
                Wanted::Part(first..last.saturating_add(1).min(length))
            }
            (Parsed::Number(_), Parsed::Nothing | Parsed::Number(_)) => Wanted::Unsatisfiable,
            (Parsed::Nothing, Parsed::Number(suffix)) if suffix > 0 && length > 0 => {
                Wanted::Part(length.saturating_sub(suffix)..length)
            }
            (Parsed::Nothing, Parsed::Number(_)) => Wanted::Unsatisfiable,
            _ => Wanted::Whole,
        }
    }
}

enum Parsed {
    Nothing,
    Number(u64),
    Nonsense,
}

fn number(text: &str) -> Parsed {
    let text = text.trim();
    if text.is_empty() {
        return Parsed::Nothing;
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Parsed::Nonsense;
    }
    // More digits than a length can have: a place behind every end.
    Parsed::Number(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(header: &str) -> Wanted {
        Wanted::parse(Some(header), 100)
    }

    #[test]
    fn one_part_is_taken_with_all_three_forms() {
        assert_eq!(wanted("bytes=0-0"), Wanted::Part(0..1));
        assert_eq!(wanted("bytes=40-"), Wanted::Part(40..100));
        assert_eq!(wanted("bytes=90-1000"), Wanted::Part(90..100));
        assert_eq!(wanted("bytes=-10"), Wanted::Part(90..100));
        assert_eq!(wanted("Bytes = 5 - 9 "), Wanted::Part(5..10));
        assert_eq!(wanted("bytes=-1000"), Wanted::Part(0..100));
        assert_eq!(wanted("bytes=0-99999999999999999999999"), Wanted::Part(0..100));
    }

    #[test]
    fn a_part_behind_the_end_is_refused() {
        for header in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(wanted(header), Wanted::Unsatisfiable, "{header}");
        }
        assert_eq!(Wanted::parse(Some("bytes=0-"), 0), Wanted::Unsatisfiable);
        assert_eq!(Wanted::parse(Some("bytes=-5"), 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn what_means_nothing_is_ignored() {
        for header in
            ["", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1", "bytes=--1"]
        {
            assert_eq!(wanted(header), Wanted::Whole, "{header:?}");
        }
        assert_eq!(Wanted::parse(None, 100), Wanted::Whole);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_asked_stays_within_the_whole(header in ".{0,40}", first in 0u64..300, last in 0u64..300, length in 0u64..200) {
            for header in [header, format!("bytes={first}-{last}"), format!("bytes=-{last}")] {
                if let Wanted::Part(part) = Wanted::parse(Some(&header), length) {
                    assert!(part.start < part.end && part.end <= length, "{header} of {length} gave {part:?}");
                }
            }
        }
    }
}
