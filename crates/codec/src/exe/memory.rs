//! What decoding takes in memory: counted by the encoder, held to by the decoder.

use crate::CodecError;

/// What a machine word takes: as on 64 bits everywhere, for a patch declares the same wherever it is made.
pub(crate) const WORD: usize = 8;

/// Memory that may still be taken.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    taken: u64,
    most: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Budget { limit, taken: 0, most: 0 }
    }

    /// Takes `bytes`, before they are allocated.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), CodecError> {
        self.taken = self.taken.saturating_add(bytes);
        self.most = self.most.max(self.taken);
        if self.taken > self.limit {
            return Err(CodecError::Memory { what: "patch", needs: self.taken, limit: self.limit });
        }
        Ok(())
    }

    /// Takes `bytes` where nobody can wait for an answer; [`Budget::check`] gives it.
    pub(crate) fn note(&mut self, bytes: u64) {
        let _ = self.take(bytes);
    }

    /// Whether everything that was taken was there.
    pub(crate) fn check(&self) -> Result<(), CodecError> {
        if self.most > self.limit {
            return Err(CodecError::Memory { what: "patch", needs: self.most, limit: self.limit });
        }
        Ok(())
    }

    /// Gives back what was taken for `items`, which are dropped here.
    pub(crate) fn release<T>(&mut self, items: Vec<T>) {
        self.taken = self.taken.saturating_sub(items.capacity() as u64 * size_of::<T>() as u64);
    }

    /// Gives back what was taken for what is dropped.
    pub(crate) fn give_back(&mut self, bytes: u64) {
        self.taken = self.taken.saturating_sub(bytes);
    }

    /// What is taken now.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Gives back everything that was taken since `taken` was as little.
    pub(crate) fn restore(&mut self, taken: u64) {
        self.taken = self.taken.min(taken);
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
