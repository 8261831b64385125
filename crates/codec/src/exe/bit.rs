//! Models of single bits: an adaptive counter, and several of them mixed.

use super::coder::Coder;

/// The chance of a bit: 22 bits of probability, 10 bits that count what was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bit(u32);

/// The share of the error by which the n-th observation moves a counter: 1 / (n + 1.5), of 65,536.
const RATES: [u32; 256] = {
    let mut rates = [0; 256];
    let mut count = 0;
    while count < 256 {
        rates[count as usize] = 65_536 * 2 / (2 * count + 3);
        count += 1;
    }
    rates
};

impl Bit {
    /// As likely as not.
    pub(crate) const EVEN: Bit = Bit(1 << 31);

    /// A chance of `ones` against `zeros` that were counted.
    pub(crate) fn counted(zeros: u64, ones: u64) -> Bit {
        if zeros + ones == 0 {
            return Bit::EVEN;
        }
        let chance = ((ones * 4 + 1) << 22) / ((zeros + ones) * 4 + 2);
        Bit((chance as u32).clamp(1 << 8, (1 << 22) - (1 << 8)) << 10 | (zeros + ones).min(60) as u32)
    }

    #[inline(always)]
    fn chance(self) -> u32 {
        (self.0 >> 16).clamp(24, 65_512)
    }

    #[inline(always)]
    fn update(&mut self, bit: bool, limit: u32) {
        let (count, chance) = (self.0 & 1023, i64::from(self.0 >> 10));
        let target = if bit { (1 << 22) - 1 } else { 0 };
        let moved = chance + (((target - chance) * i64::from(RATES[count as usize & 255])) >> 16);
        self.0 = (moved as u32) << 10 | (count + u32::from(count < limit));
    }

    /// Codes a bit; the counter stops getting slower at `limit` observations.
    #[inline(always)]
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, bit: bool, limit: u32) -> bool {
        let bit = coder.bit(bit, self.chance());
        self.update(bit, limit);
        bit
    }
}

/// Codes a number of `width` bits, one counter for each prefix.
#[inline(always)]
pub(crate) fn tree<C: Coder>(coder: &mut C, bits: &mut [Bit], width: u32, value: usize, limit: u32) -> usize {
    let mut node = 1;
    for place in (0..width).rev() {
        let bit = bits[node].code(coder, value >> place & 1 == 1, limit);
        node = node * 2 + usize::from(bit);
    }
    node - (1 << width)
}

/// Logistic tables, computed with integers: [`SQUASH`] of x / 256 is the chance, of 65,536,
/// that [`STRETCH`] maps back.
static CURVE: [u64; 4096] = {
    // e^(-1/256) with 62 bits behind the point
    const STEP: u128 = 4_593_706_758_521_714_574;
    let mut curve = [0; 4096];
    let mut power: u128 = 1 << 62;
    let mut at = 0;
    while at < 2048 {
        let chance = ((1u128 << 94) / ((1 << 62) + power)) as u64; // of 2^32
        curve[2048 + at] = chance;
        if at > 0 {
            curve[2048 - at] = (1 << 32) - chance;
        }
        power = (power * STEP) >> 62;
        at += 1;
    }
    curve[0] = curve[1];
    curve
};

static SQUASH: [u16; 4096] = {
    let mut table = [0; 4096];
    let mut at = 0;
    while at < 4096 {
        let chance = (CURVE[at] + (1 << 15)) >> 16;
        table[at] = if chance < 24 {
            24
        } else if chance > 65_512 {
            65_512
        } else {
            chance as u16
        };
        at += 1;
    }
    table
};

/// By confidence (three levels and none) and chance: what was seen less than thrice counts less.
static STRETCH: [[i16; 4096]; 4] = {
    let mut table = [[0; 4096]; 4];
    let (mut at, mut chance) = (0usize, 0usize);
    while chance < 4096 {
        let wanted = ((chance as u64) << 20) + (1 << 19);
        while at < 4095 && CURVE[at] < wanted {
            at += 1;
        }
        let value = at as i16 - 2048;
        table[1][chance] = value / 2;
        table[2][chance] = value / 4 * 3;
        table[3][chance] = value;
        chance += 1;
    }
    table
};

/// A bit whose chance is mixed from `N` counters, each picked by a context.
pub(crate) struct Mixed<const N: usize> {
    bits: [Vec<Bit>; N],
    mask: usize,
    weights: Vec<([i32; N], i32)>,
}

const LIMIT: u32 = 250;
const LEARNING: i32 = 6;

impl<const N: usize> Mixed<N> {
    /// 2^`width` counters for each context, and a set of weights for each of `sets`.
    pub(crate) fn new(width: u32, sets: usize) -> Self {
        let even = (65_536 * 2 / (N as i32 + 1)).min(60_000);
        Mixed {
            bits: std::array::from_fn(|_| vec![Bit::EVEN; 1 << width]),
            mask: (1 << width) - 1,
            weights: vec![([even; N], 0); sets],
        }
    }

    #[inline(always)]
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, contexts: [u64; N], set: usize, bit: bool) -> bool {
        let (weights, bias) = &mut self.weights[set];
        let places: [usize; N] = std::array::from_fn(|k| contexts[k] as usize & self.mask);
        let mut inputs = [0; N];
        let mut sum = *bias >> 8;
        for k in 0..N {
            let Bit(state) = self.bits[k][places[k]];
            inputs[k] = i32::from(STRETCH[(state & 1023).min(3) as usize][(state >> 20) as usize]);
            sum += (weights[k] * inputs[k]) >> 16;
        }
        let one = u32::from(SQUASH[(sum.clamp(-2047, 2047) + 2048) as usize]);
        let bit = coder.bit(bit, one);
        let error = (((i32::from(bit) << 16) - one as i32) * LEARNING) >> 6;
        for k in 0..N {
            weights[k] = (weights[k] + ((inputs[k] * error + 0x2000) >> 14)).clamp(-400_000, 400_000);
            self.bits[k][places[k]].update(bit, LIMIT);
        }
        *bias = (*bias + ((256 * error + 0x2000) >> 14)).clamp(-400_000, 400_000);
        bit
    }
}

/// Mixes two numbers into one whose low bits depend on all bits of both.
#[inline(always)]
pub(crate) fn hash(a: u64, b: u64) -> u64 {
    let mixed = (a ^ b.wrapping_mul(0xd6e8_feb8_6659_fd93)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 31
}

/// The number of bits that `value` takes: 0 for 0.
#[inline(always)]
pub(crate) fn bits_of(value: u64) -> u64 {
    u64::from(u64::BITS - value.leading_zeros())
}
