//! The range coder: 32 bits of range, carry, renormalised by bytes.
//!
//! Everything that is coded is written once, as a function over [`Coder`]: the encoder passes the
//! value that is there, the decoder passes anything, and both get the value back. So the two can't
//! disagree about what comes next.

#[cfg(feature = "encode")]
use super::encode::{Decisions, LaneWriter};
use super::lanes::{LaneReader, Lanes};
use crate::CodecError;
use crate::error::{carry, classify};
use std::io::{self, Read};

/// Where the bytes of a patch go, for [`Coder::account`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Layout,
    Gap,
    Seek,
    Length,
    Literal,
    LiteralReference,
    Clean,
    Unit,
    Place,
    Value,
    Hit,
    Target,
    Derived,
}

/// Their names, in order.
#[cfg(feature = "encode")]
pub(crate) const STREAMS: [&str; 13] = [
    "layout",
    "gaps",
    "seeks",
    "lengths",
    "literals",
    "references in literals",
    "clean flags",
    "unit flags",
    "places",
    "values",
    "reference flags",
    "targets",
    "derived",
];

/// Codes bits and symbols: the encoder what it is given, the decoder what it reads.
pub(crate) trait Coder {
    const ENCODES: bool;

    /// What goes by without a model.
    type Lanes: Lanes;
    fn lanes(&mut self) -> &mut Self::Lanes;

    /// A coder for a stream of its own: a decoder reads these bytes.
    fn beside(bytes: Vec<u8>) -> Self;

    /// A bit; `one` of 65,536 is the chance that it is set, neither 0 nor all.
    fn bit(&mut self, bit: bool, one: u32) -> bool;

    /// One of 16 symbols; `bounds` are where their chances of 32,768 begin, ascending from 0.
    fn symbol(&mut self, symbol: usize, bounds: &[u16; 16]) -> usize;

    /// A number of so many bits, at most 16, of which all are as likely.
    fn raw(&mut self, value: u32, bits: u32) -> u32;

    /// A byte of them.
    #[inline(always)]
    fn byte(&mut self, byte: u8) -> u8 {
        self.raw(byte.into(), 8) as u8
    }

    /// Books what was written since the last call.
    fn account(&mut self, _stream: Stream) {}

    /// The error for what can't be: that the stream ended too early, if it did.
    fn refuse(&mut self, reason: &'static str) -> CodecError {
        self.check().err().unwrap_or_else(|| damaged(reason))
    }

    /// What went wrong while reading. Bits that are read afterwards are zero.
    fn check(&mut self) -> Result<(), CodecError> {
        Ok(())
    }

    /// Fails unless everything was read.
    fn end(&mut self) -> Result<(), CodecError> {
        Ok(())
    }
}

const RENORMALISE_BELOW: u32 = 1 << 24;

/// Where the chance of a symbol begins and ends.
#[inline(always)]
fn chances(bounds: &[u16; 16], symbol: usize) -> (u32, u32) {
    let high = bounds.get(symbol + 1).copied().unwrap_or(1 << 15);
    (bounds[symbol].into(), high.into())
}

/// Bytes that a decoder reads before it knows the first bit; an encoder leaves out zeros at the
/// end, at most as many.
const AHEAD: u32 = 4;

const WHAT: &str = "patch";

/// Reads what [`Encoder`] wrote.
pub(crate) struct Decoder<'a> {
    input: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    at: usize,
    /// Zeros that were read behind the end.
    beyond: u32,
    failed: Option<io::Error>,
    code: u32,
    range: u32,
    lanes: LaneReader<'a>,
}

impl<'a> Decoder<'a> {
    const BUFFER: usize = 32 << 10;

    pub(crate) fn new(input: Box<dyn Read + 'a>) -> Self {
        Decoder::with_lanes(input, Box::new(io::empty()))
    }

    /// One that finds the lanes in `lanes`.
    pub(crate) fn with_lanes(input: Box<dyn Read + 'a>, lanes: Box<dyn Read + 'a>) -> Self {
        let (buffer, lanes) = (Vec::new(), LaneReader::new(lanes));
        let mut decoder = Decoder { input, buffer, at: 0, beyond: 0, failed: None, code: 0, range: u32::MAX, lanes };
        for _ in 0..AHEAD {
            decoder.code = decoder.code << 8 | decoder.input();
        }
        decoder
    }

    #[inline(always)]
    fn input(&mut self) -> u32 {
        match self.buffer.get(self.at) {
            Some(byte) => {
                self.at += 1;
                u32::from(*byte)
            }
            None => self.refill(),
        }
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> u32 {
        self.at = 0;
        self.buffer.resize(Self::BUFFER, 0);
        let result = if self.failed.is_some() { Ok(0) } else { self.input.read(&mut self.buffer) };
        let length = result.unwrap_or_else(|error| {
            self.failed = Some(error);
            0
        });
        self.buffer.truncate(length);
        if length == 0 {
            self.beyond = self.beyond.saturating_add(1);
            return 0;
        }
        self.input()
    }

    #[inline(always)]
    fn renormalise(&mut self) {
        while self.range < RENORMALISE_BELOW {
            self.range <<= 8;
            self.code = self.code << 8 | self.input();
        }
    }
}

/// The error for a patch that says what can't be.
pub(crate) fn damaged(reason: &'static str) -> CodecError {
    CodecError::Damaged { what: WHAT, source: io::Error::new(io::ErrorKind::InvalidData, reason) }
}

impl<'a> Coder for Decoder<'a> {
    const ENCODES: bool = false;
    type Lanes = LaneReader<'a>;

