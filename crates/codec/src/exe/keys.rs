//! The distinct addresses that references name, numbered.
//!
//! A bitmap over the range where nearly all of them lie, with the number of the first one of each
//! block beside it, as far as any are named there; a sorted list for the others.

use super::memory::{Budget, push, reserve};
use crate::CodecError;

/// Addresses of a block.
const BLOCK: usize = 256;

/// Which of the addresses of a block are named, and how many are before them: 36 bytes, no gaps.
#[derive(Clone, Copy, Default)]
struct Block {
    named: [u32; BLOCK / 32],
    before: u32,
}

impl Block {
    /// How many are named below the address of this number, if that is named.
    #[inline(always)]
    fn rank(&self, number: usize) -> Option<usize> {
        let (word, bit) = (number / 32, 1 << (number % 32));
        let named = *self.named.get(word)?;
        let below = self.named.iter().take(word).map(|named| named.count_ones()).sum::<u32>();
        (named & bit != 0).then(|| (self.before + below + (named & (bit - 1)).count_ones()) as usize)
    }
}

/// Blocks that are there together, or not at all: those of 4,096 addresses.
const CHUNK: usize = 16;

pub(crate) struct Keys {
    low: u64,
    /// By chunk: 0 if nothing in it is named, else where its blocks end.
    chunks: Vec<u32>,
    blocks: Vec<Block>,
    near: usize,
    far: Vec<u64>,
}

/// Where an address is: its chunk, its block there, and its number in that.
struct Place {
    chunk: usize,
    block: usize,
    number: usize,
}

impl Keys {
    /// For a file of `size` bytes that is loaded from `low` to `high`.
    pub(crate) fn new((low, high): (u64, u64), size: usize, budget: &mut Budget) -> Result<Keys, CodecError> {
        let span = high.saturating_sub(low).min(8 * size as u64 + (1 << 20));
        let count = span / ((BLOCK * CHUNK) as u64) + 1;
        budget.take(count * size_of::<u32>() as u64)?;
        Ok(Keys { low, chunks: vec![0; count as usize], blocks: Vec::new(), near: 0, far: Vec::new() })
    }

    #[inline(always)]
    fn place(&self, key: u64) -> Place {
        let place = key.wrapping_sub(self.low);
        let chunk = usize::try_from(place / ((BLOCK * CHUNK) as u64)).unwrap_or(usize::MAX);
        let within = (place % (BLOCK * CHUNK) as u64) as usize;
        Place { chunk, block: within / BLOCK, number: within % BLOCK }
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, key: u64, budget: &mut Budget) -> Result<(), CodecError> {
        let Place { chunk, block, number } = self.place(key);
        match self.chunks.get(chunk) {
            Some(0) => self.begin(chunk, budget)?,
            Some(_) => {}
            None if self.far.last() == Some(&key) => return Ok(()),
            None => return push(&mut self.far, key, budget),
        }
        let end = self.chunks[chunk] as usize;
        self.blocks[end - CHUNK + block].named[number / 32] |= 1 << (number % 32);
        Ok(())
    }

    #[cold]
    fn begin(&mut self, chunk: usize, budget: &mut Budget) -> Result<(), CodecError> {
        reserve(&mut self.blocks, CHUNK, budget)?;
        self.blocks.resize(self.blocks.len() + CHUNK, Block::default());
        self.chunks[chunk] = self.blocks.len() as u32;
        Ok(())
    }

    /// Numbers what was added; from here on nothing is.
    pub(crate) fn seal(&mut self, budget: &mut Budget) {
        let mut count = 0;
        for end in self.chunks.iter().filter(|end| **end > 0) {
            for block in &mut self.blocks[*end as usize - CHUNK..*end as usize] {
                block.before = count;
                count += block.named.iter().map(|named| named.count_ones()).sum::<u32>();
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
        let Place { chunk, block, number } = self.place(key);
        match self.chunks.get(chunk) {
            Some(end) => self.blocks.get((*end as usize).checked_sub(CHUNK)? + block)?.rank(number),
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
            let blocks = &self.blocks[*end as usize - CHUNK..*end as usize];
            let first = (number * CHUNK * BLOCK / 32) as u64;
            (first..).zip(blocks.iter().flat_map(|block| block.named))
        });
        let near = words.flat_map(|(number, named)| {
            let (mut left, low) = (named, self.low.wrapping_add(32 * number));
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
