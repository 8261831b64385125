//! A model of bytes, coded as two nibbles: the distributions of `N` contexts, mixed.
//!
//! A context has a line of cumulative chances for each of the 17 nibbles that a byte may begin
//! with (none yet, or one of 16). Lines lie in hashed tables with a check of 10 bits, two to a
//! bucket; the one seen less often gives way.

use super::bit::hash;
use super::coder::Coder;

/// Entry 0: check and count; the others: cumulative chances of 32,768.
type Line = [u16; 16];

/// Two lines, in one line of a processor's cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Bucket([Line; 2]);

const EVEN: [u16; 16] = {
    let mut line = [0; 16];
    let mut at = 1;
    while at < 16 {
        line[at] = (at * 2048) as u16;
        at += 1;
    }
    line
};

/// By how much a line moves towards what was seen, as a shift, by how often it was seen.
const RATES: [u8; 64] = {
    let mut rates = [5; 64];
    let mut count = 0;
    while count < 30 {
        rates[count] = match count {
            0..3 => 1,
            3..6 => 2,
            6..12 => 3,
            _ => 4,
        };
        count += 1;
    }
    rates
};

/// What the chances move to when symbol s was seen.
static STEPS: [[i16; 16]; 16] = {
    let mut steps = [[0; 16]; 16];
    let mut symbol = 0;
    while symbol < 16 {
        let mut at = symbol + 1;
        while at < 16 {
            steps[symbol][at] = 32_767;
            at += 1;
        }
        symbol += 1;
    }
    steps
};

pub(crate) struct Nibbles<const N: usize> {
    buckets: Vec<Bucket>,
    size: usize,
    /// By set and by how well each context is known.
    weights: Vec<[u16; N]>,
    levels: usize,
    /// Which entries of a line hold chances: all but the first. (As a constant it would make the
    /// compiler leave out the first entry, and then the others don't fill a register.)
    chances: Line,
}

/// No chance is nothing.
#[inline(always)]
fn floored(bound: u16, at: usize) -> u16 {
    (bound - (bound >> 9)).wrapping_add(4 * at as u16)
}

const FLOOR: i32 = 600;

impl<const N: usize> Nibbles<N> {
    /// 2^`width` lines for each context; weights for each of `sets`.
    pub(crate) fn new(width: u32, sets: usize) -> Self {
        let levels = 3usize.pow(N as u32);
        Nibbles {
            buckets: vec![Bucket([EVEN; 2]); N << width >> 1],
            size: 1 << width,
            weights: vec![[(65_535 / N) as u16; N]; sets * levels],
            levels,
            chances: std::array::from_fn(|at| if at == 0 { 0 } else { u16::MAX }),
        }
    }

    #[inline(always)]
    fn line(&self, place: usize) -> &Line {
        &self.buckets[place >> 1].0[place & 1]
    }

    #[inline(always)]
    fn line_mut(&mut self, place: usize) -> &mut Line {
        &mut self.buckets[place >> 1].0[place & 1]
    }

    /// The lines for these checks in the buckets of `places`.
    #[inline(always)]
    fn find(&mut self, places: &[usize; N], checks: &[u16; N]) -> [usize; N] {
        // All are looked at before anything is decided: memory answers together.
        let mut heads = [(0, 0); N];
        for k in 0..N {
            let Bucket(lines) = &self.buckets[places[k] >> 1];
            heads[k] = (lines[places[k] & 1][0], lines[(places[k] & 1) ^ 1][0]);
        }
        let mut found = *places;
        for k in 0..N {
            let (head, other) = heads[k];
            if head >> 6 != checks[k] {
                found[k] ^= 1;
                if other >> 6 != checks[k] {
                    found[k] = self.replace(places[k], checks[k]);
                }
            }
        }
        found
    }

    /// Makes a new line in a bucket.
    #[inline(never)]
    fn replace(&mut self, place: usize, check: u16) -> usize {
        let count = |head: u16| head & 63;
        let (head, other) = (self.line(place)[0], self.line(place ^ 1)[0]);
        let (gone, kept, kept_head) =
            if count(head) <= count(other) { (place, place ^ 1, other) } else { (place ^ 1, place, head) };
        self.line_mut(kept)[0] = kept_head - u16::from(count(kept_head) > 0);
        let line = self.line_mut(gone);
        *line = EVEN;
        line[0] = check << 6;
        gone
    }

    #[inline(always)]
    fn nibble<C: Coder>(&mut self, coder: &mut C, places: [usize; N], set: usize, symbol: usize) -> usize {
        let mut lines = [EVEN; N];
        let (mut heads, mut level) = ([0; N], 0);
        for k in 0..N {
            lines[k] = *self.line(places[k]);
            heads[k] = lines[k][0];
            let count = heads[k] & 63;
            level = level * 3 + usize::from(count >= 1) + usize::from(count >= 4);
        }
        let weights = &mut self.weights[set * self.levels + level];
        let bounds = mix(&lines, weights, &self.chances);
        let symbol = coder.symbol(symbol, &bounds) & 15;
        if N > 1 {
            reweigh(weights, &lines, symbol);
        }
        learn(&mut lines, &heads, &STEPS[symbol]);
        for k in 0..N {
            let line = self.line_mut(places[k]);
            *line = lines[k];
            line[0] = heads[k] + u16::from(heads[k] & 63 < 63);
        }
        symbol
    }