    #[inline(always)]
    fn lanes(&mut self) -> &mut LaneReader<'a> {
        &mut self.lanes
    }

    fn beside(bytes: Vec<u8>) -> Self {
        Decoder::new(Box::new(io::Cursor::new(bytes)))
    }

    #[inline(always)]
    fn bit(&mut self, _: bool, one: u32) -> bool {
        let bound = ((u64::from(self.range) * u64::from(one)) >> 16) as u32;
        let bit = self.code < bound;
        if bit {
            self.range = bound;
        } else {
            self.code = self.code.wrapping_sub(bound);
            self.range -= bound;
        }
        self.renormalise();
        bit
    }

    #[inline(always)]
    fn symbol(&mut self, _: usize, bounds: &[u16; 16]) -> usize {
        let unit = self.range >> 15;
        let value = (self.code / unit).min(0x7fff) as i16;
        // As signed numbers: compared eight at a time.
        let mut passed = 0i16;
        for bound in bounds {
            passed += i16::from(*bound as i16 <= value);
        }
        let symbol = (passed - 1) as usize & 15;
        let (low, high) = chances(bounds, symbol);
        self.code = self.code.wrapping_sub(unit.wrapping_mul(low));
        self.range = unit.wrapping_mul(high.wrapping_sub(low)).max(1);
        self.renormalise();
        symbol
    }

    #[inline(always)]
    fn raw(&mut self, _: u32, bits: u32) -> u32 {
        let unit = self.range >> bits;
        let value = (self.code / unit).min((1 << bits) - 1);
        self.code = self.code.wrapping_sub(unit.wrapping_mul(value));
        self.range = unit;
        self.renormalise();
        value
    }

    fn check(&mut self) -> Result<(), CodecError> {
        match self.failed.take() {
            Some(error) => Err(classify(WHAT, error)),
            None if self.beyond > AHEAD => Err(classify(WHAT, carry(CodecError::Truncated { what: WHAT }))),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), CodecError> {
        self.check()?;
        if self.at < self.buffer.len() {
            return Err(damaged("bytes are left behind its end"));
        }
        let mut byte = [0];
        match self.input.read(&mut byte) {
            Ok(0) => self.lanes.finish(),
            Ok(_) => Err(damaged("bytes are left behind its end")),
            Err(error) => Err(classify(WHAT, error)),
        }
    }
}

/// Writes bits.
#[cfg(feature = "encode")]
pub(crate) struct Encoder {
    low: u64,
    range: u32,
    /// The last byte that a carry may still change, and how many bytes 0xff follow it.
    held: u8,
    pending: u64,
    bytes: Vec<u8>,
    accounts: [usize; 16],
    booked: usize,
    lanes: LaneWriter,
    /// What it was told, for those who ask.
    pub(crate) noted: Option<Box<Decisions>>,
}

#[cfg(feature = "encode")]
impl Encoder {
    pub(crate) fn new() -> Self {
        let (bytes, accounts, lanes) = (Vec::new(), [0; 16], LaneWriter::default());
        Encoder { low: 0, range: u32::MAX, held: 0, pending: 0, bytes, accounts, booked: 0, lanes, noted: None }
    }

    /// One that notes what it is told.
    pub(crate) fn noting() -> Self {
        Encoder { noted: Some(Box::default()), ..Encoder::new() }
    }

    /// The lanes, as they are before zstd.
    pub(crate) fn take_lanes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.lanes).finish()
    }

    fn shift(&mut self) {
        if self.low < 0xff00_0000 || self.low > 0xffff_ffff {
            let carry = (self.low >> 32) as u8;
            self.bytes.push(self.held.wrapping_add(carry));
            for _ in 0..self.pending {
                self.bytes.push(0xffu8.wrapping_add(carry));
            }
            self.pending = 0;
            self.held = (self.low >> 24) as u8;
        } else {
            self.pending += 1;
        }
        self.low = (self.low & 0x00ff_ffff) << 8;
    }

    fn renormalise(&mut self) {
        while self.range < RENORMALISE_BELOW {
            self.range <<= 8;
            self.shift();
        }
    }

    /// The bytes, without those at the end that a decoder takes for granted; and what each
    /// stream took of them.
    pub(crate) fn finish(mut self) -> (Vec<u8>, [usize; 16]) {
        // Of all numbers that the decoder may find here, the one that ends with most zeros.
        let last = self.low + u64::from(self.range) - 1;
        let zeros = (0..32).rev().find(|zeros| last >> zeros << zeros >= self.low).unwrap_or(0);
        self.low = last >> zeros << zeros;
        for _ in 0..=AHEAD {
            self.shift();
        }
        // The first byte is what was held when nothing had been written.
        self.bytes.remove(0);
        let least = self.bytes.len().saturating_sub(AHEAD as usize);
        while self.bytes.len() > least && self.bytes.last() == Some(&0) {
            self.bytes.pop();
        }
        (self.bytes, self.accounts)
    }
}

