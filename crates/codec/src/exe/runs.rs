//! Puts references in order in little memory: runs of them are, and are then merged. Runs are kept in a few
//! bytes for each reference, in pieces that are given back as soon as they are read.

use super::delta::{LONGEST, State, put, take};
use super::memory::{Budget, WORD, push};
use super::reference::Packed;
use crate::CodecError;
use std::cmp::Reverse;
use std::collections::binary_heap::{BinaryHeap, PeekMut};
use std::vec::IntoIter;

/// References of a run.
const RUN: usize = 1 << 15;

/// Bytes of a piece.
pub(crate) const PIECE: usize = 4 << 10;

/// What a piece of so many bytes takes: with its place in a list that doubles as it grows.
pub(crate) fn piece_memory(bytes: usize) -> u64 {
    (bytes + 9 * WORD) as u64
}

/// What a run takes beside its pieces: the same in a list of runs, and what is next in it while they are merged.
const RUN_MEMORY: u64 = 512;

#[derive(Default)]
pub(crate) struct Runs {
    /// Those that are in no run yet.
    recent: Vec<Packed>,
    runs: Vec<Vec<Vec<u8>>>,
}

impl Runs {
    pub(crate) fn push(&mut self, found: Packed, budget: &mut Budget) -> Result<(), CodecError> {
        if self.recent.len() == RUN {
            self.end_run(budget)?;
        }
        push(&mut self.recent, found, budget)
    }

    fn end_run(&mut self, budget: &mut Budget) -> Result<(), CodecError> {
        // The order of what begins at the same place is part of the format.
        self.recent.sort_unstable();
        budget.take(RUN_MEMORY)?;
        let (mut pieces, mut state): (Vec<Vec<u8>>, _) = (Vec::new(), State::default());
        for (number, parts) in self.recent.iter().map(|found| found.parts()).enumerate() {
            if pieces.last().is_none_or(|piece| piece.len() + LONGEST > piece.capacity()) {
                let size = PIECE.min(LONGEST * (self.recent.len() - number));
                budget.take(piece_memory(size))?;
                pieces.push(Vec::with_capacity(size));
            }
            if let Some(piece) = pieces.last_mut() {
                put(piece, &state, &parts);
            }
            state.next(parts);
        }
        self.recent.clear();
        self.runs.push(pieces);
        Ok(())
    }

    /// All of them, ascending.
    pub(crate) fn merge(mut self, budget: &mut Budget) -> Result<Merge, CodecError> {
        self.end_run(budget)?;
        budget.release(self.recent);
        let runs = self.runs.into_iter().map(Run::new);
        let mut merge = Merge { runs: runs.collect(), next: BinaryHeap::new() };
        for (number, run) in merge.runs.iter_mut().enumerate() {
            merge.next.extend(run.next(budget).map(|found| Reverse((found, number))));
        }
        Ok(merge)
    }
}

/// Runs that are merged.
pub(crate) struct Merge {
    runs: Vec<Run>,
    /// The next of each run, with its number.
    next: BinaryHeap<Reverse<(Packed, usize)>>,
}

impl Merge {
    pub(crate) fn next(&mut self, budget: &mut Budget) -> Option<Packed> {
        let mut top = self.next.peek_mut()?;
        let Reverse((found, number)) = *top;
        match self.runs.get_mut(number).and_then(|run| run.next(budget)) {
            Some(next) => *top = Reverse((next, number)),
            None => drop(PeekMut::pop(top)),
        }
        Some(found)
    }
}

struct Run {
    pieces: IntoIter<Vec<u8>>,
    /// The one that is read, and how far.
    piece: Vec<u8>,
    place: usize,
    state: State,
}

impl Run {
    fn new(pieces: Vec<Vec<u8>>) -> Run {
        Run { pieces: pieces.into_iter(), piece: Vec::new(), place: 0, state: State::default() }
    }

    fn next(&mut self, budget: &mut Budget) -> Option<Packed> {
        if self.place == self.piece.len() {
            if !self.piece.is_empty() {
                budget.give_back(piece_memory(self.piece.capacity()));
            }
            (self.piece, self.place) = (self.pieces.next().unwrap_or_default(), 0);
            if self.piece.is_empty() {
                budget.give_back(RUN_MEMORY);
                return None;
            }
        }
        let parts = take(&self.piece, &mut self.place, &self.state);
        self.state.next(parts);
        Some(Packed::of(&parts))
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::Parts;
    use super::*;

    #[test]
    fn references_in_any_order_come_out_ascending_and_all_memory_comes_back() {
        for count in [0, 1, RUN - 1, RUN, RUN + 1, 3 * RUN + 7] {
            let (mut runs, mut all, mut budget) = (Runs::default(), Vec::new(), Budget::new(u64::MAX));
            for number in 0..count as u32 {
                let noise = u64::from(number.wrapping_mul(2_654_435_761));
                let (at, kind, shift) = (number.wrapping_mul(7919) % 50_000, number as u8 % 20, number as u8 % 3);
                let parts = Parts { at, kind, target: noise * 251, base: noise >> 16, shift };
                all.push(Packed::of(&parts));
                runs.push(Packed::of(&parts), &mut budget).expect("memory");
            }
            all.sort_unstable();
            let mut merged = runs.merge(&mut budget).expect("memory");
            for found in &all {
                assert_eq!(merged.next(&mut budget), Some(*found), "of {count}");
            }
            assert_eq!(merged.next(&mut budget), None);
            assert_eq!(budget.taken(), 0, "of {count}");
        }
    }
}
