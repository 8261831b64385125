//! A model of addresses that are known: each by its rank among them, the bits of the rank from
//! the highest, each with a counter that starts at how often those behind it were used before.

use super::bit::{Bit, tree};
use super::coder::Coder;

const LIMIT: u32 = 250;

pub(crate) struct Ranks {
    addresses: Vec<u64>,
    bits: Vec<Bit>,
    width: u32,
}

impl Ranks {
    /// Of addresses and how often each is used; the same one may come more than once.
    pub(crate) fn new(mut used: Vec<(u64, u32)>) -> Self {
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
        let mut counts = vec![0u32; 2 * leaves];
        for (count, (_, uses)) in counts[leaves..].iter_mut().zip(&used) {
            *count = *uses;
        }
        let mut bits = vec![Bit::EVEN; leaves];
        for node in (1..leaves).rev() {
            let (zeros, ones) = (counts[2 * node], counts[2 * node + 1]);
            counts[node] = zeros.saturating_add(ones);
            bits[node] = Bit::counted(zeros.into(), ones.into());
        }
        Ranks { addresses: used.into_iter().map(|(address, _)| address).collect(), bits, width }
    }

    pub(crate) fn find(&self, address: u64) -> Option<usize> {
        self.addresses.binary_search(&address).ok()
    }

    /// Codes a rank, and returns the address.
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, rank: usize) -> u64 {
        let rank = tree(coder, &mut self.bits, self.width, rank, LIMIT);
        self.addresses.get(rank).copied().unwrap_or(0)
    }
}
