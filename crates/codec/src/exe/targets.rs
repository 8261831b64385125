//! Where the targets of references went: first what the map says, then what was seen.

use super::keys::Keys;
use super::layout::Layout;
use super::map::Map;
use super::memory::Budget;
use super::rank::Ranks;
use crate::CodecError;
use std::collections::BTreeMap;

/// Targets that are lines of source files have this bit, the file from bit 24 on, and the line
/// below.
pub(crate) const LINES: u64 = 1 << 62;

/// What the first difference of lines is relative to: line -1.
pub(crate) const BEFORE_LINES: u64 = 1 << 63;

/// A line that is not known.
pub(crate) const NO_LINE: u64 = 0xff_ffff;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Where it went.
    pub(crate) value: u64,
    /// What `value` was before.
    pub(crate) before: u64,
    /// A match holds it.
    pub(crate) is_held: bool,
    /// It was seen.
    pub(crate) is_known: bool,
}

pub(crate) struct Targets {
    keys: Keys,
    targets: Vec<Target>,
    /// How far the lines of source files moved, as far as it is known.
    lines: BTreeMap<u64, i64>,
}

/// How likely targets are in code that is new.
pub(crate) struct Popular {
    pub(crate) calls: Ranks,
    pub(crate) data: Ranks,
}

impl Targets {
    pub(crate) fn new(
        keys: Keys,
        uses: &[[u32; 2]],
        map: &Map,
        (old, new): (&Layout, &Layout),
        pages: bool,
        budget: &mut Budget,
    ) -> Result<(Targets, Popular), CodecError> {
        let (mut calls, mut data) = (Vec::new(), Vec::new());
        let used = |which: usize| uses.iter().filter(|uses| uses[which] > 0).count() as u64;
        // An address, a count, and up to two nodes of 4 counters each.
        budget.take(keys.len() as u64 * size_of::<Target>() as u64 + (used(0) + used(1)) * 40)?;
        // A place among the lines that are known.
        let lines = keys.iter().filter(|key| (LINES..BEFORE_LINES).contains(key)).count() as u64;
        budget.take(lines * 32)?;
        let mut targets = Vec::with_capacity(keys.len());
        let mut cursor = 0;
        for (key, uses) in keys.iter().zip(uses) {
            let (value, is_held) = match key {
                BEFORE_LINES => (u64::MAX, true),
                LINES..BEFORE_LINES => (key & NO_LINE, false),
                _ => map.find_next(key, &mut cursor),
            };
            if uses[0] > 0 {
                calls.push((value, uses[0]));
            }
            if uses[1] > 0 {
                data.push((if pages { value & !0xfff } else { value }, uses[1]));
            }
            targets.push(Target { value, before: value, is_held, is_known: false });
        }
        let mut targets = Targets { keys, targets, lines: BTreeMap::new() };
        for (from, to) in old.bases.iter().zip(&new.bases) {
            if let Some(number) = targets.keys.find(*from) {
                targets.learn(number, *to);
            }
        }
        Ok((targets, Popular { calls: Ranks::new(calls), data: Ranks::new(data) }))
    }

    /// The number of a target; what is not known has none, and is never learned.
    #[inline(always)]
    pub(crate) fn number(&self, key: u64) -> usize {
        self.keys.find(key).unwrap_or(usize::MAX)
    }

    #[inline(always)]
    pub(crate) fn target(&self, number: usize, key: u64) -> Target {
        let unknown = Target { value: key, before: key, is_held: false, is_known: false };
        self.targets.get(number).copied().unwrap_or(unknown)
    }

    #[inline(always)]
    pub(crate) fn learn(&mut self, number: usize, value: u64) {
        if let Some(target) = self.targets.get_mut(number) {
            if target.value != value {
                target.before = target.value;
                target.value = value;
            }
            target.is_known = true;
        }
    }

    /// How far a line of this key moved: as the nearest line of its file that is known.
    pub(crate) fn line_shift(&self, key: u64) -> i64 {
        let same_file = |other: &u64| other >> 24 == key >> 24;
        let below = self.lines.range(..=key).next_back().filter(|(other, _)| same_file(other));
        let above = || self.lines.range(key..).next().filter(|(other, _)| same_file(other));
        below.or_else(above).map_or(0, |(_, shift)| *shift)
    }

    /// Notes where a line went.
    pub(crate) fn learn_line(&mut self, key: u64, line: u64) {
        let shift = line.wrapping_sub(key & NO_LINE) as i64;
        if shift.unsigned_abs() < 1 << 20 && key & NO_LINE != NO_LINE {
            self.lines.insert(key, shift);
        }
    }
}
