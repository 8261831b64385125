//! Where code goes that the map can't tell: models of targets, for code that is new and for
//! references that went elsewhere.

use super::bit::{Bit, hash};
use super::coder::Coder;
use super::nibble::Nibbles;
use super::number::Number;
use super::popular::Popular;
use crate::number::{unzigzag, zigzag};

const LIMIT: u32 = 120;
const SUCCESSORS: usize = 1 << 16;
const JUMPS: usize = 15;

/// What a reference in new code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Data,
    Call,
    Jump,
}

pub(crate) struct Destinations {
    pub(crate) popular: Popular,
    /// By the target before, what came next the last time.
    successors: Vec<u64>,
    last: u64,
    pub(crate) jumps: Jumps,
    numbers: Number,
    follows: [Bit; 3],
    is_popular: [Bit; 3],
}

/// The last targets of jumps.
pub(crate) struct Jumps {
    recent: [u64; JUMPS],
    last: usize,
    model: Nibbles<2>,
}

impl Jumps {
    /// Codes a target if it is among the recent ones; the contexts are numbers from 1,000 on.
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, contexts: [u64; 2], target: u64) -> Option<u64> {
        let place = if C::ENCODES { self.recent.iter().position(|recent| *recent == target) } else { None };
        let contexts = [self.last as u64 | contexts[0] << 16, contexts[1]];
        let place = self.model.symbol(coder, &contexts, 0, place.unwrap_or(JUMPS));
        self.last = place;
        self.recent.get(place).copied()
    }

    pub(crate) fn note(&mut self, target: u64) {
        let place = self.recent.iter().position(|recent| *recent == target).unwrap_or(JUMPS - 1);
        self.recent[..=place].rotate_right(1);
        self.recent[0] = target;
    }
}

impl Destinations {
    pub(crate) fn new(popular: Popular) -> Self {
        Destinations {
            popular,
            successors: vec![0; SUCCESSORS],
            last: 0,
            jumps: Jumps { recent: [0; JUMPS], last: 0, model: Nibbles::new(8, 1) },
            numbers: Number::new(8),
            follows: [Bit::EVEN; 3],
            is_popular: [Bit::EVEN; 3],
        }
    }

    #[inline(always)]
    fn slot(&self, reach: Reach) -> usize {
        (hash(self.last, reach as u64) >> 48) as usize
    }

    /// Codes the target of a reference in new code at `address`. With `pages` it is a page.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        reach: Reach,
        address: u64,
        opcode: u64,
        target: u64,
        unit: u32,
    ) -> u64 {
        let slot = self.slot(reach);
        let target = self.choose(coder, reach, address, opcode, target, (slot, unit));
        if reach == Reach::Jump {
            self.jumps.note(target);
        } else {
            self.successors[slot] = target;
            self.last = target;
        }
        target
    }

    fn choose<C: Coder>(
        &mut self,
        coder: &mut C,
        reach: Reach,
        address: u64,
        opcode: u64,
        target: u64,
        (slot, unit): (usize, u32),
    ) -> u64 {
        if reach == Reach::Jump {
            if let Some(target) = self.jumps.code(coder, [0, 1000 + opcode], target) {
                return target;
            }
        } else {
            let next = self.successors[slot];
            if next != 0 && self.follows[reach as usize].code(coder, target == next, LIMIT) {
                return next;
            }
            let ranks = if reach == Reach::Data { &mut self.popular.data } else { &mut self.popular.calls };
            let rank = if C::ENCODES { ranks.find(target) } else { None };
            if self.is_popular[reach as usize].code(coder, rank.is_some(), LIMIT) {
                return ranks.code(coder, rank.unwrap_or(0));
            }
        }
        self.distance(coder, reach as usize, address, target, unit)
    }

    /// Codes a target by its distance, which is a multiple of 2^`unit`.
    pub(crate) fn distance<C: Coder>(
        &mut self,
        coder: &mut C,
        context: usize,
        address: u64,
        target: u64,
        unit: u32,
    ) -> u64 {
        let distance = target.wrapping_sub(address) as i64 >> unit;
        let distance = unzigzag(self.numbers.code(coder, context + if unit > 0 { 3 } else { 0 }, zigzag(distance)));
        address.wrapping_add((distance << unit) as u64)
    }

    /// Notes the target of a reference that was told otherwise.
    #[inline(always)]
    pub(crate) fn note(&mut self, reach: Reach, target: u64, is_amid_changes: bool) {
        if reach == Reach::Jump {
            return self.jumps.note(target);
        }
        if is_amid_changes {
            let slot = self.slot(reach);
            self.successors[slot] = target;
        }
        self.last = target;
    }
}
