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
    clean: usize,
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
        (self.start, self.clean) = (at, 0);
        Ok(())
    }

    fn amend(&mut self, lane: Lane, guess: &mut [u8], wanted: &[u8]) -> bool {
        let mut is_wrong = false;
        for (guess, wanted) in guess.iter_mut().zip(wanted) {
            if guess == wanted {
                self.clean += 1;
                continue;
            }
            is_wrong = true;
            number::write(&mut self.lanes[Lane::Clean as usize], self.clean as u64);
            self.clean = 0;
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
