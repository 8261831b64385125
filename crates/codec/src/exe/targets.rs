//! Where the targets of references went: first what the map says, then what was seen.

use super::keys::Keys;
use super::layout::Layout;
use super::lines::Lines;
use super::map::Map;
use super::memory::Budget;
use super::rank::Ranks;
use crate::CodecError;
use std::sync::Arc;

/// Targets that are lines of source files have this bit, the file from bit 24 on, and the line
/// below.
pub(crate) const LINES: u64 = 1 << 62;

/// What the first difference of lines is relative to: line -1.
pub(crate) const BEFORE_LINES: u64 = 1 << 63;

/// A line that is not known.
pub(crate) const NO_LINE: u64 = 0xff_ffff;

/// Where a target went.
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

/// How far a target moved and what was thought of it before, in 31 bits each, above a bit that says whether
/// a match holds it, and one that says whether it was seen.
#[derive(Clone, Copy)]
struct Moved {
    by: i32,
    before: i32,
}

pub(crate) struct Targets {
    keys: Arc<Keys>,
    moved: Vec<Moved>,
    /// How far the lowest address moved.
    base: u64,
    lines: Lines,
}

/// How likely targets are in code that is new.
pub(crate) struct Popular {
    pub(crate) calls: Ranks,
    pub(crate) data: Ranks,
}

impl Targets {
    pub(crate) fn new(
        keys: Arc<Keys>,
        uses: &[[u16; 2]],
        map: &Map,
        (old, new): (&Layout, &Layout),
        pages: bool,
        budget: &mut Budget,
    ) -> Result<(Targets, Popular), CodecError> {
        let used = |which: usize| uses.iter().filter(|uses| uses[which] > 0).count();
        let (mut calls, mut data) = (Vec::with_capacity(used(0)), Vec::with_capacity(used(1)));
        let (kept, dropped) = Ranks::memory(used(0) as u64 + used(1) as u64);
        budget.take(keys.len() as u64 * size_of::<Moved>() as u64 + kept + dropped)?;
        let low = new.range().0;
        let mut targets = Targets {
            moved: Vec::with_capacity(keys.len()),
            base: low.wrapping_sub(old.range().0),
            lines: Lines::new(&keys, budget)?,
            keys,
        };
        let mut cursor = 0;
        for (key, uses) in targets.keys.iter().zip(uses) {
            let (value, is_held) = match key {
                BEFORE_LINES => (u64::MAX, true),
                LINES..BEFORE_LINES => (key & NO_LINE, false),
                _ => map.find_next(key, &mut cursor),
            };
            let place = |value: u64| u32::try_from(value.wrapping_sub(low)).ok();
            if let (1.., Some(value)) = (uses[0], place(value)) {
                calls.push((value, uses[0].into()));
            }
            if let (1.., Some(value)) = (uses[1], place(if pages { value & !0xfff } else { value })) {
                data.push((value, uses[1].into()));
            }
            let by = distance(value.wrapping_sub(home(key, targets.base))).unwrap_or(0);
            targets.moved.push(Moved { by: by << 1 | i32::from(is_held), before: by << 1 });
        }
        for (from, to) in old.bases.iter().zip(&new.bases) {
            if let Some(number) = targets.keys.find(*from) {
                targets.learn(number, *from, *to);
            }
        }
        budget.give_back(dropped);
        Ok((targets, Popular { calls: Ranks::new(calls, low), data: Ranks::new(data, low) }))
    }

    /// The number of a target; what is not known has none, and is never learned.
    #[inline(always)]
    pub(crate) fn number(&self, key: u64) -> usize {
        self.keys.find(key).unwrap_or(usize::MAX)
    }

    /// Looks at what is known of all these targets before any is needed: memory answers together.
    pub(crate) fn touch(&self, numbers: &[u32]) {
        let known = numbers.iter().filter_map(|number| self.moved.get(*number as usize));
        std::hint::black_box(known.fold(0, |all, moved| all | moved.by));
    }

    #[inline(always)]
    pub(crate) fn target(&self, number: usize, key: u64) -> Target {
        let Some(moved) = self.moved.get(number) else {
            return Target { value: key, before: key, is_held: false, is_known: false };
        };
        let home = home(key, self.base);
        let at = |by: i32| home.wrapping_add(i64::from(by >> 1) as u64);
        let (is_held, is_known) = (moved.by & 1 == 1, moved.before & 1 == 1);
        Target { value: at(moved.by), before: at(moved.before), is_held, is_known }
    }

    /// Notes where the target of this number, which is `key`, went; farther than a gigabyte nothing does.
    #[inline(always)]
    pub(crate) fn learn(&mut self, number: usize, key: u64, value: u64) {
        let home = home(key, self.base);
        if let (Some(moved), Some(by)) = (self.moved.get_mut(number), distance(value.wrapping_sub(home))) {
            if moved.by >> 1 != by {
                *moved = Moved { by: by << 1 | moved.by & 1, before: moved.by };
            }
            moved.before |= 1;
        }
    }

    /// How far a line moved, as far as it is known.
    pub(crate) fn line_shift(&self, number: usize, key: u64) -> i64 {
        self.lines.shift(&self.keys, number, key)
    }

    /// Notes where a line went.
    pub(crate) fn learn_line(&mut self, number: usize, key: u64, line: u64) {
        self.learn(number, key, line);
        self.lines.learn(number, key, line);
    }
}

/// What the distance of a target is relative to.
#[inline(always)]
fn home(key: u64, base: u64) -> u64 {
    match key {
        BEFORE_LINES => u64::MAX,
        LINES..BEFORE_LINES => key & NO_LINE,
        _ => key.wrapping_add(base),
    }
}

/// A distance of at most 31 bits.
#[inline(always)]
fn distance(by: u64) -> Option<i32> {
    const REACH: i64 = 1 << 30;
    let by = by as i64;
    (-REACH..REACH).contains(&by).then_some(by as i32)
}
