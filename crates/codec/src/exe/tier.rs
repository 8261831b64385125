//! How much the models know: which of the contexts they use, and the sizes of their tables.

/// Contexts of literals.
pub(crate) const LITERAL: [usize; 5] = [0, 1, 2, 4, 5];
pub(crate) const LITERAL_WIDTH: u32 = 13;

/// Contexts of the flag of a unit.
pub(crate) const UNIT: [usize; 4] = [0, 1, 3, 4];

/// Contexts of the flag of a reference.
pub(crate) const HIT: [usize; 2] = [1, 2];

/// Counters for each context of a flag.
pub(crate) const FLAG_WIDTH: u32 = 12;

/// Contexts of a byte that is not what the old one was.
pub(crate) const VALUE: [usize; 4] = [0, 1, 2, 3];
pub(crate) const VALUE_WIDTH: u32 = 12;

/// Where in a unit such a byte is.
pub(crate) const PLACE_WIDTH: u32 = 10;

/// Substitutions that are remembered.
pub(crate) const SUBSTITUTIONS: u32 = 12;

/// Shifts of the stack that are remembered.
pub(crate) const SHIFTS: usize = 16;
