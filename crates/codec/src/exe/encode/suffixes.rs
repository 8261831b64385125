//! A suffix array with a table of the first two or three bytes.

pub(super) struct Suffixes {
    order: Vec<i32>,
    /// By the first bytes, where they begin in `order`.
    starts: Vec<u32>,
    /// How many bytes these are.
    prefix: usize,
}

/// A longer text has a table of three bytes: 64 MB, and a third of the steps less.
const LONG: usize = 4 << 20;

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

    /// The suffixes whose order is nearest to that of `needle`, at most `reach` on each side.
    pub(super) fn near(&self, text: &[u8], needle: &[u8], reach: usize) -> &[i32] {
        if needle.len() < self.prefix {
            return &[];
        }
        let bucket = number(needle, self.prefix);
        let bucket = self.starts[bucket] as usize..self.starts[bucket + 1] as usize;
        let (mut low, mut high) = (bucket.start, bucket.end);
        let (mut below, mut above) = (0, 0);
        while low < high {
            let middle = (low + high) / 2;
            let at = self.order[middle] as usize;
            let known = usize::min(below, above);
            let length = known + common(&text[at + known..], &needle[known..]);
            if length == needle.len() {
                return &self.order[middle..=middle];
            }
            if text.get(at + length).is_none_or(|byte| *byte < needle[length]) {
                (low, below) = (middle + 1, length);
            } else {
                (high, above) = (middle, length);
            }
        }
        let first = low.saturating_sub(reach).max(bucket.start);
        &self.order[first..(low + reach).min(bucket.end)]
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
