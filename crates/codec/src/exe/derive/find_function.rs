//! Go's table from addresses to functions: for each 4,096 bytes of code the number of the first
//! function, and for each 256 bytes how many come before.

use crate::exe::field::word;
use crate::exe::layout::{Content, Layout, Region};
use crate::exe::written::Written;

const BUCKET: usize = 4096;
const PART: usize = 256;
const PARTS: usize = BUCKET / PART;

/// Most code of a program.
const MOST: usize = 1 << 30;

pub(crate) fn make(out: &Written, new: &Layout, region: &Region) -> Option<Vec<u8>> {
    let lines = new.find(Content::GoLines)?;
    let table = out.from(lines.offset).get(..lines.length)?;
    let field = |number: usize| usize::try_from(u64::from_le_bytes(*table.get(8 + 8 * number..)?.first_chunk()?)).ok();
    let (count, functions) = (field(0)?, field(7)?);
    let rows = table.get(functions..)?.get(..count.checked_mul(8)?.checked_add(4)?)?;
    let start = |number: usize| word(&rows[8 * number..]) as usize;
    let end = start(count);
    // A bucket has 20 bytes, the last one may have less.
    let parts = end.div_ceil(PART);
    let buckets = end.div_ceil(BUCKET);
    if count == 0 || end > MOST || 4 * buckets + parts != region.length {
        return None;
    }
    let mut first = vec![u32::MAX; parts];
    for number in 0..count {
        let (from, to) = (start(number), start(number + 1));
        // Functions ascend; else each could take a look at the whole table.
        if to < from || to > end {
            return None;
        }
        if to == from {
            continue;
        }
        for part in &mut first[from / PART..=(to - 1) / PART] {
            *part = (*part).min(number as u32);
        }
    }
    let mut made = Vec::with_capacity(region.length);
    for bucket in first.chunks(PARTS) {
        let base = bucket.first().copied()?;
        made.extend(base.to_le_bytes());
        made.extend(bucket.iter().map(|part| part.wrapping_sub(base) as u8));
    }
    Some(made)
}

/// How long the table is of the line table that begins at `lines`.
#[cfg(feature = "encode")]
pub(crate) fn length(table: &[u8]) -> Option<usize> {
    let field = |number: usize| usize::try_from(u64::from_le_bytes(*table.get(8 + 8 * number..)?.first_chunk()?)).ok();
    let row = field(7)?.checked_add(field(0)?.checked_mul(8)?)?;
    let end = word(table.get(row..row.checked_add(4)?)?) as usize;
    (end <= MOST).then_some(4 * end.div_ceil(BUCKET) + end.div_ceil(PART))
}
