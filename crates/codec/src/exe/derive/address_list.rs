//! Lists of addresses: the base relocations of PE, the rebases of Go on Mach-O, and the function
//! starts of Mach-O. Each entry is guessed to be where the next of the old list went, or as far
//! behind the one before as that was.

use crate::CodecError;
use crate::exe::bit::Bit;
use crate::exe::body::Shared;
use crate::exe::coder::{Coder, damaged};
use crate::exe::field::word;
use crate::exe::image::Image;
use crate::exe::layout::{Content, Layout, Region, Segment};
use crate::exe::memory::{Budget, WORD, push};
use crate::exe::number::Number;
use crate::number::{unzigzag, zigzag};

const LIMIT: u32 = 250;

/// An address, and a kind of 4 bits below it.
type Entry = u64;

/// A distance that is longer is not expected again.
const LONGEST_STRIDE: u64 = 1024 << 4;

/// What an entry and its place take.
const PLACE: usize = size_of::<Entry>() + WORD;

struct Model {
    bits: Vec<Bit>,
    numbers: Number,
}

/// Codes the list in `region`, and returns its bytes.
pub(super) fn code<C: Coder>(
    shared: &mut Shared<'_, C>,
    image: &mut Image<'_>,
    region: &Region,
) -> Result<Option<Vec<u8>>, CodecError> {
    let given = shared.plan.wanted.get(region.offset..region.end()).unwrap_or_default();
    let wanted =
        if C::ENCODES { parse_all(given, &shared.plan.new, region.content).unwrap_or_default() } else { Vec::new() };
    let mut old = Vec::new();
    if let Some(before) = shared.plan.old.find(region.content) {
        shared.budget.take(before.length as u64)?;
        let mut bytes = vec![0; before.length];
        image.read(before.offset, &mut bytes)?;
        // One that can't be read has no entries.
        if parse(&bytes, &shared.plan.old, region.content, &mut old, &mut shared.budget)?.is_none() {
            old.clear();
        }
        shared.budget.release(bytes);
    }
    let is_sorted = old.is_sorted();
    let mut moved = old;
    moved.iter_mut().for_each(|entry| *entry = shared.map.find(*entry >> 4).0 << 4 | *entry & 15);
    let mut places: Vec<(Entry, usize)> = Vec::new();
    if is_sorted {
        moved.sort_unstable();
        moved.dedup();
    } else {
        shared.budget.take((moved.len() * PLACE) as u64)?;
        places = moved.iter().enumerate().map(|(place, entry)| (*entry, place)).collect();
        places.sort_unstable();
    }
    let place = |entry: Entry| match is_sorted {
        true => moved.binary_search(&entry).ok(),
        // Of those that went to the same address the last one.
        false => {
            let behind = places.partition_point(|(other, _)| *other <= entry);
            places[..behind].last().filter(|(other, _)| *other == entry).map(|(_, place)| *place)
        }
    };
    let mut model = Model { bits: vec![Bit::EVEN; 256], numbers: Number::new(4) };
    let coder = &mut shared.coder;
    let count = model.numbers.code(coder, 3, wanted.len() as u64);
    if count > region.length as u64 {
        coder.check()?;
        return Err(damaged("a list is longer than its region"));
    }
    shared.budget.take(count * size_of::<Entry>() as u64)?;
    let mut entries = Vec::with_capacity(count as usize);
    let (mut history, mut next, mut last, mut stride) = (0usize, 0usize, 0u64, 128u64);
    for number in 0..count as usize {
        let wanted = wanted.get(number).copied().unwrap_or(0);
        while is_sorted && moved.get(next).is_some_and(|entry| *entry <= last) {
            next += 1;
        }
        let guess = moved.get(next).copied().unwrap_or(0);
        let again = last.wrapping_add(stride);
        let is_both = usize::from(guess == again);
        let entry = if model.bits[is_both * 64 + (history & 63)].code(coder, wanted == guess, LIMIT) {
            history <<= 1;
            next += 1;
            guess
        } else {
            history = history << 1 | 1;
            if again != guess && model.bits[128 + (history & 63)].code(coder, wanted == again, LIMIT) {
                if let Some(place) = place(again).filter(|_| !is_sorted) {
                    next = place + 1;
                }
                again
            } else {
                let found = if C::ENCODES { place(wanted) } else { None };
                if model.bits[192 + (history & 7)].code(coder, found.is_some(), LIMIT) {
                    let distance = found.unwrap_or(0) as i64 - next as i64;
                    let distance = unzigzag(model.numbers.code(coder, 0, zigzag(distance)));
                    next = (next as i64).wrapping_add(distance).clamp(0, moved.len() as i64) as usize;
                    next += 1;
                    moved.get(next - 1).copied().unwrap_or(0)
                } else {
                    let is_other = model.bits[200].code(coder, (wanted ^ last) & 15 != 0, LIMIT);
                    let kind = if is_other { model.numbers.code(coder, 2, wanted & 15) & 15 } else { last & 15 };
                    let from = last >> 4;
                    let distance = model.numbers.code(coder, 1, zigzag((wanted >> 4).wrapping_sub(from) as i64));
                    from.wrapping_add(unzigzag(distance) as u64) << 4 | kind
                }
            }
        };
        if region.content != Content::FunctionStarts && number > 0 && entry > last && entry - last < LONGEST_STRIDE {
            stride = entry - last;
        }
        last = entry;
        entries.push(entry);
    }
    coder.check()?;
    Ok(build(&entries, &shared.plan.new, region.content, region.length))
}

