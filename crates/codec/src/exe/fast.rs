//! The body of a patch of level `fast`: what differs from the guess is told byte by byte, and zstd
//! makes it short.
//!
//! Matches, map and references are those of the other levels, and so is what a reference teaches
//! about its target. There are no models, so nothing is asked about what is as it was guessed.

use super::batch::{Batch, Item, Origin};
use super::batches::Batches;
use super::body::Shared;
use super::class::{JUMP32, RELATIVE_DATA};
use super::coder::{Coder, Decoder, damaged};
use super::copy::Piece;
use super::decode::FIXED_FAST;
use super::field::{Kind, is_leb_of, word};
use super::hits::{self, Guess};
use super::lanes::{Lane, Lanes};
use super::memory::Budget;
use super::reference::Reference;
use super::tier;
use super::x86::Automaton;
use crate::error::classify;
use crate::matched::Match;
use crate::window::{FirstFrame, MIN_LOG};
use crate::{CodecError, Header, Level};
use std::io::{Cursor, Read};

const WHAT: &str = "patch";

/// Bytes of the first frame that are read at once.
const PIECE: usize = 64 << 10;

/// The largest window of the lanes.
pub(crate) const MAX_LOG: u32 = 27;

/// Opens the first frame of a body. It holds what the range coder wrote; at level `fast` behind that one byte, the
/// window of a second frame, which holds the lanes. The first one is then held in memory. Returns
/// what both take, too.
pub(crate) fn open<'a>(
    mut first: FirstFrame<Box<dyn Read + 'a>>,
    header: &Header,
) -> Result<(Decoder<'a>, u64), CodecError> {
    let failed = |error| classify(WHAT, error);
    let mut bytes = Vec::new();
    // More than it takes to tell the level.
    first.by_ref().take(16).read_to_end(&mut bytes).map_err(failed)?;
    if tier::code(&mut Decoder::new(Box::new(&bytes[..])), Level::Fast) != Level::Fast {
        return Ok((Decoder::new(Box::new(Cursor::new(bytes).chain(first.alone()))), 0));
    }
    let mut budget = Budget::new(header.memory);
    budget.take(FIXED_FAST + bytes.len() as u64)?;
    loop {
        let before = bytes.len();
        // As much memory as bytes, whatever the vector thinks.
        bytes.reserve_exact(PIECE);
        first.by_ref().take(PIECE as u64).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() == before {
            break;
        }
        budget.take((bytes.len() - before) as u64)?;
    }
    let length = bytes.len() as u64;
    let log = bytes.pop().map_or(MIN_LOG, u32::from);
    if !(MIN_LOG..=MAX_LOG).contains(&log) {
        return Err(damaged("its window is none"));
    }
    budget.take(1 << log)?;
    let lanes = first.next(log)?;
    Ok((Decoder::with_lanes(Box::new(Cursor::new(bytes)), Box::new(lanes)), length + (1 << log)))
}

/// Bytes of a gap that are made at once.
const CHUNK: usize = 16 << 10;

pub(crate) struct Fast<'a, C> {
    batches: Batches<'a, C>,
    batch: Batch,
    automaton: Automaton,
    /// Where the gap that is being made ends, as far as it was made.
    gap_end: usize,
    region: usize,
}

impl<'a, C: Coder + 'a> Fast<'a, C> {
    pub(crate) fn new(batches: Batches<'a, C>) -> Self {
        Fast { batches, batch: Batch::default(), automaton: Automaton::new(), gap_end: usize::MAX, region: 0 }
    }

    /// Makes a piece of the gap that ends at `end`.
    pub(crate) fn gap(&mut self, shared: &mut Shared<'_, C>, end: usize) {
        let start = shared.out.len();
        if self.gap_end != start {
            self.automaton = Automaton::new();
        }
        let end = end.min(start + CHUNK);
        while shared.out.len() < end {
            let at = shared.out.len();
            let regions = &shared.plan.new.regions;
            while regions.get(self.region).is_some_and(|region| region.end() <= at) {
                self.region += 1;
            }
            let (class, until) = match regions.get(self.region) {
                Some(region) if region.offset <= at => (region.content.class(), region.end()),
                Some(region) => (0, region.offset),
                None => (0, end),
            };
            self.literals(shared, class, until.min(end) - at);
        }
        self.gap_end = end;
    }

    /// Makes a piece of a match.
    pub(crate) fn copy(&mut self, shared: &mut Shared<'_, C>, found: Match) -> Result<(), CodecError> {
        let at = shared.out.len();
        let (start, end) = (found.new as usize, found.new_end());
        let Item::Copy { from, length, references } = self.batches.item(&mut self.batch)? else {
            return Err(damaged("a match is not where it should be"));
        };
        window(shared, &self.batch.origin(from, length, references), Piece { at, start, end });
        if at + length >= end {
            shared.current += 1;
        }
        Ok(())
    }

    /// Writes `length` bytes that no match holds, all of a region of this class.
    fn literals(&mut self, shared: &mut Shared<'_, C>, class: usize, length: usize) {
        let end = shared.out.len() + length;
        while shared.out.len() < end {
            let at = shared.out.len();
            match class {
                1 => self.x86(shared, at, end),
                2 if at & 3 == 0 && end - at >= 4 => arm64_word(shared, at),
                _ => {
                    let wanted = shared.plan.wanted(at);
                    let byte = shared.coder.lanes().byte(Lane::Literal, wanted);
                    shared.out.push(byte);
                }
            }
        }
    }

    /// A byte of code, or a field of 4 bytes: the address that it would hold if the instruction ended behind it.
    /// What is named twice is the same twice, and the highest byte, which tells least, comes first.
    fn x86(&mut self, shared: &mut Shared<'_, C>, at: usize, end: usize) {
        let class = self.automaton.class;
        if (class == RELATIVE_DATA || class == JUMP32)
            && end - at >= 4
            && let Some(address) = shared.plan.new.address(at)
        {
            let wanted = Kind::Relative32.read(0, 0, shared.plan.wanted_from(at), address) as u32;
            let target = wanted.to_be_bytes().map(|byte| shared.coder.lanes().byte(Lane::Target, byte));
            let mut bytes = [0; 4];
            Kind::Relative32.write(0, 0, &mut bytes, address, u32::from_be_bytes(target).into());
            bytes.iter().for_each(|byte| self.automaton.step(*byte));
            shared.out.extend(&bytes);
            return;
        }
        let wanted = shared.plan.wanted(at);
        let byte = shared.coder.lanes().byte(Lane::Literal, wanted);
        self.automaton.step(byte);
        shared.out.push(byte);
    }
}

