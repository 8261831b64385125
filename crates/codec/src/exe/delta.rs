//! A reference of a table in a few bytes: what differs from those before.

use super::reference::Parts;

/// In the first byte of a reference, above its kind: its base is that of the one before; its target is told by
/// the second before, not the first; it has a scale.
const SAME_BASE: u8 = 0x20;
const BY_SECOND: u8 = 0x40;
const HAS_SHIFT: u8 = 0x80;

/// Most bytes of a reference: the first, its place, a scale, and two numbers of 44 bits with a sign.
pub(crate) const LONGEST: usize = 1 + 5 + 1 + 2 * 7;

/// What the next reference is told by.
#[derive(Clone, Copy, Default)]
pub(crate) struct State {
    last: Parts,
    second: u64,
}

impl State {
    pub(crate) fn next(&mut self, parts: Parts) {
        self.second = self.last.target;
        self.last = parts;
    }
}

pub(crate) fn put(bytes: &mut Vec<u8>, state: &State, parts: &Parts) {
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
    put_number(bytes, crate::number::zigzag(if is_by_second { by_second } else { by_first }));
    if head & SAME_BASE == 0 {
        put_number(bytes, crate::number::zigzag(parts.base.wrapping_sub(state.last.base) as i64));
    }
    if head & HAS_SHIFT != 0 {
        bytes.push(parts.shift);
    }
}

#[inline(always)]
pub(crate) fn take(bytes: &[u8], place: &mut usize, state: &State) -> Parts {
    let head = byte(bytes, place);
    let at = state.last.at.wrapping_add(number(bytes, place) as u32);
    let from = if head & BY_SECOND != 0 { state.second } else { state.last.target };
    let target = from.wrapping_add(crate::number::unzigzag(number(bytes, place)) as u64);
    let mut base = state.last.base;
    if head & SAME_BASE == 0 {
        base = base.wrapping_add(crate::number::unzigzag(number(bytes, place)) as u64);
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
