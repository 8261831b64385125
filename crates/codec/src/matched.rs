//! What two files have in common, piece by piece.

/// A piece of the new file that is like one of the old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) old: u32,
    pub(crate) new: u32,
    pub(crate) length: u32,
}

impl Match {
    pub(crate) fn old_end(&self) -> usize {
        self.old as usize + self.length as usize
    }

    pub(crate) fn new_end(&self) -> usize {
        self.new as usize + self.length as usize
    }
}
