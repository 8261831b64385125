//! `.pdata` of PE, row by row: the functions of the old file in their new order, their ends and
//! the place of their unwind information, which mostly is where the one before it ends.

use crate::CodecError;
use crate::exe::bit::Bit;
use crate::exe::body::Shared;
use crate::exe::coder::Coder;
use crate::exe::field::word;
use crate::exe::image::Image;
use crate::exe::layout::{Content, Layout, Region};
use crate::exe::memory::reserve;
use crate::exe::number::Number;
use crate::exe::windows;
use crate::exe::written::Written;
use crate::number::{unzigzag, zigzag};

const LIMIT: u32 = 120;

/// A row of the old file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    /// Where the function went.
    moved: u64,
    /// Where it was, behind the base of the image; and its end, if that is known.
    start: u32,
    end: u32,
    /// Whether it has unwind information elsewhere: at this place behind the base. Else this is the information.
    has_address: bool,
    unwind: u32,
}

/// What rows are guessed from.
struct Old {
    /// By where functions went.
    rows: Vec<Row>,
    is_sorted: bool,
    /// Where functions went, in the old order.
    order: Vec<u64>,
    /// The same with their places, sorted.
    places: Vec<(u64, u32)>,
    next: usize,
}

impl Row {
    fn length(&self) -> u64 {
        u64::from(self.end).wrapping_sub(self.start.into())
    }
}

struct Model {
    bits: Vec<Bit>,
    numbers: Number,
}

impl Model {
    fn is<C: Coder>(&mut self, coder: &mut C, context: usize, value: bool) -> bool {
        self.bits[context].code(coder, value, LIMIT)
    }

    /// An address by its distance from another.
    fn near<C: Coder>(&mut self, coder: &mut C, context: usize, value: u64, from: u64) -> u64 {
        let distance = self.numbers.code(coder, context, zigzag(value.wrapping_sub(from) as i64));
        from.wrapping_add(unzigzag(distance) as u64)
    }
}

/// Unwind information of arm64 that is no address.
fn is_packed(unwind: u64) -> bool {
    unwind & 3 != 0 && unwind >> 32 == 0
}

fn size(region: &Region) -> usize {
    if region.content == Content::Functions8 { 8 } else { 12 }
}

/// The offset of the first unwind information that the table in `bytes` names.
#[cfg(feature = "encode")]
pub(crate) fn first_unwind(bytes: &[u8], layout: &Layout, region: &Region) -> Option<usize> {
    let rows = bytes.get(region.offset..region.end())?.chunks_exact(size(region));
    let unwind = rows.map(|row| word(&row[row.len() - 4..])).filter(|unwind| *unwind != 0 && *unwind & 3 == 0);
    let offsets = unwind.filter_map(|unwind| layout.offset(layout.image_base.wrapping_add(unwind.into())));
    offsets.filter(|offset| *offset < region.offset).min()
}

