//! `.eh_frame_hdr`: the functions of `.eh_frame`, sorted.

use crate::exe::field::word;
use crate::exe::layout::{Content, Layout, Region};
use crate::exe::written::Written;

/// Version, and the forms of the address, of the count and of the table.
const HEAD: [u8; 4] = [1, 0x1b, 3, 0x3b];

pub(crate) fn make(out: &Written, new: &Layout, region: &Region) -> Option<Vec<u8>> {
    let frames = new.find(Content::Frames32)?;
    let (index, start) = (new.address(region.offset)?, new.address(frames.offset)?);
    let bytes = out.from(frames.offset).get(..frames.length)?;
    let mut rows: Vec<(i32, i32)> = Vec::with_capacity(region.length / 8);
    let mut at = 0;
    while at + 8 <= bytes.len() {
        let length = word(&bytes[at..]) as usize;
        if length == 0 {
            break;
        }
        let next = at.checked_add(4)?.checked_add(length)?;
        if next > bytes.len() || length < 12 {
            return None;
        }
        if word(&bytes[at + 4..]) != 0 {
            let entry = start.wrapping_add(at as u64);
            let function = entry.wrapping_add(8).wrapping_add(i64::from(word(&bytes[at + 8..]) as i32) as u64);
            if rows.len() >= region.length / 8 {
                return None;
            }
            rows.push((function.wrapping_sub(index) as i32, entry.wrapping_sub(index) as i32));
            if 12 + 8 * rows.len() > region.length {
                return None;
            }
        }
        at = next;
    }
    if region.length < 12 {
        return None;
    }
    rows.sort_unstable();
    let mut section = HEAD.to_vec();
    section.extend((start.wrapping_sub(index.wrapping_add(4)) as u32).to_le_bytes());
    section.extend((rows.len() as u32).to_le_bytes());
    for (function, entry) in rows {
        section.extend(function.to_le_bytes());
        section.extend(entry.to_le_bytes());
    }
    section.resize(region.length, 0);
    Some(section)
}