/// Whether the list is built again as it is from what is parsed of it.
#[cfg(feature = "encode")]
pub(crate) fn is_derivable(bytes: &[u8], layout: &Layout, region: &Region) -> bool {
    let Some(bytes) = bytes.get(region.offset..region.end()) else { return false };
    let entries = parse_all(bytes, layout, region.content);
    entries
        .and_then(|entries| build(&entries, layout, region.content, region.length))
        .is_some_and(|built| built == bytes)
}

fn leb(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for place in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn put_leb(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Opcodes of rebases: pointers; a segment and an offset; one.
const REBASE_POINTERS: u8 = 0x11;
const REBASE_SEGMENT: u8 = 0x20;
const REBASE_ONE: u8 = 0x51;

fn parse_all(bytes: &[u8], layout: &Layout, content: Content) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    parse(bytes, layout, content, &mut entries, &mut Budget::new(u64::MAX)).ok()?.map(|()| entries)
}

/// Appends the entries of a list; `None` if it is none.
fn parse(
    bytes: &[u8],
    layout: &Layout,
    content: Content,
    entries: &mut Vec<Entry>,
    budget: &mut Budget,
) -> Result<Option<()>, CodecError> {
    let mut at = 0;
    match content {
        Content::BaseRelocations => {
            while at + 8 <= bytes.len() {
                let (page, size) = (word(&bytes[at..]), word(&bytes[at + 4..]) as usize);
                if size < 8 || size > bytes.len() - at {
                    break;
                }
                for entry in bytes[at + 8..at + size].chunks_exact(2) {
                    let entry = u64::from(entry[0]) | u64::from(entry[1]) << 8;
                    if entry >> 12 != 0 {
                        let address = layout.image_base.wrapping_add(page.into()).wrapping_add(entry & 0xfff);
                        push(entries, address << 4 | entry >> 12, budget)?;
                    }
                }
                at += size;
            }
        }
        Content::FunctionStarts => {
            let mut address = layout.image_base;
            while at < bytes.len() {
                match leb(bytes, &mut at) {
                    None => return Ok(None),
                    Some(0) => break,
                    Some(distance) => address = address.wrapping_add(distance),
                }
                push(entries, address << 4, budget)?;
            }
        }
        _ => {
            if bytes.first() != Some(&REBASE_POINTERS) {
                return Ok(None);
            }
            at = 1;
            while bytes.get(at).is_some_and(|opcode| opcode & 0xf0 == REBASE_SEGMENT) {
                let Some(address) = rebased(bytes, &mut at, layout) else { return Ok(None) };
                push(entries, address << 4, budget)?;
            }
        }
    }
    Ok(Some(()))
}

/// The address that is rebased by three opcodes.
fn rebased(bytes: &[u8], at: &mut usize, layout: &Layout) -> Option<u64> {
    // The first segment of all has no bytes.
    let segment = layout.segments.get(usize::from(bytes.get(*at)? & 15).checked_sub(1)?)?;
    *at += 1;
    let offset = leb(bytes, at)?;
    if bytes.get(*at) != Some(&REBASE_ONE) {
        return None;
    }
    *at += 1;
    Some(segment.address.wrapping_add(offset))
}

fn build(entries: &[Entry], layout: &Layout, content: Content, length: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length);
    match content {
        Content::BaseRelocations => {
            let page = |entry: Entry| (entry >> 4).wrapping_sub(layout.image_base) & !0xfff;
            for block in entries.chunk_by(|a, b| page(*a) == page(*b)) {
                let count = block.len().next_multiple_of(2);
                bytes.extend((page(block[0]) as u32).to_le_bytes());
                bytes.extend((8 + 2 * count as u32).to_le_bytes());
                for entry in block {
                    let entry = (entry >> 4 & 0xfff) as u16 | ((entry & 15) as u16 * 0x1000);
                    bytes.extend(entry.to_le_bytes());
                }
                bytes.resize(bytes.len().next_multiple_of(4), 0);
                if bytes.len() > length {
                    return None;
                }
            }
        }
        Content::FunctionStarts => {
            let mut address = layout.image_base;
            for entry in entries {
                put_leb(&mut bytes, (entry >> 4).wrapping_sub(address));
                address = entry >> 4;
            }
        }
        _ => {
            bytes.push(REBASE_POINTERS);
            for entry in entries {
                let address = entry >> 4;
                let is_inside = |segment: &Segment| address.wrapping_sub(segment.address) < segment.length;
                let number = layout.segments.iter().position(is_inside)?;
                bytes.push(REBASE_SEGMENT | (number as u8).wrapping_add(1) & 15);
                put_leb(&mut bytes, address.wrapping_sub(layout.segments[number].address));
                bytes.push(REBASE_ONE);
            }
        }
    }
    if bytes.len() > length {
        return None;
    }
    bytes.resize(length, 0);
    Some(bytes)
}
