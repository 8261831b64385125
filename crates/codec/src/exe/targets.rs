//! Where the targets of references went: first what the map says, then what was seen.

use super::keys::Keys;
use super::layout::Layout;
use super::lines::Lines;
use super::map::Map;
use super::memory::Budget;
use crate::CodecError;
use std::collections::BTreeMap;
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
    /// A match holds it.
    pub(crate) is_held: bool,
    /// It was seen.
    pub(crate) is_known: bool,
}

pub(crate) struct Targets {
    keys: Arc<Keys>,
    /// By number: how far it moved, in 31 bits above one that says whether a match holds it.
    moved: Vec<i32>,
    /// By number, a bit each: whether it was seen.
    known: Vec<u32>,
    /// Of those that were seen and then went elsewhere: how far they moved before. All others moved as the map says.
    earlier: BTreeMap<u32, i32>,
    /// How far the lowest address moved.
    base: u64,
    lines: Lines,
}

/// Most of what an entry of `earlier` takes: in a node of 11 with 5 at least.
const EARLIER_MEMORY: u64 = 32;

/// Where the target `key` went by the map; lines of source files stay where they are.
pub(crate) fn went(key: u64, find: impl FnOnce(u64) -> (u64, bool)) -> (u64, bool) {
    match key {
        BEFORE_LINES => (u64::MAX, true),
        LINES..BEFORE_LINES => (key & NO_LINE, false),
        _ => find(key),
    }
}

impl Targets {
    pub(crate) fn new(
        keys: Arc<Keys>,
        map: &Map,
        (old, new): (&Layout, &Layout),
        budget: &mut Budget,
    ) -> Result<Targets, CodecError> {
        let count = keys.len();
        budget.take((count * size_of::<i32>() + count.div_ceil(32) * size_of::<u32>()) as u64)?;
        let mut targets = Targets {
            moved: Vec::with_capacity(count),
            known: vec![0; count.div_ceil(32)],
            earlier: BTreeMap::new(),
            base: new.range().0.wrapping_sub(old.range().0),
            lines: Lines::new(&keys, budget)?,
            keys,
        };
        let mut cursor = 0;
        for key in targets.keys.iter() {
            let (by, is_held) = targets.by(key, went(key, |key| map.find_next(key, &mut cursor)));
            targets.moved.push(by << 1 | i32::from(is_held));
        }
        for (from, to) in old.bases.iter().zip(&new.bases) {
            if let Some(number) = targets.keys.find(*from) {
                targets.learn(number, *from, *to, budget);
            }
        }
        Ok(targets)
    }

    /// How far a target moved that went to `value`; nothing, if that is too far.
    fn by(&self, key: u64, (value, is_held): (u64, bool)) -> (i32, bool) {
        (distance(value.wrapping_sub(home(key, self.base))).unwrap_or(0), is_held)
    }

    /// The number of a target; what is not known has none, and is never learned.
    #[inline(always)]
    pub(crate) fn number(&self, key: u64) -> usize {
        self.keys.find(key).unwrap_or(usize::MAX)
    }

    /// Looks at what is known of all these targets before any is needed: memory answers together.
    pub(crate) fn touch(&self, numbers: &[u32]) {
        let known = numbers.iter().filter_map(|number| self.moved.get(*number as usize));
        std::hint::black_box(known.fold(0, |all, moved| all | moved));
    }

    #[inline(always)]
    pub(crate) fn target(&self, number: usize, key: u64) -> Target {
        let Some(moved) = self.moved.get(number) else {
            return Target { value: key, is_held: false, is_known: false };
        };
        Target { value: self.at(key, moved >> 1), is_held: moved & 1 == 1, is_known: self.is_known(number) }
    }

    fn at(&self, key: u64, by: i32) -> u64 {
        home(key, self.base).wrapping_add(i64::from(by) as u64)
    }

    #[inline(always)]
    fn is_known(&self, number: usize) -> bool {
        self.known.get(number / 32).is_some_and(|known| known >> (number % 32) & 1 == 1)
    }

    /// Where it was thought to have gone before.
    pub(crate) fn before(&self, number: usize, key: u64, map: &Map) -> u64 {
        let Some(moved) = self.moved.get(number) else { return key };
        if !self.is_known(number) {
            return self.at(key, moved >> 1);
        }
        let earlier = u32::try_from(number).ok().and_then(|number| self.earlier.get(&number));
        self.at(key, earlier.copied().unwrap_or_else(|| self.by(key, went(key, |key| map.find(key))).0))
    }

    /// Notes where the target of this number, which is `key`, went; farther than a gigabyte nothing does.
    #[inline(always)]
    pub(crate) fn learn(&mut self, number: usize, key: u64, value: u64, budget: &mut Budget) {
        let home = home(key, self.base);
        let is_known = self.is_known(number);
        if let (Some(moved), Some(by)) = (self.moved.get_mut(number), distance(value.wrapping_sub(home))) {
            if *moved >> 1 != by {
                if is_known && self.earlier.insert(number as u32, *moved >> 1).is_none() {
                    budget.note(EARLIER_MEMORY);
                }
                *moved = by << 1 | *moved & 1;
            }
            self.known[number / 32] |= 1 << (number % 32);
        }
    }

    /// How far a line moved, as far as it is known.
    pub(crate) fn line_shift(&self, number: usize, key: u64) -> i64 {
        self.lines.shift(&self.keys, number, key)
    }

    /// Notes where a line went.
    pub(crate) fn learn_line(&mut self, number: usize, key: u64, line: u64, budget: &mut Budget) {
        self.learn(number, key, line, budget);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_thought_before_is_what_the_map_says_or_what_was_seen_last() {
        let (layout, mut budget) = (Layout::default(), Budget::new(u64::MAX));
        let map = Map::new(&[], &layout, &layout);
        let mut keys = Keys::new((0, 0x2000), 0x2000, &mut budget).expect("memory");
        [0x1000, 0x1800].iter().for_each(|key| keys.add(*key, &mut budget).expect("memory"));
        keys.seal(&mut budget);
        let mut targets = Targets::new(Arc::new(keys), &map, (&layout, &layout), &mut budget).expect("memory");
        let (number, taken) = (targets.number(0x1800), budget.taken());
        let mut seen = |value| {
            targets.learn(number, 0x1800, value, &mut budget);
            let target = targets.target(number, 0x1800);
            assert!(target.is_known && target.value == value);
            (targets.before(number, 0x1800, &map), budget.taken() - taken)
        };
        assert_eq!(seen(0x1800), (0x1800, 0));
        assert_eq!(seen(0x1900), (0x1800, EARLIER_MEMORY));
        assert_eq!(seen(0x1a00), (0x1900, EARLIER_MEMORY));
        assert_eq!(seen(0x1a00), (0x1900, EARLIER_MEMORY));
        let other = targets.number(0x1000);
        assert!(!targets.target(other, 0x1000).is_known);
        targets.learn(other, 0x1000, 0x1100, &mut budget);
        assert_eq!((targets.before(other, 0x1000, &map), budget.taken() - taken), (0x1000, EARLIER_MEMORY));
    }
}
