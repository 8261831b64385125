//! The pieces of a new file that are coded apart: the programs that a universal one of macOS
//! holds, and what was appended to a program. Each goes with a piece of the old file.

use super::formats;
use crate::exe::layout::Layout;
use crate::exe::parts::{MOST, Part};
use object::read::macho::{FatArch, MachOFatFile32, MachOFatFile64};
use std::ops::Range;

pub(super) struct Piece {
    pub(super) part: Part,
    /// None if it is no program.
    pub(super) layouts: Option<(Layout, Layout)>,
}

/// Shortest tail that is a piece of its own. A shorter one is not worth models that begin anew.
const TAIL: usize = 64 << 10;

/// A program, and what lies behind it up to the next one.
#[derive(Clone)]
struct Slice {
    program: Range<usize>,
    tail: Range<usize>,
}

impl Slice {
    fn whole(&self) -> Range<usize> {
        self.program.start..self.tail.end
    }
}

/// The pieces of two files; `None` if none is a program of a form that is known in both.
pub(super) fn pieces(old: &[u8], new: &[u8]) -> Option<Vec<Piece>> {
    let (old_slices, new_slices) = (slices(old), slices(new));
    let first = new_slices.first().filter(|_| new_slices.len() * 2 < MOST)?;
    let mut pieces = Vec::new();
    let mut is_known = false;
    let mut put = |old: Range<usize>, new: Range<usize>, layouts| {
        if !new.is_empty() {
            pieces.push(Piece { part: Part::new(old, new), layouts });
        }
    };
    let head = old_slices.first().map_or(0, |slice| slice.program.start);
    put(0..head, 0..first.program.start, None);
    for Slice { program, tail } in &new_slices {
        let found = partner(old, &old_slices, &new[program.clone()]);
        is_known |= found.is_some();
        let Some((like, layouts)) = found else {
            put(0..old.len(), program.clone(), formats::alone(&new[program.clone()]));
            put(0..old.len(), tail.clone(), None);
            continue;
        };
        // What the old file has behind it belongs to the program, unless the new one has that too.
        put(if tail.is_empty() { like.whole() } else { like.program.clone() }, program.clone(), Some(layouts));
        put(if like.tail.is_empty() { like.whole() } else { like.tail }, tail.clone(), None);
    }
    is_known.then_some(pieces)
}

/// The programs in a file, ascending: itself, unless it is a universal one.
fn slices(bytes: &[u8]) -> Vec<Slice> {
    let ranges = programs(bytes);
    let slice = |(number, range): (usize, &Range<usize>)| {
        let end = ranges.get(number + 1).map_or(bytes.len(), |next| next.start);
        let program_end = range.start + formats::length(&bytes[range.clone()]);
        let program_end = if end - program_end < TAIL { end } else { program_end };
        Slice { program: range.start..program_end, tail: program_end..end }
    };
    ranges.iter().enumerate().map(slice).collect()
}

fn programs(bytes: &[u8]) -> Vec<Range<usize>> {
    let whole = || std::iter::once(0..bytes.len()).collect();
    let mut programs: Vec<Range<usize>> = if let Ok(file) = MachOFatFile32::parse(bytes) {
        file.arches().iter().filter_map(range).collect()
    } else if let Ok(file) = MachOFatFile64::parse(bytes) {
        file.arches().iter().filter_map(range).collect()
    } else {
        return whole();
    };
    programs.retain(|program| !program.is_empty());
    programs.sort_by_key(|program| program.start);
    let is_sound = programs.windows(2).all(|pair| pair[0].end <= pair[1].start)
        && programs.last().is_some_and(|last| last.end <= bytes.len());
    if is_sound { programs } else { whole() }
}

fn range(arch: &impl FatArch) -> Option<Range<usize>> {
    let (start, length) = arch.file_range();
    let end = start.checked_add(length)?;
    Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// The program of the old file that `new` is a later version of: one for the same processor, else
/// one of the same architecture.
fn partner(old: &[u8], slices: &[Slice], new: &[u8]) -> Option<(Slice, (Layout, Layout))> {
    // Magic, processor, and which kind of it.
    const HEAD: usize = 12;
    let head = |bytes: &[u8]| bytes.first_chunk::<HEAD>().copied();
    let mut order: Vec<&Slice> = slices.iter().collect();
    order.sort_by_key(|slice| head(&old[slice.program.clone()]) != head(new));
    order.into_iter().find_map(|slice| {
        let layouts = formats::layouts(&old[slice.program.clone()], new)?;
        Some((slice.clone(), layouts))
    })
}
