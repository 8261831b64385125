//! The references of tables and data, ascending, in a few bytes each. They are read from any place on, since
//! each block of them begins anew.

use super::delta::{LONGEST, State, put, take};
use super::memory::{Budget, push};
use super::reference::{Packed, Parts, Reference};
use super::runs::{PIECE, piece_memory};
use crate::CodecError;

/// References of a block.
const BLOCK: usize = 32;
const _: () = assert!(BLOCK * LONGEST <= PIECE);

#[derive(Default)]
pub(crate) struct Tables {
    blocks: Vec<Block>,
    /// Of the blocks, each in one of them: as large as those that runs give back meanwhile, whose place they take.
    pieces: Vec<Vec<u8>>,
    /// The last block, which is in none yet.
    block: Vec<u8>,
    count: usize,
    /// What the next one is told by.
    state: State,
    /// The lowest address.
    low: u64,
}

/// Where its first reference is in the file, and where its bytes are, counted from the first piece.
#[derive(Clone, Copy)]
struct Block {
    start: u32,
    place: u32,
}

impl Tables {
    pub(crate) fn new(low: u64) -> Tables {
        Tables { low, ..Tables::default() }
    }

    /// Appends a reference; they must be ascending.
    pub(crate) fn push(&mut self, parts: Parts, budget: &mut Budget) -> Result<(), CodecError> {
        if self.count.is_multiple_of(BLOCK) {
            self.finish(budget)?;
            push(&mut self.blocks, Block { start: parts.at, place: 0 }, budget)?;
            self.state = State::default();
        }
        put(&mut self.block, &self.state, &parts);
        self.state.next(parts);
        self.count += 1;
        Ok(())
    }

    /// Puts the last block where it can be read.
    pub(crate) fn finish(&mut self, budget: &mut Budget) -> Result<(), CodecError> {
        let Some(last) = self.blocks.last_mut().filter(|_| !self.block.is_empty()) else { return Ok(()) };
        if self.pieces.last().is_none_or(|piece| piece.len() + self.block.len() > PIECE) {
            budget.take(piece_memory(PIECE))?;
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        let number = self.pieces.len() - 1;
        last.place = (number * PIECE + self.pieces[number].len()) as u32;
        self.pieces[number].append(&mut self.block);
        Ok(())
    }

    /// Reads on from the first reference that begins at or behind `start`.
    pub(crate) fn seek(&self, cursor: &mut Cursor, start: usize) {
        let is_behind = cursor.passed.is_none_or(|passed| (passed as usize) < start);
        let block = self.blocks.partition_point(|block| (block.start as usize) < start).saturating_sub(1);
        if !is_behind || cursor.number < block * BLOCK {
            *cursor = Cursor { number: block * BLOCK, ..Cursor::default() };
        }
        while self.peek(cursor).is_some_and(|found| found.start() < start) {
            cursor.pass();
        }
    }

    /// The reference at the cursor.
    #[inline(always)]
    pub(crate) fn peek(&self, cursor: &mut Cursor) -> Option<Reference> {
        if cursor.next.is_none() && cursor.number < self.count {
            if cursor.number.is_multiple_of(BLOCK) {
                cursor.place = self.blocks.get(cursor.number / BLOCK)?.place as usize;
                cursor.state = State::default();
            }
            let (piece, mut place) = (self.pieces.get(cursor.place / PIECE)?, cursor.place % PIECE);
            let parts = take(piece, &mut place, &cursor.state);
            cursor.place += place - cursor.place % PIECE;
            cursor.state.next(parts);
            cursor.next = Some(Packed::of(&parts).unpack(self.low));
        }
        cursor.next
    }
}

/// A place among references.
#[derive(Default)]
pub(crate) struct Cursor {
    number: usize,
    place: usize,
    state: State,
    /// The one at this place, once it was read.
    next: Option<Reference>,
    /// Where the one before begins, if it is known.
    passed: Option<u32>,
}

impl Cursor {
    /// Goes on to the next one.
    pub(crate) fn pass(&mut self) {
        if let Some(found) = self.next.take() {
            self.passed = Some(found.at);
            self.number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::{Kind, Use};
    use super::*;

    #[test]
    fn references_are_read_from_any_place_on() {
        let reference = |number: u32| Reference {
            target: 0x40_0000 + u64::from(number.wrapping_mul(2_654_435_761) >> (number % 32)),
            base: if number.is_multiple_of(7) { 0x40_0000 + u64::from(number) } else { 0 },
            at: number * 5,
            kind: if number.is_multiple_of(7) { Kind::Leb2 } else { Kind::Relative64 },
            shift: if number.is_multiple_of(5) { -4 } else { 0 },
            usage: Use::Other,
            words: 0,
        };
        let all: Vec<Reference> = (0..1000).map(reference).collect();
        let packed: Vec<Packed> = all.iter().filter_map(|found| Packed::new(found, 0x40_0000)).collect();
        assert_eq!(packed.len(), all.len());
        let mut budget = Budget::new(u64::MAX);
        let mut tables = Tables::new(0x40_0000);
        packed.iter().for_each(|found| tables.push(found.parts(), &mut budget).expect("memory"));
        tables.finish(&mut budget).expect("memory");
        assert!(tables.pieces.len() > 1);
        let bytes: usize = tables.pieces.iter().map(Vec::len).sum();
        assert!(bytes < 9 * all.len(), "{bytes} bytes");
        let mut cursor = Cursor::default();
        for start in [0, 1, 700, 640, 645, 4999, 5000, 17, 320, 160, 161] {
            tables.seek(&mut cursor, start);
            for wanted in all.iter().filter(|found| found.start() >= start).take(40) {
                assert_eq!(tables.peek(&mut cursor), Some(*wanted), "from {start}");
                cursor.pass();
            }
        }
        tables.seek(&mut cursor, 4996);
        assert_eq!(tables.peek(&mut cursor), None);
    }
}
