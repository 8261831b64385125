//! What level `fast` leaves to zstd: bytes as they are, in a few lanes side by side.
//!
//! The lanes of some megabytes of the new file are a *chunk*: first where it ends, then how long each
//! lane is, then the lanes. A chunk is read as a whole, so it has a bound.

use super::coder::damaged;
use crate::error::classify;
use crate::{CodecError, number};
use std::io::Read;

/// The lanes, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// How far bytes are from what they were guessed to be: in fields that hold an address, and others.
    Field,
    Other,
    /// For both, how many are as they were guessed before the next one that is not.
    RightFields,
    RightOthers,
    /// Bytes that no match holds, and addresses among them.
    Literal,
    Target,
}

impl Lane {
    /// For a lane of differences, where they are.
    #[inline(always)]
    pub(crate) fn of_right(self) -> Lane {
        if self == Lane::Field { Lane::RightFields } else { Lane::RightOthers }
    }
}

pub(crate) const LANES: usize = 6;

/// Most bytes of a chunk.
pub(crate) const CHUNK: usize = 1 << 20;

/// Codes lanes, like [`Coder`](super::coder::Coder) bits: whoever reads gets what was written.
pub(crate) trait Lanes {
    /// Called before each piece of a part, which begins at `at`.
    fn begin(&mut self, at: usize) -> Result<(), CodecError>;

    /// Called behind the last piece of a part.
    fn end(&mut self, at: usize) -> Result<(), CodecError>;

    /// Makes `guess` what is wanted. Returns whether anything was wrong.
    fn amend(&mut self, lane: Lane, guess: &mut [u8], wanted: &[u8]) -> bool;

    fn byte(&mut self, lane: Lane, byte: u8) -> u8;
}

/// Reads lanes.
pub(crate) struct LaneReader<'a> {
    input: Box<dyn Read + 'a>,
    bytes: Vec<u8>,
    /// Where each lane goes on, and ends.
    lanes: [(usize, usize); LANES],
    /// Where the chunk ends.
    end: usize,
    /// Bytes that are right, from here on: in fields that hold an address, and others.
    right: [usize; 2],
    /// More was read than is there.
    is_short: bool,
}

const WHAT: &str = "patch";

impl<'a> LaneReader<'a> {
    pub(crate) fn new(input: Box<dyn Read + 'a>) -> Self {
        LaneReader { input, bytes: Vec::new(), lanes: [(0, 0); LANES], end: 0, right: [usize::MAX; 2], is_short: false }
    }

    /// Fails unless everything was read.
    pub(crate) fn finish(&mut self) -> Result<(), CodecError> {
        match self.input.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(damaged("bytes are left behind its end")),
            Err(error) => Err(classify(WHAT, error)),
        }
    }

    fn load(&mut self, at: usize) -> Result<(), CodecError> {
        let mut number = |field| number::read(&mut self.input, field).map_err(|error| classify(WHAT, error));
        let length = number("length of a chunk")?;
        let (mut total, mut lanes) = (0, [(0, 0); LANES]);
        for lane in &mut lanes {
            let start = total;
            let length = number("length of a lane")?;
            total = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(total);
            *lane = (start, total);
        }
        if length == 0 || total > CHUNK {
            return Err(damaged("a chunk has no length or is too long"));
        }
        self.end = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(at);
        self.lanes = lanes;
        self.bytes.resize(total, 0);
        self.input.read_exact(&mut self.bytes).map_err(|error| classify(WHAT, error))?;
        self.right = [self.run(Lane::RightFields), self.run(Lane::RightOthers)];
        Ok(())
    }

    #[inline(always)]
    fn next(&mut self, lane: Lane) -> u8 {
        let (at, end) = &mut self.lanes[lane as usize];
        match self.bytes.get(*at) {
            Some(byte) if at < end => {
                *at += 1;
                *byte
            }
            _ => {
                self.is_short = true;
                0
            }
        }
    }

    /// How many bytes are right now; all of them where the lane ends.
    #[inline(always)]
    fn run(&mut self, lane: Lane) -> usize {
        let (at, end) = self.lanes[lane as usize];
        if at == end {
            return usize::MAX;
        }
        let (mut value, mut place) = (0u64, 0);
        loop {
            let byte = self.next(lane);
            value |= u64::from(byte & 0x7f) << place;
            place += 7;
            if byte < 0x80 || place > 28 {
                return usize::try_from(value).unwrap_or(usize::MAX);
            }
        }
    }
}

impl Lanes for LaneReader<'_> {
    fn begin(&mut self, at: usize) -> Result<(), CodecError> {
        if at < self.end {
            return Ok(());
        }
        self.end(at)?;
        self.load(at)
    }

    fn end(&mut self, at: usize) -> Result<(), CodecError> {
        let is_read = self.end == at && self.lanes.iter().all(|(at, end)| at == end);
        self.end = 0;
        if self.is_short || !is_read { Err(damaged("a chunk has too few bytes or too many")) } else { Ok(()) }
    }

    #[inline(always)]
    fn amend(&mut self, lane: Lane, guess: &mut [u8], _: &[u8]) -> bool {
        let right = &mut self.right[lane as usize & 1];
        if *right >= guess.len() {
            *right -= guess.len();
            return false;
        }
        let mut at = *right;
        while let Some(byte) = guess.get_mut(at) {
            *byte = byte.wrapping_add(self.next(lane));
            at = self.run(lane.of_right()).saturating_add(at + 1);
        }
        self.right[lane as usize & 1] = if at == usize::MAX { at } else { at - guess.len() };
        true
    }

    #[inline(always)]
    fn byte(&mut self, lane: Lane, _: u8) -> u8 {
        self.next(lane)
    }
}
