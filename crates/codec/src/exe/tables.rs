//! The references of tables and data, ascending, in a few bytes each: what differs from those before. They
//! are read from any place on, since each block of them begins anew.

use super::memory::{Budget, reserve};
use super::reference::{Packed, Parts, Reference};
use crate::CodecError;

/// References of a block.
const BLOCK: usize = 32;

/// In the first byte of a reference, above its kind: its base is that of the one before; its target is told by
/// the second before, not the first; it has a scale.
const SAME_BASE: u8 = 0x20;
const BY_SECOND: u8 = 0x40;
const HAS_SHIFT: u8 = 0x80;

/// Most bytes of a reference: the first, its place, a scale, and two numbers of 44 bits with a sign.
const LONGEST: usize = 1 + 5 + 1 + 2 * 7;

#[derive(Default)]
pub(crate) struct Tables {
    blocks: Vec<Block>,
    bytes: Vec<u8>,
    count: usize,
    /// The lowest address.
    low: u64,
}

/// Where its first reference is in the file, and where its bytes are.
#[derive(Clone, Copy)]
struct Block {
    start: u32,
    place: u32,
}

/// What the next reference is told by.
#[derive(Clone, Copy, Default)]
struct State {
    last: Parts,
    second: u64,
}

impl State {
    fn next(&mut self, parts: Parts) {
        self.second = self.last.target;
        self.last = parts;
    }
}

impl Tables {
    /// Of references that are ascending.
    pub(crate) fn new(found: &[Packed], low: u64, budget: &mut Budget) -> Result<Tables, CodecError> {
        let mut tables = Tables { blocks: Vec::new(), bytes: Vec::new(), count: found.len(), low };
        let mut state = State::default();
        for (number, parts) in found.iter().map(|found| found.parts()).enumerate() {
            reserve(&mut tables.bytes, LONGEST, budget)?;
            if number.is_multiple_of(BLOCK) {
                reserve(&mut tables.blocks, 1, budget)?;
                tables.blocks.push(Block { start: parts.at, place: tables.bytes.len() as u32 });
                state = State::default();
            }
            put(&mut tables.bytes, &state, &parts);
            state.next(parts);
        }
        Ok(tables)
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
            let parts = take(&self.bytes, &mut cursor.place, &cursor.state);
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

fn put(bytes: &mut Vec<u8>, state: &State, parts: &Parts) {
    let by_first = parts.target.wrapping_sub(state.last.target) as i64;
    let by_second = parts.target.wrapping_sub(state.second) as i64;
    let is_by_second = by_second.unsigned_abs() < by_first.unsigned_abs();
    let mut head = parts.kind;
    for (flag, is_set) in
        [(SAME_BASE, parts.base == state.last.base), (BY_SECOND, is_by_second), (HAS_SHIFT, parts.shift != 0)]
    {
        head |= if is_set { flag } else { 0 };
    }
    bytes.push(head);
    put_number(bytes, u64::from(parts.at.wrapping_sub(state.last.at)));
    put_number(bytes, super::bit::zigzag(if is_by_second { by_second } else { by_first }));
    if head & SAME_BASE == 0 {
        put_number(bytes, super::bit::zigzag(parts.base.wrapping_sub(state.last.base) as i64));
    }
    if head & HAS_SHIFT != 0 {
        bytes.push(parts.shift);
    }
}

#[inline(always)]
fn take(bytes: &[u8], place: &mut usize, state: &State) -> Parts {
    let head = byte(bytes, place);
    let at = state.last.at.wrapping_add(number(bytes, place) as u32);
    let from = if head & BY_SECOND != 0 { state.second } else { state.last.target };
    let target = from.wrapping_add(super::bit::unzigzag(number(bytes, place)) as u64);
    let mut base = state.last.base;
    if head & SAME_BASE == 0 {
        base = base.wrapping_add(super::bit::unzigzag(number(bytes, place)) as u64);
    }
    let shift = if head & HAS_SHIFT != 0 { byte(bytes, place) } else { 0 };
    Parts { at, kind: head & (SAME_BASE - 1), target, base, shift }
}

fn put_number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[inline(always)]
fn byte(bytes: &[u8], place: &mut usize) -> u8 {
    let byte = bytes.get(*place).copied().unwrap_or(0);
    *place += 1;
    byte
}

#[inline(always)]
fn number(bytes: &[u8], place: &mut usize) -> u64 {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = byte(bytes, place);
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
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
        let tables = Tables::new(&packed, 0x40_0000, &mut budget).expect("memory");
        assert!(tables.bytes.len() < 9 * all.len(), "{} bytes", tables.bytes.len());
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