/// Writes the bytes of the new file that come from `origin`.
fn window<C: Coder>(shared: &mut Shared<'_, C>, origin: &Origin<'_>, piece: Piece) {
    shared.out.extend(origin.bytes);
    shared.targets.touch(origin.numbers);
    let mut done = 0;
    for (found, number) in origin.references.iter().zip(origin.numbers) {
        let start = found.start() - origin.start;
        amend(shared, Lane::Other, piece.at + done, start - done);
        let at = piece.at + start;
        reference(shared, found, *number as usize, (at, at - piece.start));
        done = start + found.kind.size();
    }
    amend(shared, Lane::Other, piece.at + done, origin.bytes.len() - done);
}

/// Makes bytes that are guessed right. Returns whether anything was wrong.
#[inline(always)]
fn amend<C: Coder>(shared: &mut Shared<'_, C>, lane: Lane, at: usize, length: usize) -> bool {
    let Shared { coder, out, plan, .. } = shared;
    let guess = out.tail_mut(at);
    let length = length.min(guess.len());
    coder.lanes().amend(lane, &mut guess[..length], plan.wanted_from(at))
}

/// Writes a field at `at`, where the old bytes stand, for where its target went.
#[inline(always)]
fn reference<C: Coder>(shared: &mut Shared<'_, C>, found: &Reference, number: usize, (at, into): (usize, usize)) {
    let (kind, size) = (found.kind, found.kind.size());
    let Some(guess) = hits::guess(shared, found, number, (at, into)) else {
        amend(shared, Lane::Field, at, size);
        return;
    };
    let old = word(shared.out.from(at));
    let Guess { place, value, .. } = &guess;
    let field = shared.out.tail_mut(at);
    let size = size.min(field.len());
    kind.write(found.shift, place.base, &mut field[..size], place.address, *value);
    let is_wrong = amend(shared, Lane::Field, at, size);
    let mut actual = *value;
    if is_wrong {
        let new = shared.out.from(at);
        let is_whole = if kind.is_leb() { is_leb_of(size, new) } else { (word(new) ^ old) & kind.opcode() == 0 };
        if !is_whole {
            // Something else stands here now.
            return;
        }
        actual = hits::actual(found, place, *value, new);
    }
    hits::learn(shared, found, number, &guess, actual, is_wrong);
}

/// A word of arm64 code; a branch or an ADRP with where it leads instead of how far.
fn arm64_word<C: Coder>(shared: &mut Shared<'_, C>, at: usize) {
    let address = shared.plan.new.address(at).unwrap_or(0);
    let wanted = turned(word(shared.plan.wanted_from(at)), address, true);
    let bytes = wanted.to_le_bytes().map(|byte| shared.coder.lanes().byte(Lane::Literal, byte));
    let code = turned(u32::from_le_bytes(bytes), address, false);
    shared.out.extend(&code.to_le_bytes());
}

/// A branch or an ADRP with where it leads from `address` on instead of how far, or the other way around.
fn turned(code: u32, address: u64, forth: bool) -> u32 {
    let moved = |value: u32, by: u64| {
        if forth { value.wrapping_add(by as u32) } else { value.wrapping_sub(by as u32) }
    };
    const BRANCH: u32 = 0x03ff_ffff;
    match code {
        _ if code & 0x7c00_0000 == 0x1400_0000 => code & !BRANCH | moved(code, address >> 2) & BRANCH,
        _ if code & 0x9f00_0000 == 0x9000_0000 => {
            let page = (code >> 5 & 0x7_ffff) << 2 | code >> 29 & 3;
            let page = moved(page, address >> 12);
            code & 0x9f00_001f | (page & 3) << 29 | (page >> 2 & 0x7_ffff) << 5
        }
        _ => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_was_turned_turns_back() {
        for code in [0x1400_0001, 0x97ff_fff0, 0x9000_0003, 0xf0ff_ffe5, 0xd503_201f, u32::MAX] {
            for address in [0u64, 0x10_0ffc, 0x1_0000_4abc, u64::MAX - 3] {
                assert_eq!(turned(turned(code, address, true), address, false), code, "{code:x} {address:x}");
            }
        }
    }
}
