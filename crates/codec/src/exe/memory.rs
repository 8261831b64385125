//! What decoding takes in memory: counted by the encoder, held to by the decoder.

use crate::CodecError;

/// Memory that may still be taken.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    taken: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Budget { limit, taken: 0 }
    }

    /// Takes `bytes`, before they are allocated.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), CodecError> {
        self.taken = self.taken.saturating_add(bytes);
        if self.taken > self.limit {
            return Err(CodecError::Memory { what: "patch", needs: self.taken, limit: self.limit });
        }
        Ok(())
    }

    /// Everything that was taken.
    #[cfg(feature = "encode")]
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }
}

/// Appends to a vector that grows by halves, and never beyond what is declared.
pub(crate) fn push<T>(items: &mut Vec<T>, item: T, budget: &mut Budget) -> Result<(), CodecError> {
    if items.len() == items.capacity() {
        let more = (items.len() / 2).max(64);
        budget.take((more as u64).saturating_mul(size_of::<T>() as u64))?;
        items.reserve_exact(more);
    }
    items.push(item);
    Ok(())
}
