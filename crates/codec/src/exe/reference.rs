//! A field of the old file that holds an address.

use super::field::{Kind, Use};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The address that it holds.
    pub(crate) target: u64,
    /// The address that the field is relative to, where that is not its own.
    pub(crate) base: u64,
    /// Its offset.
    pub(crate) at: u32,
    pub(crate) kind: Kind,
    /// A scale, or a distance to the end of an instruction.
    pub(crate) shift: i8,
    pub(crate) usage: Use,
    /// For [`Kind::InPage`]: how many words before it the page is.
    pub(crate) words: u8,
}

impl Reference {
    pub(crate) fn start(&self) -> usize {
        self.at as usize
    }

    pub(crate) fn end(&self) -> usize {
        self.at as usize + self.kind.size()
    }
}
