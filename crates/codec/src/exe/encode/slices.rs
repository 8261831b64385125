//! The programs that a universal one of macOS holds, and which belong together.

use super::formats;
use crate::exe::layout::Layout;
use crate::exe::parts::{MOST, Part};
use object::read::macho::{FatArch, MachOFatFile32, MachOFatFile64};
use std::ops::Range;

/// The parts of two files, each with its layouts; `None` if no part is a program of a form that
/// is known in both.
pub(super) fn parts(old: &[u8], new: &[u8]) -> Option<Vec<(Part, (Layout, Layout))>> {
    let (old_slices, new_slices) = (slices(old), slices(new));
    let (Some(first), true) = (new_slices.first(), new_slices.len() < MOST) else { return None };
    let mut parts = Vec::new();
    let mut is_known = false;
    if first.start > 0 {
        let head = old_slices.first().map_or(0, |slice| slice.start);
        parts.push((Part { old: 0..head, new: 0..first.start }, Default::default()));
    }
    for (number, slice) in new_slices.iter().enumerate() {
        // With what lies behind it.
        let whole = slice.start..new_slices.get(number + 1).map_or(new.len(), |next| next.start);
        let found = partner(old, &old_slices, &new[slice.clone()]);
        is_known |= found.is_some();
        let (old, layouts) = found.unwrap_or_else(|| (0..old.len(), formats::alone(&new[slice.clone()])));
        parts.push((Part { old, new: whole }, layouts));
    }
    is_known.then_some(parts)
}

/// The programs in a file, ascending: itself, unless it is a universal one.
fn slices(bytes: &[u8]) -> Vec<Range<usize>> {
    let whole = || std::iter::once(0..bytes.len()).collect();
    let mut slices: Vec<Range<usize>> = if let Ok(file) = MachOFatFile32::parse(bytes) {
        file.arches().iter().filter_map(slice).collect()
    } else if let Ok(file) = MachOFatFile64::parse(bytes) {
        file.arches().iter().filter_map(slice).collect()
    } else {
        return whole();
    };
    slices.retain(|slice| !slice.is_empty());
    slices.sort_by_key(|slice| slice.start);
    let is_sound = slices.windows(2).all(|pair| pair[0].end <= pair[1].start)
        && slices.last().is_some_and(|last| last.end <= bytes.len());
    if is_sound { slices } else { whole() }
}

fn slice(arch: &impl FatArch) -> Option<Range<usize>> {
    let (start, length) = arch.file_range();
    let end = start.checked_add(length)?;
    Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// The program of the old file that `new` is a later version of, with what lies behind it: one for
/// the same processor, else one of the same architecture.
fn partner(old: &[u8], slices: &[Range<usize>], new: &[u8]) -> Option<(Range<usize>, (Layout, Layout))> {
    // Magic, processor, and which kind of it.
    const HEAD: usize = 12;
    let head = |bytes: &[u8]| bytes.first_chunk::<HEAD>().copied();
    let same = |number: &usize| head(&old[slices[*number].clone()]) == head(new);
    let mut order: Vec<usize> = (0..slices.len()).collect();
    order.sort_by_key(|number| !same(number));
    order.into_iter().find_map(|number| {
        let slice = slices[number].clone();
        let layouts = formats::layouts(&old[slice.clone()], new)?;
        let end = slices.get(number + 1).map_or(old.len(), |next| next.start);
        Some((slice.start..end, layouts))
    })
}
