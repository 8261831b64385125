//! A suffix array with a table of the first two bytes.

pub(super) struct Suffixes {
    order: Vec<i32>,
    /// By the first two bytes, where they begin in `order`.
    starts: Vec<u32>,
}

impl Suffixes {
    pub(super) fn new(text: &[u8]) -> Self {
        let (_, order) = divsufsort::sort(text).into_parts();
        let mut starts = vec![0u32; (1 << 16) + 1];
        for at in 0..text.len() {
            starts[pair(&text[at..]) + 1] += 1;
        }
        for at in 0..1 << 16 {
            starts[at + 1] += starts[at];
        }
        Suffixes { order, starts }
    }

    /// The suffixes whose order is nearest to that of `needle`, at most `reach` on each side.
    pub(super) fn near(&self, text: &[u8], needle: &[u8], reach: usize) -> &[i32] {
        if needle.len() < 2 {
            return &[];
        }
        let bucket = self.starts[pair(needle)] as usize..self.starts[pair(needle) + 1] as usize;
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

fn pair(text: &[u8]) -> usize {
    let second = text.get(1).copied().unwrap_or(0);
    text.first().map_or(0, |first| usize::from(*first) << 8 | usize::from(second))
}

/// How many bytes both have in common at the beginning.
pub(super) fn common(a: &[u8], b: &[u8]) -> usize {
    let (long_a, long_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let words = long_a.zip(long_b).take_while(|(a, b)| a == b).count() * 8;
    words + a[words..].iter().zip(&b[words..]).take_while(|(a, b)| a == b).count()
}
