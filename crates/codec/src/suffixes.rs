//! A suffix array, with what makes a search in it quick.

use std::ops::Range;

/// A place that is not known.
pub(crate) const UNKNOWN: u32 = u32::MAX;

pub(crate) struct Suffixes {
    order: Vec<i32>,
    /// By the first bits, where they begin in `order`.
    starts: Vec<u32>,
    /// How many bits these are.
    bits: u32,
    /// The first eight bytes of each [`STEP`]th suffix of `order`, or nothing.
    keys: Vec<u64>,
}

/// Suffixes for each key.
const STEP: usize = 16;

impl Suffixes {
    /// With a table by the first `bits`, of 4 bytes for each value that these can have.
    pub(crate) fn new(text: &[u8], bits: u32) -> Self {
        let (_, order) = divsufsort::sort(text).into_parts();
        let mut starts = vec![0u32; (1 << bits) + 1];
        for at in 0..text.len() {
            starts[first(&text[at..], bits) + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Suffixes { order, starts, bits, keys: Vec::new() }
    }

    /// With keys, which take half a byte for each byte of the text: where nothing is known of the place of a
    /// needle, most steps look at what lies together, not at the text, and do not miss the caches.
    pub(crate) fn with_keys(mut self, text: &[u8]) -> Self {
        self.keys = self.order.iter().step_by(STEP).map(|at| key(&text[*at as usize..])).collect();
        self
    }

    /// The longest piece of the text that `needle` begins with: where it is, and its length.
    pub(crate) fn longest(&self, text: &[u8], needle: &[u8]) -> (usize, usize) {
        let range = if needle.len() < self.shortest() { 0..self.order.len() } else { self.bucket(needle) };
        let place = match self.search(text, needle, self.by_keys(needle, range)) {
            Ok(place) => return (self.order[place] as usize, needle.len()),
            Err(place) => place,
        };
        let piece = |place: usize| {
            let at = *self.order.get(place)? as usize;
            Some((at, common(&text[at..], needle)))
        };
        let below = place.checked_sub(1).and_then(piece).unwrap_or((0, 0));
        let above = piece(place).unwrap_or((0, 0));
        if below.1 > above.1 { below } else { above }
    }

    /// The suffixes whose order is nearest to that of `needle`, at most `reach` on each side. `place`
    /// is where the needle belongs, if that is known of a needle much like it: looked at first, and
    /// set.
    pub(crate) fn near(&self, text: &[u8], needle: &[u8], reach: usize, place: &mut u32) -> &[i32] {
        if needle.len() < self.shortest() {
            return &[];
        }
        let bucket = self.bucket(needle);
        let range = self.narrowed(text, needle, &bucket, *place as usize);
        match self.search(text, needle, self.by_keys(needle, range)) {
            Ok(found) => {
                *place = found as u32;
                &self.order[found..=found]
            }
            Err(found) => {
                *place = found as u32;
                let first = found.saturating_sub(reach).max(bucket.start);
                &self.order[first..(found + reach).min(bucket.end)]
            }
        }
    }

    /// How many bytes of a needle the table looks at.
    fn shortest(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }

    /// The suffixes that begin as `needle` does.
    fn bucket(&self, needle: &[u8]) -> Range<usize> {
        let bucket = first(needle, self.bits);
        self.starts[bucket] as usize..self.starts[bucket + 1] as usize
    }

    /// The part of a range in which a needle belongs, judged by the keys in it.
    fn by_keys(&self, needle: &[u8], range: Range<usize>) -> Range<usize> {
        if self.keys.is_empty() || range.len() < 2 * STEP || needle.len() < 8 {
            return range;
        }
        let wanted = key(needle);
        let first = range.start.div_ceil(STEP);
        let keys = &self.keys[first..range.end.div_ceil(STEP)];
        let below = keys.partition_point(|key| *key < wanted);
        let same = keys[below..].partition_point(|key| *key == wanted);
        let start = if below == 0 { range.start } else { (first + below - 1) * STEP + 1 };
        let end = if below + same == keys.len() { range.end } else { (first + below + same) * STEP };
        start..end
    }

    /// A suffix that begins with all of the needle, or where in the range the needle belongs.
    fn search(&self, text: &[u8], needle: &[u8], range: Range<usize>) -> Result<usize, usize> {
        let Range { start: mut low, end: mut high } = range;
        let (mut below, mut above) = (0, 0);
        while low < high {
            let middle = (low + high) / 2;
            let at = self.order[middle] as usize;
            // What both neighbours have in common with the needle, all between them have too.
            let known = usize::min(below, above);
            let length = known + common(&text[at + known..], &needle[known..]);
            if length == needle.len() {
                return Ok(middle);
            }
            if text.get(at + length).is_none_or(|byte| *byte < needle[length]) {
                (low, below) = (middle + 1, length);
            } else {
                (high, above) = (middle, length);
            }
        }
        Err(low)
    }

    /// The part of a bucket in which a needle belongs, judged by the two suffixes around `place`:
    /// nothing is left to search if they are its neighbours.
    fn narrowed(&self, text: &[u8], needle: &[u8], bucket: &Range<usize>, place: usize) -> Range<usize> {
        let Range { start, end } = *bucket;
        if !(start..=end).contains(&place) {
            return start..end;
        }
        let is_below = |middle: usize| {
            let suffix = &text[self.order[middle] as usize..];
            let length = common(suffix, needle);
            length < needle.len() && suffix.get(length).is_none_or(|byte| *byte < needle[length])
        };
        if place > start && !is_below(place - 1) {
            start..place
        } else if place < end && is_below(place) {
            place..end
        } else {
            place..place
        }
    }
}

/// The first bits as a number, in the order of suffixes; those behind the end are zero.
fn first(text: &[u8], bits: u32) -> usize {
    (key(text) >> (u64::BITS - bits)) as usize
}

/// The first eight bytes, likewise.
fn key(text: &[u8]) -> u64 {
    if let Some(bytes) = text.first_chunk() {
        return u64::from_be_bytes(*bytes);
    }
    let mut bytes = [0; 8];
    bytes[..text.len()].copy_from_slice(text);
    u64::from_be_bytes(bytes)
}

/// How many bytes both have in common at the beginning.
pub(crate) fn common(a: &[u8], b: &[u8]) -> usize {
    let (long_a, long_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let words = long_a.zip(long_b).take_while(|(a, b)| a == b).count() * 8;
    words + a[words..].iter().zip(&b[words..]).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(seed: u32) -> Vec<u8> {
        let numbers = (1..=400u32).map(|at| (at ^ seed).wrapping_mul(2_654_435_761) >> 29);
        numbers.map(|number| b"aaaabbc\0"[number as usize]).collect()
    }

    #[test]
    fn what_was_known_of_a_place_changes_nothing_but_the_time() {
        let (text, other) = (letters(0), letters(0x5a5a));
        let suffixes = Suffixes::new(&text, 16);
        for needle in (0..=other.len() - 2).map(|at| &other[at..]) {
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

    #[test]
    fn the_longest_piece_is_found_with_a_table_of_any_size_and_with_keys() {
        let (text, other) = ([letters(0), vec![0; 100], letters(7)].concat(), [letters(0x5a5a), vec![0; 50]].concat());
        for bits in [1, 2, 9, 16, 19] {
            for suffixes in [Suffixes::new(&text, bits), Suffixes::new(&text, bits).with_keys(&text)] {
                for at in 0..other.len() {
                    let needle = &other[at..];
                    let longest = (0..text.len()).map(|from| common(&text[from..], needle)).max();
                    let (from, length) = suffixes.longest(&text, needle);
                    assert_eq!(Some(length), longest, "{bits} bits, {needle:?}");
                    assert_eq!(common(&text[from..], needle), length);
                }
            }
        }
    }
}