#[cfg(feature = "encode")]
impl Coder for Encoder {
    const ENCODES: bool = true;
    type Lanes = LaneWriter;

    fn lanes(&mut self) -> &mut LaneWriter {
        &mut self.lanes
    }

    fn beside(_: Vec<u8>) -> Self {
        Encoder::new()
    }

    #[inline(always)]
    fn bit(&mut self, bit: bool, one: u32) -> bool {
        if let Some(noted) = &mut self.noted {
            noted.bit(bit);
        }
        let bound = ((u64::from(self.range) * u64::from(one)) >> 16) as u32;
        if bit {
            self.range = bound;
        } else {
            self.low += u64::from(bound);
            self.range -= bound;
        }
        self.renormalise();
        bit
    }

    #[inline(always)]
    fn symbol(&mut self, symbol: usize, bounds: &[u16; 16]) -> usize {
        if let Some(noted) = &mut self.noted {
            noted.symbol(symbol);
        }
        let unit = self.range >> 15;
        let (low, high) = chances(bounds, symbol);
        self.low += u64::from(unit) * u64::from(low);
        self.range = unit * (high - low);
        self.renormalise();
        symbol
    }

    #[inline(always)]
    fn raw(&mut self, value: u32, bits: u32) -> u32 {
        if let Some(noted) = &mut self.noted {
            (0..bits).rev().for_each(|place| noted.bit(value >> place & 1 == 1));
        }
        let unit = self.range >> bits;
        self.low += u64::from(unit) * u64::from(value);
        self.range = unit;
        self.renormalise();
        value
    }

    fn account(&mut self, stream: Stream) {
        self.accounts[stream as usize] += self.bytes.len() - self.booked;
        self.booked = self.bytes.len();
        if let Some(noted) = &mut self.noted {
            noted.account(stream);
        }
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;

    fn bits(count: u32) -> impl Iterator<Item = (bool, u32)> {
        (0..count).map(|at| {
            let noise = at.wrapping_mul(2_654_435_761) >> 8;
            let one = [1, 24, 32_768, 65_512, 65_535][noise as usize % 5];
            ((noise >> 8) % 65_536 < one, one)
        })
    }

    #[test]
    fn what_was_coded_is_decoded_to_the_last_byte() {
        for count in [0, 1, 7, 100, 20_000] {
            let mut encoder = Encoder::new();
            bits(count).for_each(|(bit, one)| assert_eq!(encoder.bit(bit, one), bit));
            let (bytes, _) = encoder.finish();
            let mut decoder = Decoder::new(Box::new(&bytes[..]));
            for (at, (bit, one)) in bits(count).enumerate() {
                assert_eq!(decoder.bit(false, one), bit, "bit {at} of {count}");
            }
            decoder.end().expect("the end");
        }
    }

    #[test]
    fn raw_numbers_among_bits_are_decoded() {
        let given = || {
            let number = |at: u32| (at.wrapping_mul(2_654_435_761) >> (32 - at % 16 - 1), at % 16 + 1);
            bits(2000).zip((0..).map(number))
        };
        let mut encoder = Encoder::new();
        for ((bit, one), (number, count)) in given() {
            assert_eq!((encoder.raw(number, count), encoder.bit(bit, one)), (number, bit));
        }
        let (bytes, _) = encoder.finish();
        let mut decoder = Decoder::new(Box::new(&bytes[..]));
        for ((bit, one), (number, count)) in given() {
            assert_eq!((decoder.raw(0, count), decoder.bit(false, one)), (number, bit));
        }
        decoder.end().expect("the end");
    }

    #[test]
    fn a_stream_that_is_cut_is_told_and_does_not_loop() {
        let mut encoder = Encoder::new();
        bits(20_000).for_each(|(bit, one)| assert_eq!(encoder.bit(bit, one), bit));
        let (bytes, _) = encoder.finish();
        let mut decoder = Decoder::new(Box::new(&bytes[..bytes.len() / 2]));
        let ones = bits(20_000).filter(|(_, one)| decoder.bit(false, *one)).count();
        assert!(ones > 0);
        assert!(matches!(decoder.check(), Err(CodecError::Truncated { .. })));
        let more = [&bytes[..], b"more"].concat();
        let mut decoder = Decoder::new(Box::new(&more[..]));
        let ones = bits(20_000).filter(|(_, one)| decoder.bit(false, *one)).count();
        assert!(ones > 0);
        assert!(decoder.end().is_err());
    }
}
