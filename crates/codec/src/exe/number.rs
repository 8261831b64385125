//! A model of numbers of up to 64 bits: the length by context, then the bits that follow the
//! first, as many of them by context as are worth it.

use super::bit::{Bit, bits_of, tree};
use super::coder::Coder;
use super::nibble::Single;

const LIMIT: u32 = 120;

/// Counters of one context.
const SIZE: usize = 1024;

/// Where the parts of a context begin.
const LEADING: usize = 64;
const TRAILING: usize = 400;
const SHORT: usize = 512;

/// The last symbol of lengths: it is as long, or longer.
const LONG: usize = 15;

/// Bits that are coded as they are lie between so many of each side, of numbers that are longer than both; at most so many at once.
const MODELLED: (usize, usize) = (3, 4);
const AT_ONCE: usize = 12;

pub(crate) struct Number {
    lengths: Vec<Single>,
    bits: Vec<Bit>,
}

impl Number {
    pub(crate) fn new(contexts: usize) -> Self {
        Number { lengths: vec![Single::EVEN; contexts], bits: vec![Bit::EVEN; contexts * SIZE] }
    }

    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, context: usize, value: u64) -> u64 {
        let bits = &mut self.bits[context * SIZE..][..SIZE];
        let mut length = bits_of(value) as usize;
        let symbol = self.lengths[context].code(coder, length.min(LONG));
        length = if symbol == LONG { tree(coder, &mut bits[..64], 6, length.min(63), LIMIT) } else { symbol };
        if length == 63 && coder.raw(u32::from(bits_of(value) == 64), 1) == 1 {
            length = 64;
        }
        if length <= 1 {
            return length as u64;
        }
        let (leading, trailing) = MODELLED;
        let (mut known, mut place) = (1u64, length - 1);
        while place > 0 {
            let rank = length - place;
            if rank > leading && length > leading + trailing && place > trailing {
                let count = (place - trailing).min(AT_ONCE);
                place -= count;
                let bits = coder.raw((value >> place) as u32 & ((1 << count) - 1), count as u32);
                known = known << count | u64::from(bits);
                continue;
            }
            place -= 1;
            let bit = value >> place & 1 == 1;
            let context = if rank <= leading {
                LEADING + length.min(40) * 8 + (known as usize & 7)
            } else if length <= leading + trailing {
                SHORT + (length - 4) * 128 + known as usize
            } else {
                let low = if place == 3 { 0 } else { known as usize & ((1 << (3 - place)) - 1) };
                TRAILING + place * 16 + low
            };
            let bit = bits[context.min(SIZE - 1)].code(coder, bit, LIMIT);
            known = known << 1 | u64::from(bit);
        }
        known
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::super::coder::{Decoder, Encoder};
    use super::*;

    #[test]
    fn numbers_of_every_length_survive() {
        let numbers: Vec<u64> =
            (0..64).flat_map(|bits| [1u64 << bits, (1 << bits) - 1, (1 << bits) | 0x55]).chain([u64::MAX]).collect();
        let mut encoder = Encoder::new();
        let mut model = Number::new(2);
        for (at, number) in numbers.iter().enumerate() {
            model.code(&mut encoder, at % 2, *number);
        }
        let (bytes, _) = encoder.finish();
        let mut decoder = Decoder::new(Box::new(&bytes[..]));
        let mut model = Number::new(2);
        for (at, number) in numbers.iter().enumerate() {
            assert_eq!(model.code(&mut decoder, at % 2, 0), *number, "number {at}");
        }
        decoder.end().expect("the end");
    }
}
