//! How much the models know: how many contexts they use, and the sizes of their tables.

use super::bit::Bit;
use super::coder::Coder;
use crate::Level;

/// Codes the level: for most patches it takes less than a bit.
pub(crate) fn code<C: Coder>(coder: &mut C, level: Level) -> Level {
    let mut is_balanced = Bit::counted(0, 3);
    if is_balanced.code(coder, level == Level::Balanced, 60) {
        return Level::Balanced;
    }
    if Bit::EVEN.clone().code(coder, level == Level::Small, 60) { Level::Small } else { Level::Fast }
}

/// Sizes of tables, as powers of two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tier {
    /// Lines for each context of a literal.
    pub(crate) literals: u32,
    /// Counters for each context of a flag.
    pub(crate) flags: u32,
    /// Lines for each context of a byte that is not what the old one was.
    pub(crate) values: u32,
    /// Lines for each context of where in a unit such a byte is.
    pub(crate) places: u32,
    /// Substitutions that are remembered.
    pub(crate) substitutions: u32,
}

impl Tier {
    pub(crate) fn of(level: Level) -> Tier {
        match level {
            Level::Small => Tier { literals: 15, flags: 13, values: 14, places: 12, substitutions: 12 },
            _ => Tier { literals: 12, flags: 12, values: 11, places: 10, substitutions: 12 },
        }
    }

    /// Memory that the tables take.
    pub(crate) fn memory(&self) -> u64 {
        let lines = (LITERAL << self.literals) + (VALUE << self.values) + (PLACES << self.places);
        let counters = (UNIT + HIT) << self.flags;
        (32 * lines + 4 * counters + (8 << self.substitutions)) as u64
    }
}

/// Contexts of literals.
pub(crate) const LITERAL: usize = 4;

/// Contexts of the flag of a unit.
pub(crate) const UNIT: usize = 2;

/// Contexts of the flag of a reference.
pub(crate) const HIT: usize = 2;

/// Contexts of a byte that is not what the old one was.
pub(crate) const VALUE: usize = 3;

/// Contexts of where in a unit such a byte is.
pub(crate) const PLACES: usize = 2;

/// Shifts of the stack that are remembered.
pub(crate) const SHIFTS: usize = 16;