    #[inline(always)]
    fn places(&self, contexts: &[u64; N], seed: u64) -> ([usize; N], [u16; N]) {
        let (mut places, mut checks) = ([0; N], [0; N]);
        for k in 0..N {
            let hash = hash(contexts[k], k as u64 + seed);
            checks[k] = (hash >> 50) as u16 & 1023;
            places[k] = k * self.size + ((hash >> 8) as usize & (self.size - 1));
        }
        (places, checks)
    }

    #[inline(never)]
    pub(crate) fn byte<C: Coder>(&mut self, coder: &mut C, contexts: &[u64; N], set: usize, byte: u8) -> u8 {
        let (mut places, mut checks) = self.places(contexts, 1);
        let lines = self.find(&places, &checks);
        let high = self.nibble(coder, lines, set, usize::from(byte >> 4));
        for k in 0..N {
            places[k] ^= 2 + 2 * high;
            checks[k] ^= high as u16 * 61 + 37;
        }
        let lines = self.find(&places, &checks);
        let low = self.nibble(coder, lines, set + 1, usize::from(byte & 15));
        (high << 4 | low) as u8
    }

    /// One of 16 symbols.
    #[inline(always)]
    pub(crate) fn symbol<C: Coder>(&mut self, coder: &mut C, contexts: &[u64; N], set: usize, symbol: usize) -> usize {
        let (places, checks) = self.places(contexts, 77);
        let lines = self.find(&places, &checks);
        self.nibble(coder, lines, set, symbol)
    }
}

/// A line alone, of a context that is no hash. It learns more slowly at the end.
#[derive(Debug, Clone)]
pub(crate) struct Single(Line);

impl Single {
    pub(crate) const EVEN: Single = Single(EVEN);

    /// One of 16 symbols.
    #[inline(always)]
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, symbol: usize) -> usize {
        let Single(line) = self;
        let count = line[0];
        let mut bounds = *line;
        bounds[0] = 0;
        bounds.iter_mut().enumerate().skip(1).for_each(|(at, bound)| *bound = floored(*bound, at));
        let symbol = coder.symbol(symbol, &bounds) & 15;
        let rate = match count {
            0..2 => 1,
            2..5 => 2,
            5..11 => 3,
            11..22 => 4,
            22..50 => 5,
            _ => 6,
        };
        for at in 1..16 {
            let value = line[at] as i16;
            line[at] = value.wrapping_add(STEPS[symbol][at].wrapping_sub(value) >> rate) as u16;
        }
        line[0] = (count + 1).min(63);
        symbol
    }
}

/// The cumulative chances of all lines together. (Not inlined, as [`learn`]: as a part of something
/// larger it is compiled to code for each entry instead of code for eight at a time.)
#[inline(never)]
fn mix<const N: usize>(lines: &[Line; N], weights: &[u16; N], chances: &Line) -> Line {
    let mut bounds = [0u16; 16];
    for k in 0..N {
        let weight = u32::from(weights[k]);
        for at in 0..16 {
            bounds[at] = bounds[at].wrapping_add(((u32::from(lines[k][at]) * weight) >> 16) as u16);
        }
    }
    for at in 0..16 {
        // The first entry holds no chance, and is zero.
        bounds[at] = floored(bounds[at], at) & chances[at];
    }
    bounds
}

/// Moves the chances of each line towards what was seen; the first entries are put right later.
#[inline(never)]
fn learn<const N: usize>(lines: &mut [Line; N], heads: &[u16; N], steps: &[i16; 16]) {
    for k in 0..N {
        let rate = RATES[usize::from(heads[k] & 63)];
        for at in 0..16 {
            let value = lines[k][at] as i16;
            lines[k][at] = value.wrapping_add(steps[at].wrapping_sub(value) >> rate) as u16;
        }
    }
}

/// Contexts that gave the symbol a higher chance count more next time.
#[inline(always)]
fn reweigh<const N: usize>(weights: &mut [u16; N], lines: &[Line; N], symbol: usize) {
    let mut chances = [0u32; N];
    let mut total = 1u32;
    for k in 0..N {
        let low = if symbol == 0 { 0 } else { u32::from(lines[k][symbol]) };
        let high = if symbol == 15 { 32_768 } else { u32::from(lines[k][symbol + 1]) };
        chances[k] = high.wrapping_sub(low).wrapping_add(8);
        total += (chances[k] * u32::from(weights[k])) >> 16;
    }
    let inverse = u64::from((1u32 << 16) / total);
    let mut rest = 65_535i32;
    for k in 0..N - 1 {
        let weight = i32::from(weights[k]);
        let earned = ((u64::from((u32::from(weights[k]) * chances[k]) >> 8) * inverse) >> 8).min(65_535) as i32;
        let moved = (weight + ((earned - weight) >> 4)).clamp(FLOOR, 65_535 - FLOOR * N as i32);
        let moved = moved.min(rest - FLOOR * (N - 1 - k) as i32);
        rest -= moved;
        weights[k] = moved as u16;
    }
    weights[N - 1] = rest as u16;
}
