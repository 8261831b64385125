//! A stretch of the new file as the models of copying get it: the bytes of gaps, and pieces of the old
//! file, each with all that can be told of it without them.

use super::hole::Hole;
use super::memory::WORD;
use super::reference::Reference;
use super::window::WINDOW;

/// A batch is full when it has so many bytes, items, or references.
const BYTES: usize = 16 << 10;
const ITEMS: usize = 2 << 10;
const REFERENCES: usize = 4 << 10;

/// Most bytes and references of a batch: the last item may be a whole window, and a reference may have but one byte.
const MOST: usize = BYTES + WINDOW;
const MOST_REFERENCES: usize = REFERENCES + WINDOW;

/// Memory of a batch.
pub(crate) const BATCH_MEMORY: u64 = (MOST * 2
    + MOST_REFERENCES * (size_of::<Reference>() + size_of::<u32>())
    + MOST / 4 * size_of::<Hole>()
    + ITEMS * ITEM) as u64;

const ITEM: usize = 4 * WORD;
const _: () = assert!(size_of::<Item>() <= ITEM);

/// What is next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item {
    /// Bytes that no match holds, and how many references among them are still to be told.
    Gap { length: usize, holes: usize },
    /// Bytes of the old file from `from` on, with so many references.
    Copy { from: usize, length: usize, references: usize },
}

/// Bytes of the old file that a match holds.
pub(crate) struct Origin<'b> {
    pub(crate) start: usize,
    pub(crate) bytes: &'b [u8],
    /// What each of them is.
    pub(crate) classes: &'b [u8],
    /// Those that lie wholly inside, ascending and disjoint, and the numbers of their targets.
    pub(crate) references: &'b [Reference],
    pub(crate) numbers: &'b [u32],
}

#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) items: Vec<Item>,
    /// Of all items, one behind the other.
    pub(crate) bytes: Vec<u8>,
    pub(crate) classes: Vec<u8>,
    pub(crate) references: Vec<Reference>,
    pub(crate) numbers: Vec<u32>,
    pub(crate) holes: Vec<Hole>,
    /// Up to where it was read.
    at: Place,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    item: usize,
    byte: usize,
    reference: usize,
    hole: usize,
}

impl Batch {
    /// Makes it empty.
    pub(crate) fn begin(&mut self) {
        if self.bytes.capacity() == 0 {
            self.items = Vec::with_capacity(ITEMS);
            self.bytes = Vec::with_capacity(MOST);
            self.classes = Vec::with_capacity(MOST);
            self.references = Vec::with_capacity(MOST_REFERENCES);
            self.numbers = Vec::with_capacity(MOST_REFERENCES);
            self.holes = Vec::with_capacity(MOST / 4);
        }
        self.items.clear();
        self.bytes.clear();
        self.references.clear();
        self.numbers.clear();
        self.holes.clear();
        self.classes.clear();
        self.at = Place::default();
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= BYTES || self.items.len() >= ITEMS || self.references.len() >= REFERENCES
    }

    /// The next item.
    pub(crate) fn next(&mut self) -> Option<Item> {
        let item = self.items.get(self.at.item).copied()?;
        self.at.item += 1;
        Some(item)
    }

    /// The bytes of a gap that is next, and what is missing in it.
    pub(crate) fn gap(&mut self, length: usize, holes: usize) -> (&[u8], &[Hole]) {
        let Place { byte, hole, .. } = self.at;
        (self.at.byte, self.at.hole) = (byte + length, hole + holes);
        (part(&self.bytes, byte, length), part(&self.holes, hole, holes))
    }

    /// What is copied next.
    pub(crate) fn origin(&mut self, start: usize, length: usize, references: usize) -> Origin<'_> {
        let Place { byte, reference, .. } = self.at;
        (self.at.byte, self.at.reference) = (byte + length, reference + references);
        Origin {
            start,
            bytes: part(&self.bytes, byte, length),
            classes: part(&self.classes, byte, length),
            references: part(&self.references, reference, references),
            numbers: part(&self.numbers, reference, references),
        }
    }
}

fn part<T>(items: &[T], from: usize, length: usize) -> &[T] {
    items.get(from..from + length).unwrap_or_default()
}
