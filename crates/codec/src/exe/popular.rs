//! How often code names each address, and how likely targets in new code are therefore.

use super::layout::Layout;
use super::map::Map;
use super::memory::Budget;
use super::rank::Ranks;
use super::targets::went;
use crate::CodecError;

/// Addresses behind the lowest one, ascending, and how often each is named.
type Uses = Vec<(u32, u32)>;

/// More often nothing is counted.
const MOST: usize = u16::MAX as usize;

/// Counts addresses, each of which stands there as often as it is named.
fn count(mut places: Vec<u32>, budget: &mut Budget) -> Result<Uses, CodecError> {
    places.sort_unstable();
    let same = || places.chunk_by(|a, b| a == b);
    let count = same().count();
    budget.take((count * size_of::<(u32, u32)>()) as u64)?;
    let mut uses = Vec::with_capacity(count);
    uses.extend(same().map(|places| (places[0], places.len().min(MOST) as u32)));
    budget.release(places);
    Ok(uses)
}

/// How likely targets are in code that is new.
pub(crate) struct Popular {
    pub(crate) calls: Ranks,
    pub(crate) data: Ranks,
}

impl Popular {
    /// Of what old code calls and of what it names as data, as often as it does; of the latter the pages alone, with `pages`.
    pub(crate) fn new(
        [calls, data]: [Vec<u32>; 2],
        map: &Map,
        (old, new): (&Layout, &Layout),
        pages: bool,
        budget: &mut Budget,
    ) -> Result<Popular, CodecError> {
        let (calls, data) = (count(calls, budget)?, count(data, budget)?);
        let (low_before, low) = (old.range().0, new.range().0);
        let mut ranks = |mut uses: Uses, mask: u64| {
            let mut cursor = 0;
            let (kept, dropped) = Ranks::memory(uses.len() as u64);
            budget.take(kept + dropped)?;
            let before = (uses.capacity() * size_of::<(u32, u32)>()) as u64;
            uses.retain_mut(|(place, _)| {
                let (value, _) = went(low_before.wrapping_add((*place).into()), |key| map.find_next(key, &mut cursor));
                let moved = u32::try_from((value & mask).wrapping_sub(low));
                *place = moved.unwrap_or(0);
                moved.is_ok()
            });
            let ranks = Ranks::new(uses, low);
            budget.give_back(dropped + before);
            Ok(ranks)
        };
        Ok(Popular { calls: ranks(calls, u64::MAX)?, data: ranks(data, if pages { !0xfff } else { u64::MAX })? })
    }
}