pub(super) fn code<C: Coder>(
    shared: &mut Shared<'_, C>,
    image: &mut Image<'_>,
    region: &Region,
    kept: usize,
) -> Result<Vec<u8>, CodecError> {
    let is_arm64 = region.content == Content::Functions8;
    let (base, size) = (shared.plan.new.image_base, size(region));
    let mut old = rows(shared, image, region.content)?;
    let old_base = shared.plan.old.image_base;
    image.check()?;
    let mut model = Model { bits: vec![Bit::EVEN; 128], numbers: Number::new(8) };
    let mut made = Vec::with_capacity(region.length);
    // The end of the last function, its unwind information, the highest one.
    let (mut last_end, mut last, mut shared_last, mut highest) = (0u64, 0u64, 0u64, 0u64);
    let mut history = 0usize;
    while made.len() + size <= region.length {
        let given = shared.plan.wanted_from(region.offset + made.len());
        let field = |number: usize| if C::ENCODES { word(given.get(4 * number..).unwrap_or_default()) } else { 0 };
        let wanted_start = base.wrapping_add(field(0).into());
        let wanted_end = base.wrapping_add(field(1).into());
        let wanted_unwind = match field(size / 4 - 1) {
            packed if is_arm64 && packed & 3 != 0 => packed.into(),
            unwind => base.wrapping_add(unwind.into()),
        };
        let coder = &mut shared.coder;
        let next = old.next(last_end);
        let aligned = if is_arm64 { last_end } else { last_end.wrapping_add(15) & !15 };
        let start = if model.is(coder, usize::from(aligned == next) * 4 + (history & 3), wanted_start == next) {
            next
        } else if aligned != next && model.is(coder, 8 + (history & 3), wanted_start == aligned) {
            aligned
        } else {
            model.near(coder, 0, wanted_start, last_end)
        };
        history = history << 1 | usize::from(start == next);
        let known = old.find(start);
        let behind = |unwind: u64| behind(head(&shared.out, &shared.plan.new, unwind, kept), unwind, is_arm64);
        let (after_last, after_highest) = (behind(last), behind(highest));
        let (mut end, unwind);
        match known {
            Some(row) => {
                end = 0;
                if !is_arm64 {
                    let (moved, same) =
                        (shared.map.find(old_base.wrapping_add(row.end.into())).0, start.wrapping_add(row.length()));
                    end = if model.is(coder, 16 + usize::from(moved == same), wanted_end == moved) {
                        moved
                    } else if moved != same && model.is(coder, 18, wanted_end == same) {
                        same
                    } else {
                        model.near(coder, 1, wanted_end, moved)
                    };
                }
                if !row.has_address {
                    let packed = row.unwind.into();
                    unwind = if model.is(coder, 80 + (history >> 4 & 3), wanted_unwind == packed) {
                        packed
                    } else if model.is(coder, 84, is_packed(wanted_unwind)) {
                        model.numbers.code(coder, 5, wanted_unwind ^ packed) ^ packed
                    } else if model.is(coder, 86, wanted_unwind == after_last) {
                        after_last
                    } else {
                        model.near(coder, 4, wanted_unwind, after_last)
                    };
                } else {
                    let moved = shared.map.find(old_base.wrapping_add(row.unwind.into())).0;
                    let context = usize::from(moved == after_last) * 4 + (history >> 4 & 3);
                    unwind = if model.is(coder, 32 + context, wanted_unwind == after_last) {
                        after_last
                    } else if moved != after_last && model.is(coder, 48 + (history >> 4 & 3), wanted_unwind == moved) {
                        moved
                    } else if after_highest != after_last
                        && after_highest != moved
                        && model.is(coder, 70, wanted_unwind == after_highest)
                    {
                        after_highest
                    } else if is_arm64 && model.is(coder, 85, is_packed(wanted_unwind)) {
                        model.numbers.code(coder, 6, wanted_unwind)
                    } else {
                        model.near(coder, 2, wanted_unwind, after_last)
                    };
                }
            }
            None => {
                end = 0;
                if !is_arm64 {
                    end = start.wrapping_add(model.numbers.code(coder, 3, wanted_end.wrapping_sub(start)));
                }
                unwind = if is_arm64 && model.is(coder, 88, is_packed(wanted_unwind)) {
                    model.numbers.code(coder, 7, wanted_unwind)
                } else if model.is(coder, 64, wanted_unwind == after_last) {
                    after_last
                } else if after_highest != after_last && model.is(coder, 71, wanted_unwind == after_highest) {
                    after_highest
                } else if !old.is_sorted && model.is(coder, 74, wanted_unwind == shared_last) {
                    shared_last
                } else {
                    model.near(coder, 4, wanted_unwind, after_last)
                };
            }
        }
        if is_arm64 {
            let length = if is_packed(unwind) {
                (unwind >> 2 & 0x7ff) * 4
            } else {
                let head = head(&shared.out, &shared.plan.new, unwind, kept);
                u64::from(head.map_or(0, word) & 0x3_ffff) * 4
            };
            end = start.wrapping_add(length);
        }
        last_end = end;
        shared_last = unwind;
        if !is_packed(unwind) {
            last = unwind;
            highest = highest.max(unwind);
        }
        made.extend((start.wrapping_sub(base) as u32).to_le_bytes());
        if !is_arm64 {
            made.extend((end.wrapping_sub(base) as u32).to_le_bytes());
        }
        let unwind = if is_arm64 && is_packed(unwind) { unwind } else { unwind.wrapping_sub(base) };
        made.extend((unwind as u32).to_le_bytes());
    }
    Ok(made)
}

