//! The distinct addresses that references name, numbered.
//!
//! A bitmap over the range where nearly all of them lie, with the number of the first one of each
//! word beside it, as far as any are named there; a sorted list for the others.

use super::memory::{Budget, push, reserve};
use crate::CodecError;

/// Which of 64 addresses are named, in two halves, and how many are before them: 12 bytes, no gaps.
#[derive(Clone, Copy, Default)]
struct Word {
    named: [u32; 2],
    before: u32,
}

impl Word {
    #[inline(always)]
    fn named(self) -> u64 {
        u64::from(self.named[0]) | u64::from(self.named[1]) << 32
    }
}

/// Words that are there together, or not at all: those of 4,096 addresses.
const CHUNK: usize = 64;

pub(crate) struct Keys {
    low: u64,
    /// By chunk: 0 if nothing in it is named, else where its words end.
    chunks: Vec<u32>,
    words: Vec<Word>,
    near: usize,
    far: Vec<u64>,
}

/// Where an address is: its chunk, its word there, and its bit.
struct Place {
    chunk: usize,
    word: usize,
    bit: u64,
}

impl Keys {
    /// For a file of `size` bytes that is loaded from `low` to `high`.
    pub(crate) fn new((low, high): (u64, u64), size: usize, budget: &mut Budget) -> Result<Keys, CodecError> {
        let span = high.saturating_sub(low).min(8 * size as u64 + (1 << 20));
        let count = span / (64 * CHUNK as u64) + 1;
        budget.take(count * size_of::<u32>() as u64)?;
        Ok(Keys { low, chunks: vec![0; count as usize], words: Vec::new(), near: 0, far: Vec::new() })
    }

    #[inline(always)]
    fn place(&self, key: u64) -> Place {
        let place = key.wrapping_sub(self.low);
        let chunk = usize::try_from(place / (64 * CHUNK as u64)).unwrap_or(usize::MAX);
        Place { chunk, word: (place >> 6) as usize % CHUNK, bit: 1 << (place & 63) }
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, key: u64, budget: &mut Budget) -> Result<(), CodecError> {
        let Place { chunk, word, bit } = self.place(key);
        match self.chunks.get(chunk) {
            Some(0) => self.begin(chunk, budget)?,
            Some(_) => {}
            None if self.far.last() == Some(&key) => return Ok(()),
            None => return push(&mut self.far, key, budget),
        }
        let end = self.chunks[chunk] as usize;
        let word = &mut self.words[end - CHUNK + word];
        word.named[0] |= bit as u32;
        word.named[1] |= (bit >> 32) as u32;
        Ok(())
    }

    #[cold]
    fn begin(&mut self, chunk: usize, budget: &mut Budget) -> Result<(), CodecError> {
        reserve(&mut self.words, CHUNK, budget)?;
        self.words.resize(self.words.len() + CHUNK, Word::default());
        self.chunks[chunk] = self.words.len() as u32;
        Ok(())
    }

    /// Numbers what was added; from here on nothing is.
    pub(crate) fn seal(&mut self, budget: &mut Budget) {
        let mut count = 0;
        for end in self.chunks.iter().filter(|end| **end > 0) {
            for word in &mut self.words[*end as usize - CHUNK..*end as usize] {
                word.before = count;
                count += word.named().count_ones();
            }
        }
        self.near = count as usize;
        self.far.sort_unstable();
        self.far.dedup();
        let room = self.far.capacity() - self.far.len();
        self.far.shrink_to_fit();
        budget.give_back((room * size_of::<u64>()) as u64);
    }

    pub(crate) fn len(&self) -> usize {
        self.near + self.far.len()
    }

    #[inline(always)]
    pub(crate) fn find(&self, key: u64) -> Option<usize> {
        let Place { chunk, word, bit } = self.place(key);
        match self.chunks.get(chunk) {
            Some(end) => {
                let word = self.words.get((*end as usize).checked_sub(CHUNK)? + word)?;
                let named = word.named();
                (named & bit != 0).then(|| word.before as usize + (named & (bit - 1)).count_ones() as usize)
            }
            None => self.far.binary_search(&key).ok().map(|at| self.near + at),
        }
    }

    /// The address of this number, if it is far from the others.
    pub(crate) fn far(&self, number: usize) -> Option<u64> {
        self.far.get(number.checked_sub(self.near)?).copied()
    }

    /// All of them, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        let chunks = self.chunks.iter().enumerate().filter(|(_, end)| **end > 0);
        let words = chunks.flat_map(|(number, end)| {
            let words = &self.words[*end as usize - CHUNK..*end as usize];
            words.iter().enumerate().map(move |(word, named)| (CHUNK * number + word, named))
        });
        let near = words.flat_map(|(number, word)| {
            let (mut left, low) = (word.named(), self.low.wrapping_add(64 * number as u64));
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                let found = (left != 0).then(|| low.wrapping_add(u64::from(bit)));
                left &= left.wrapping_sub(1);
                found
            })
        });
        near.chain(self.far.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_near_and_far_are_numbered_in_order() {
        let mut budget = Budget::new(u64::MAX);
        let mut keys = Keys::new((0x1000, 0x2000), 10, &mut budget).expect("memory");
        let all = [0x1000, 0x1001, 0x103f, 0x1040, 0x1fff, 0x40_0000_0000, u64::MAX, 5];
        all.iter().chain(&all).for_each(|key| keys.add(*key, &mut budget).expect("memory"));
        keys.seal(&mut budget);
        assert_eq!(keys.len(), all.len());
        let listed: Vec<u64> = keys.iter().collect();
        for (number, key) in listed.iter().enumerate() {
            assert_eq!(keys.find(*key), Some(number), "{key:x}");
        }
        assert_eq!(keys.find(0x1002), None);
        assert_eq!(keys.find(0x50_0000_0000), None);
    }
}
