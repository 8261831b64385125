//! What decoding takes in memory: counted by the encoder, held to by the decoder.

use crate::CodecError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a machine word takes: as on 64 bits everywhere, for a patch declares the same wherever it is made.
pub(crate) const WORD: usize = 8;

/// Memory that may still be taken.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    taken: u64,
    most: u64,
    /// What is taken of this one and of those that were split off.
    all: Arc<AtomicU64>,
    /// What was needed where nobody waited for an answer, and was not there.
    refused: Option<u64>,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Budget { limit, taken: 0, most: 0, all: Arc::default(), refused: None }
    }

    /// A budget for another thread, of the same memory.
    pub(crate) fn split(&self) -> Budget {
        Budget { all: Arc::clone(&self.all), ..Budget::new(self.limit) }
    }

    /// Takes over what was taken of one that was split off. The most of both counts as if it had been at the same time:
    /// that it is, nobody knows.
    pub(crate) fn join(&mut self, other: Budget) {
        self.taken += other.taken;
        self.most += other.most;
    }

    /// Takes `bytes`, before they are allocated.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), CodecError> {
        let needs = match bytes > self.limit {
            true => bytes,
            false => self.all.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes),
        };
        if needs > self.limit {
            return Err(CodecError::Memory { what: "patch", needs, limit: self.limit });
        }
        self.taken += bytes;
        self.most = self.most.max(self.taken);
        Ok(())
    }

    /// Takes `bytes` where nobody can wait for an answer; [`Budget::check`] gives it.
    pub(crate) fn note(&mut self, bytes: u64) {
        if let Err(CodecError::Memory { needs, .. }) = self.take(bytes) {
            self.refused = Some(needs);
        }
    }

    /// Whether everything that was taken was there.
    pub(crate) fn check(&self) -> Result<(), CodecError> {
        self.refused.map_or(Ok(()), |needs| Err(CodecError::Memory { what: "patch", needs, limit: self.limit }))
    }

    /// Gives back what was taken for `items`, which are dropped here.
    pub(crate) fn release<T>(&mut self, items: Vec<T>) {
        self.give_back(items.capacity() as u64 * size_of::<T>() as u64);
    }

    /// Gives back what was taken for what is dropped.
    pub(crate) fn give_back(&mut self, bytes: u64) {
        let bytes = bytes.min(self.taken);
        self.taken -= bytes;
        self.all.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// What is taken now.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Gives back everything that was taken since `taken` was as little.
    pub(crate) fn restore(&mut self, taken: u64) {
        self.give_back(self.taken.saturating_sub(taken));
    }

    /// The most that was taken at a time.
    #[cfg(feature = "encode")]
    pub(crate) fn most(&self) -> u64 {
        self.most
    }
}

/// Appends to a vector that grows by eighths, and never beyond what is declared.
pub(crate) fn push<T>(items: &mut Vec<T>, item: T, budget: &mut Budget) -> Result<(), CodecError> {
    reserve(items, 1, budget)?;
    items.push(item);
    Ok(())
}

/// Makes room for more items in such a vector.
#[inline(always)]
pub(crate) fn reserve<T>(items: &mut Vec<T>, more: usize, budget: &mut Budget) -> Result<(), CodecError> {
    if items.capacity() - items.len() < more { grow(items, more, budget) } else { Ok(()) }
}

#[cold]
fn grow<T>(items: &mut Vec<T>, more: usize, budget: &mut Budget) -> Result<(), CodecError> {
    let more = (items.len() / 8).max(64).max(more);
    let added = (items.len() + more - items.capacity()) as u64;
    budget.take(added.saturating_mul(size_of::<T>() as u64))?;
    items.reserve_exact(more);
    Ok(())
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;

    #[test]
    fn what_two_threads_take_is_limited_together_and_their_most_is_added() {
        let mut budget = Budget::new(100);
        budget.take(10).expect("10 of 100");
        let mut other = budget.split();
        other.take(70).expect("80 of 100");
        assert!(matches!(budget.take(30), Err(CodecError::Memory { needs: 110, limit: 100, .. })));
        assert!(budget.take(u64::MAX).is_err());
        let mut budget = Budget::new(100);
        let mut other = budget.split();
        budget.take(40).expect("40 of 100");
        budget.give_back(30);
        other.take(50).expect("60 of 100");
        other.give_back(20);
        budget.join(other);
        assert_eq!((budget.taken(), budget.most()), (40, 90));
        budget.note(60);
        budget.check().expect("100 of 100");
        budget.note(1);
        assert!(matches!(budget.check(), Err(CodecError::Memory { needs: 101, limit: 100, .. })));
    }
}
