//! How far the lines of source files moved, as far as it is known.

use super::keys::Keys;
use super::memory::Budget;
use super::nearest::Nearest;
use super::targets::{BEFORE_LINES, LINES, NO_LINE};
use crate::CodecError;

/// Farther than this no line moves.
const REACH: u64 = 1 << 20;

pub(crate) struct Lines {
    /// The number of the first key that is a line.
    first: usize,
    /// By number, from the first on: how far it moved.
    shifts: Vec<i32>,
    /// Those that are known.
    known: Nearest,
}

impl Lines {
    /// Of all keys that are lines, none of them known.
    pub(crate) fn new(keys: &Keys, budget: &mut Budget) -> Result<Lines, CodecError> {
        let (first, end) = Lines::range(keys);
        let count = end - first;
        budget.take((count * size_of::<i32>()) as u64 + Nearest::memory(count as u64))?;
        Ok(Lines { first, shifts: vec![0; count], known: Nearest::new(count) })
    }

    /// Where they begin and end among the keys.
    fn range(keys: &Keys) -> (usize, usize) {
        let lines = keys.iter().enumerate().filter(|(_, key)| (LINES..BEFORE_LINES).contains(key));
        let ends = lines.fold(None, |ends: Option<(usize, usize)>, (number, _)| {
            Some((ends.map_or(number, |(first, _)| first), number + 1))
        });
        ends.unwrap_or_default()
    }

    /// How far the line of this number and key moved: as the nearest line of its file that is known.
    pub(crate) fn shift(&self, keys: &Keys, number: usize, key: u64) -> i64 {
        let Some(place) = number.checked_sub(self.first) else { return 0 };
        let is_of_file = |place: &usize| keys.far(self.first + place).is_some_and(|other| other >> 24 == key >> 24);
        let below = self.known.at_most(place).filter(is_of_file);
        let nearest = below.or_else(|| self.known.at_least(place).filter(is_of_file));
        nearest.and_then(|place| self.shifts.get(place)).map_or(0, |shift| i64::from(*shift))
    }

    /// Notes where the line of this number and key went.
    pub(crate) fn learn(&mut self, number: usize, key: u64, line: u64) {
        let shift = line.wrapping_sub(key & NO_LINE) as i64;
        if shift.unsigned_abs() < REACH
            && key & NO_LINE != NO_LINE
            && let Some(place) = number.checked_sub(self.first)
            && let Some(known) = self.shifts.get_mut(place)
        {
            *known = shift as i32;
            self.known.insert(place);
        }
    }
}
