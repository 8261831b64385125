//! A set of numbers below a bound that finds the nearest member: a bit for each number, and above 64 bits
//! one that says whether any of them is set, up to a single word.

pub(crate) struct Nearest {
    /// The lowest level first; the last one is a word.
    levels: Vec<Vec<u64>>,
}

impl Nearest {
    /// An empty set of numbers below `bound`.
    pub(crate) fn new(bound: usize) -> Nearest {
        let mut levels = Vec::new();
        let mut count = bound;
        loop {
            count = count.div_ceil(64).max(1);
            levels.push(vec![0; count]);
            if count == 1 {
                return Nearest { levels };
            }
        }
    }

    /// Memory of such a set, in bytes.
    pub(crate) fn memory(bound: u64) -> u64 {
        // A 63rd of the lowest level is above it.
        bound / 8 + bound / 504 + 256
    }

    /// Adds a number; one that is too large is left out.
    pub(crate) fn insert(&mut self, mut number: usize) {
        for level in &mut self.levels {
            let Some(word) = level.get_mut(number / 64) else { return };
            *word |= 1 << (number % 64);
            number /= 64;
        }
    }

    /// The highest member up to `number`.
    pub(crate) fn at_most(&self, number: usize) -> Option<usize> {
        let mut at = number.saturating_add(1).min(64 * self.levels[0].len());
        for (height, level) in self.levels.iter().enumerate() {
            // Members of this word that are below `at`.
            let word = level.get(at / 64).copied().unwrap_or(0) & ((1 << (at % 64)) - 1);
            if word != 0 {
                let found = at / 64 * 64 + word.ilog2() as usize;
                return Some(self.descend(height, found, |word| word.ilog2()));
            }
            at /= 64;
        }
        None
    }

    /// The lowest member from `number` on.
    pub(crate) fn at_least(&self, number: usize) -> Option<usize> {
        let mut at = number;
        for (height, level) in self.levels.iter().enumerate() {
            let word = level.get(at / 64)? & (u64::MAX << (at % 64));
            if word != 0 {
                let found = at / 64 * 64 + word.trailing_zeros() as usize;
                return Some(self.descend(height, found, u64::trailing_zeros));
            }
            at = at / 64 + 1;
        }
        None
    }

    /// The member below `found`, which is one of the level at `height`.
    fn descend(&self, height: usize, mut found: usize, pick: impl Fn(u64) -> u32) -> usize {
        for level in self.levels[..height].iter().rev() {
            found = found * 64 + pick(level[found]) as usize;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_finds_what_a_sorted_set_finds(
            (bound, members, asked) in (1usize..300_000).prop_flat_map(|bound| {
                let numbers = || proptest::collection::vec(0..bound, 0..60);
                (Just(bound), numbers(), numbers())
            }),
        ) {
            let mut set = Nearest::new(bound);
            members.iter().for_each(|number| set.insert(*number));
            let sorted: BTreeSet<usize> = members.iter().copied().collect();
            for number in asked.iter().chain(&members).copied().chain([0, bound - 1]) {
                prop_assert_eq!(set.at_most(number), sorted.range(..=number).next_back().copied());
                prop_assert_eq!(set.at_least(number), sorted.range(number..).next().copied());
            }
            let bytes: usize = set.levels.iter().map(|level| 8 * level.len()).sum();
            prop_assert!(bytes as u64 <= Nearest::memory(bound as u64), "{} bytes for {}", bytes, bound);
        }
    }

    #[test]
    fn what_is_beyond_the_bound_is_neither_kept_nor_found() {
        let mut set = Nearest::new(100);
        set.insert(4096);
        assert_eq!((set.at_most(usize::MAX), set.at_most(5000), set.at_least(5000)), (None, None, None));
        set.insert(7);
        assert_eq!((set.at_most(5000), set.at_least(usize::MAX)), (Some(7), None));
    }
}
