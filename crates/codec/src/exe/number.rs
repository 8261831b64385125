//! A model of numbers of up to 64 bits: the length by context, then the bits that follow the
//! first, as many of them by context as are worth it.

use super::bit::{Bit, bits_of, tree};
use super::coder::Coder;

const LIMIT: u32 = 120;
const EVEN: u32 = 1 << 15;

/// Counters of one context.
const SIZE: usize = 1024;

/// Where the parts of a context begin.
const LEADING: usize = 64;
const TRAILING: usize = 400;
const SHORT: usize = 512;

pub(crate) struct Number {
    bits: Vec<Bit>,
}

impl Number {
    pub(crate) fn new(contexts: usize) -> Self {
        Number { bits: vec![Bit::EVEN; contexts * SIZE] }
    }

    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, context: usize, value: u64) -> u64 {
        let bits = &mut self.bits[context * SIZE..][..SIZE];
        let length = bits_of(value) as usize;
        let mut length = tree(coder, &mut bits[..64], 6, length.min(63), LIMIT);
        if length == 63 && coder.bit(bits_of(value) == 64, EVEN) {
            length = 64;
        }
        if length <= 1 {
            return length as u64;
        }
        let mut known = 1u64;
        for place in (0..length - 1).rev() {
            let bit = value >> place & 1 == 1;
            let rank = length - 1 - place;
            let context = if rank <= 3 {
                Some(LEADING + length.min(40) * 8 + (known as usize & 7))
            } else if length <= 7 {
                Some(SHORT + (length - 4) * 128 + known as usize)
            } else if place < 4 {
                let low = if place == 3 { 0 } else { known as usize & ((1 << (3 - place)) - 1) };
                Some(TRAILING + place * 16 + low)
            } else {
                None
            };
            let bit = match context {
                Some(context) => bits[context.min(SIZE - 1)].code(coder, bit, LIMIT),
                None => coder.bit(bit, EVEN),
            };
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
        decoder.finish().expect("the end");
    }
}
