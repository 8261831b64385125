//! Writes lanes.

use crate::exe::lanes::{CHUNK, LANES, Lane, Lanes};
use crate::{CodecError, number};

/// A chunk ends when it has so many bytes; a piece of the new file adds less than the rest.
const FULL: usize = CHUNK / 2;

#[derive(Default)]
pub(crate) struct LaneWriter {
    lanes: [Vec<u8>; LANES],
    /// Where the chunk began.
    start: usize,
    /// Bytes that are right, as the reader counts them.
    right: [usize; 2],
    chunks: Vec<u8>,
}

impl LaneWriter {
    /// All chunks.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.chunks
    }
}

impl Lanes for LaneWriter {
    fn begin(&mut self, at: usize) -> Result<(), CodecError> {
        if at == 0 {
            self.start = 0;
        }
        if self.lanes.iter().map(Vec::len).sum::<usize>() >= FULL { self.end(at) } else { Ok(()) }
    }

    fn end(&mut self, at: usize) -> Result<(), CodecError> {
        if at == self.start {
            return Ok(());
        }
        number::write(&mut self.chunks, (at - self.start) as u64);
        for lane in &self.lanes {
            number::write(&mut self.chunks, lane.len() as u64);
        }
        for lane in &mut self.lanes {
            self.chunks.append(lane);
        }
        (self.start, self.right) = (at, [0; 2]);
        Ok(())
    }

    fn amend(&mut self, lane: Lane, guess: &mut [u8], wanted: &[u8]) -> bool {
        let mut is_wrong = false;
        let right = &mut self.right[lane as usize & 1];
        for (guess, wanted) in guess.iter_mut().zip(wanted) {
            if guess == wanted {
                *right += 1;
                continue;
            }
            is_wrong = true;
            number::write(&mut self.lanes[lane.of_right() as usize], *right as u64);
            *right = 0;
            self.lanes[lane as usize].push(wanted.wrapping_sub(*guess));
            *guess = *wanted;
        }
        is_wrong
    }

    fn byte(&mut self, lane: Lane, byte: u8) -> u8 {
        self.lanes[lane as usize].push(byte);
        byte
    }
}
