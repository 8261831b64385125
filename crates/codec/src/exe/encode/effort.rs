//! How hard the matcher looks for alignments, by level.

use crate::Level;

/// One pass over the new file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    /// Where the best alignment fits badly there is one at each byte, not only behind those that differ.
    pub(super) is_thorough: bool,
    /// Most alignments that are looked at together, and those that are kept when there are more.
    pub(super) most: usize,
    pub(super) kept: usize,
    /// After so many equal bytes alignments go that are not nearly as cheap as the best one, and after
    /// so many all others.
    pub(super) calm: u32,
    pub(super) calmer: u32,
}

const QUICK: Pass = Pass { is_thorough: false, most: 24, kept: 16, calm: 32, calmer: 128 };
const THOROUGH: Pass = Pass { is_thorough: true, most: MOST, kept: 32, calm: 64, calmer: 256 };

/// The highest number of alignments that any pass looks at together.
pub(super) const MOST: usize = 48;

/// Each on images with references as the matches before say.
pub(super) fn passes(level: Level) -> &'static [Pass] {
    match level {
        Level::Fast => &[QUICK],
        Level::Balanced => &[QUICK, QUICK, QUICK],
        Level::Small => &[THOROUGH; 3],
    }
}
