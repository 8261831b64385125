//! A suffix array with a table of the first two or three bytes.

use std::ops::Range;

/// A place that is not known.
pub(super) const UNKNOWN: u32 = u32::MAX;

pub(super) struct Suffixes {
    order: Vec<i32>,
    /// By the first bytes, where they begin in `order`.
    starts: Vec<u32>,
    /// How many bytes these are.
    prefix: usize,
}

/// A longer text has a table of three bytes: 64 MB, and a third of the steps less.
const LONG: usize = 8 << 20;

impl Suffixes {
    pub(super) fn new(text: &[u8]) -> Self {
        let (_, order) = divsufsort::sort(text).into_parts();
        let prefix = if text.len() > LONG { 3 } else { 2 };
        let mut starts = vec![0u32; (1 << (8 * prefix)) + 1];
        for at in 0..text.len() {
            starts[number(&text[at..], prefix) + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Suffixes { order, starts, prefix }
    }

    /// The suffixes whose order is nearest to that of `needle`, at most `reach` on each side. `place`
    /// is where the needle belongs, if that is known of a needle much like it: looked at first, and
    /// set.
    pub(super) fn near(&self, text: &[u8], needle: &[u8], reach: usize, place: &mut u32) -> &[i32] {
        if needle.len() < self.prefix {
            return &[];
        }
        let bucket = number(needle, self.prefix);
        let bucket = self.starts[bucket] as usize..self.starts[bucket + 1] as usize;
        let (mut low, mut high) = self.narrowed(text, needle, &bucket, *place as usize);
        let (mut below, mut above) = (0, 0);
        while low < high {
            let middle = (low + high) / 2;
            let at = self.order[middle] as usize;
            let known = usize::min(below, above);
            let length = known + common(&text[at + known..], &needle[known..]);
            if length == needle.len() {
                *place = middle as u32;
                return &self.order[middle..=middle];
            }
            if text.get(at + length).is_none_or(|byte| *byte < needle[length]) {
                (low, below) = (middle + 1, length);
            } else {
                (high, above) = (middle, length);
            }
        }
        *place = low as u32;
        let first = low.saturating_sub(reach).max(bucket.start);
        &self.order[first..(low + reach).min(bucket.end)]
    }

    /// The part of a bucket in which a needle belongs, judged by the two suffixes around `place`:
    /// nothing is left to search if they are its neighbours.
    fn narrowed(&self, text: &[u8], needle: &[u8], bucket: &Range<usize>, place: usize) -> (usize, usize) {
        let Range { start, end } = *bucket;
        if !(start..=end).contains(&place) {
            return (start, end);
        }
        let is_below = |middle: usize| {
            let suffix = &text[self.order[middle] as usize..];
            let length = common(suffix, needle);
            length < needle.len() && suffix.get(length).is_none_or(|byte| *byte < needle[length])
        };
        if place > start && !is_below(place - 1) {
            (start, place)
        } else if place < end && is_below(place) {
            (place, end)
        } else {
            (place, place)
        }
    }
}

/// The first bytes as a number, in the order of suffixes; those behind the end are zero.
fn number(text: &[u8], prefix: usize) -> usize {
    (0..prefix).fold(0, |number, at| number << 8 | usize::from(text.get(at).copied().unwrap_or(0)))
}

/// How many bytes both have in common at the beginning.
pub(super) fn common(a: &[u8], b: &[u8]) -> usize {
    let (long_a, long_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let words = long_a.zip(long_b).take_while(|(a, b)| a == b).count() * 8;
    words + a[words..].iter().zip(&b[words..]).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_known_of_a_place_changes_nothing_but_the_time() {
        let letters = |seed: u32| -> Vec<u8> {
            let numbers = (1..=400u32).map(|at| (at ^ seed).wrapping_mul(2_654_435_761) >> 29);
            numbers.map(|number| b"aaaabbc\0"[number as usize]).collect()
        };
        let (text, other) = (letters(0), letters(0x5a5a));
        let suffixes = Suffixes::new(&text);
        for needle in (0..=other.len() - suffixes.prefix).map(|at| &other[at..]) {
            let mut right = UNKNOWN;
            let found = suffixes.near(&text, needle, 3, &mut right);
            if found.iter().any(|from| common(&text[*from as usize..], needle) == needle.len()) {
                // Any of those that hold all of it is as good.
                continue;
            }
            for known in 0..=text.len() as u32 + 1 {
                let mut place = known;
                assert_eq!(suffixes.near(&text, needle, 3, &mut place), found, "{known}, {needle:?}");
                assert_eq!(place, right, "{known}, {needle:?}");
            }
        }
    }
}