/// The bytes of the new file at an address in it; none before `kept`, which may be there still, or not.
fn head<'a>(out: &'a Written, new: &Layout, address: u64, kept: usize) -> Option<&'a [u8]> {
    new.offset(address).map(|at| if at < kept { &[] } else { out.from(at) })
}

/// Where the unwind information ends that is at an address, if the file has that.
fn behind(bytes: Option<&[u8]>, unwind: u64, is_arm64: bool) -> u64 {
    let Some(bytes) = bytes else { return unwind };
    let size = if is_arm64 { windows::unwind_size_arm64(bytes) } else { windows::unwind_size_x86(bytes) };
    unwind.wrapping_add(size as u64)
}

/// The rows of the old file.
fn rows<C>(shared: &mut Shared<'_, C>, image: &mut Image<'_>, content: Content) -> Result<Old, CodecError> {
    let (base, is_arm64) = (shared.plan.old.image_base, content == Content::Functions8);
    let mut rows = Vec::new();
    if let Some(region) = shared.plan.old.find(content) {
        let size = size(&region);
        reserve(&mut rows, region.length / size, &mut shared.budget)?;
        let mut at = region.offset;
        while at + size <= region.end() {
            let mut field = |number: usize| image.u32(at + 4 * number).unwrap_or(0);
            let (start, end, unwind) = (field(0), field(1), field(size / 4 - 1));
            if start == 0 {
                break;
            }
            rows.push(Row {
                moved: shared.map.find(base.wrapping_add(start.into())).0,
                start,
                end: if is_arm64 { 0 } else { end },
                has_address: !is_arm64 || unwind & 3 == 0,
                unwind,
            });
            at += size;
        }
    }
    let is_sorted = rows.is_sorted_by_key(|row| row.start);
    let (mut order, mut places) = (Vec::new(), Vec::new());
    if !is_sorted {
        reserve(&mut order, rows.len(), &mut shared.budget)?;
        reserve(&mut places, rows.len(), &mut shared.budget)?;
        order.extend(rows.iter().map(|row| row.moved));
        places.extend(order.iter().copied().zip(0..));
        places.sort_unstable();
    }
    rows.sort_unstable();
    Ok(Old { rows, is_sorted, order, places, next: 0 })
}

impl Old {
    /// The function that is guessed to come next.
    fn next(&mut self, last_end: u64) -> u64 {
        if !self.is_sorted {
            return self.order.get(self.next).copied().unwrap_or(0);
        }
        while self.rows.get(self.next).is_some_and(|row| row.moved < last_end) {
            self.next += 1;
        }
        self.rows.get(self.next).map_or(0, |row| row.moved)
    }

    /// The row of the function that begins at `start` now.
    fn find(&mut self, start: u64) -> Option<Row> {
        if !self.is_sorted {
            let behind = self.places.partition_point(|(moved, _)| *moved <= start);
            if let Some((_, place)) =
                behind.checked_sub(1).and_then(|at| self.places.get(at)).filter(|(moved, _)| *moved == start)
            {
                self.next = *place as usize + 1;
            }
        }
        let at = self.rows.partition_point(|row| row.moved < start);
        self.rows.get(at).filter(|row| row.moved == start).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exe::layout::Segment;

    #[test]
    fn bytes_before_what_is_kept_count_as_missing_though_they_are_there() {
        let segments = vec![Segment { offset: 0, address: 0x1000, length: 16 }];
        let layout = Layout { segments, ..Layout::default() };
        let mut out = Written::new();
        out.extend(&[4; 16]);
        assert_eq!(head(&out, &layout, 0x1008, 8).map(<[u8]>::len), Some(8));
        assert_eq!(head(&out, &layout, 0x1007, 8).map(<[u8]>::len), Some(0));
        assert_eq!(head(&out, &layout, 0x2000, 8), None);
    }
}
