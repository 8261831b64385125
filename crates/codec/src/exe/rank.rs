//! A model of addresses that are known: each by its rank among them, the bits of the rank from
//! the highest, each with a counter that starts at how often those behind it were used before.

use super::bit::{Bit, tree};
use super::coder::Coder;

const LIMIT: u32 = 250;

pub(crate) struct Ranks {
    /// Ascending, relative to `low`.
    addresses: Vec<u32>,
    low: u64,
    bits: Vec<Bit>,
    width: u32,
}

impl Ranks {
    /// Memory that as many addresses take at most; the second number: while they are put in order.
    pub(crate) fn memory(count: u64) -> (u64, u64) {
        // The address, and up to two counters; as many counts.
        (count * (4 + 2 * 4), count * 2 * 4)
    }

    /// Of addresses, relative to `low`, and how often each is used; the same one may come more than once.
    pub(crate) fn new(mut used: Vec<(u32, u32)>, low: u64) -> Self {
        used.sort_unstable_by_key(|(address, _)| *address);
        used.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        let width = (used.len().max(2) as u32 - 1).ilog2() + 1;
        let leaves = 1usize << width;
        let mut counts = vec![0u32; leaves];
        let mut bits = vec![Bit::EVEN; leaves];
        for node in (1..leaves).rev() {
            let count = |child: usize| match child.checked_sub(leaves) {
                Some(leaf) => used.get(leaf).map_or(0, |(_, uses)| *uses),
                None => counts[child],
            };
            let (zeros, ones) = (count(2 * node), count(2 * node + 1));
            counts[node] = zeros.saturating_add(ones);
            bits[node] = Bit::counted(zeros.into(), ones.into());
        }
        let mut addresses: Vec<u32> = used.into_iter().map(|(address, _)| address).collect();
        addresses.shrink_to_fit();
        Ranks { addresses, low, bits, width }
    }

    pub(crate) fn find(&self, address: u64) -> Option<usize> {
        let place = u32::try_from(address.wrapping_sub(self.low)).ok()?;
        self.addresses.binary_search(&place).ok()
    }

    /// Codes a rank, and returns the address.
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, rank: usize) -> u64 {
        let rank = tree(coder, &mut self.bits, self.width, rank, LIMIT);
        self.addresses.get(rank).map_or(0, |place| self.low.wrapping_add((*place).into()))
    }
}
