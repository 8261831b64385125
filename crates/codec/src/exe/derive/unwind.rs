//! `__unwind_info` of Mach-O, word by word: guessed from the functions of `__eh_frame`, and from
//! where the functions of the old table went.
//!
//! Layout: `mach-o/compact_unwind_encoding.h`.

use crate::CodecError;
use crate::exe::bit::Bit;
use crate::exe::body::Shared;
use crate::exe::coder::Coder;
use crate::exe::field::{Kind, word};
use crate::exe::image::Image;
use crate::exe::layout::{Content, Layout, Region};
use crate::exe::memory::{Budget, push};
use crate::exe::number::Number;
use crate::number::{unzigzag, zigzag};

const LIMIT: u32 = 60;

/// Kinds of pages.
const REGULAR: u32 = 2;
const COMPRESSED: u32 = 3;

/// Most entries of a page, which has 4 KiB.
const MOST_ENTRIES: usize = 1024;

/// A function of `__eh_frame`; addresses relative to the image.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Frame {
    function: u32,
    /// Where its entry is in the section.
    entry: u32,
    exceptions: u32,
    length: u32,
}

/// What a word is guessed to be, best first; and where it is, for the contexts.
struct Guess {
    words: [u32; 3],
    count: usize,
    context: usize,
}

impl Guess {
    fn new(context: usize, first: u32, second: u32) -> Guess {
        Guess { words: [first, second, 0], count: 2, context }
    }
}

struct Table {
    frames: Vec<Frame>,
    /// The functions of those that have exceptions, ascending.
    throwing: Vec<u32>,
    /// Functions of the old table, where they went, and their encodings.
    old: Vec<(u32, u32)>,
    /// The form of encodings that point to `__eh_frame`.
    dwarf: u32,
    is_x86: bool,
    words: Vec<u32>,
    /// The last two encodings of another form.
    last: [u32; 2],
}

pub(super) fn code<C: Coder>(
    shared: &mut Shared<'_, C>,
    image: &mut Image<'_>,
    region: &Region,
) -> Result<Vec<u8>, CodecError> {
    let is_x86 = shared.plan.new.find(Content::X86).is_some();
    let mut frames = Vec::new();
    if let Some(region) = shared.plan.new.find(Content::Frames64) {
        let bytes = shared.out.from(region.offset);
        let bytes = bytes.get(..region.length).unwrap_or(bytes);
        frames_of(bytes, &shared.plan.new, &region, &mut frames, &mut shared.budget)?;
    }
    frames.sort_unstable();
    let throws = || frames.iter().filter(|frame| frame.exceptions != 0);
    shared.budget.take(throws().count() as u64 * size_of::<u32>() as u64)?;
    let mut throwing = Vec::with_capacity(throws().count());
    throwing.extend(throws().map(|frame| frame.function));
    let old = moved(shared, image)?;
    image.check()?;
    let dwarf = if is_x86 { 0x0400_0000 } else { 0x0300_0000 };
    shared.budget.take(region.length as u64)?;
    let words = Vec::with_capacity(region.length / 4);
    let mut table = Table { frames, throwing, old, dwarf, is_x86, words, last: [0; 2] };
    let mut bits = vec![Bit::EVEN; 3 * 512];
    let mut numbers = Number::new(16);
    let mut history = 0usize;
    while table.words.len() < region.length / 4 {
        let at = region.offset + 4 * table.words.len();
        let wanted = if C::ENCODES { word(shared.plan.wanted_from(at)) } else { 0 };
        let guess = table.guess();
        let coder = &mut shared.coder;
        let mut found = None;
        for (rank, candidate) in guess.words[..guess.count].iter().enumerate() {
            if rank == 1 && *candidate == guess.words[0] {
                continue;
            }
            let bit = &mut bits[rank * 512 + (guess.context & 31) * 16 + (history & 7)];
            if bit.code(coder, wanted == *candidate, LIMIT) {
                found = Some((*candidate, rank));
                break;
            }
        }
        history = history << 1 | usize::from(found.is_none_or(|(_, rank)| rank > 0));
        let first = guess.words[0];
        let value = found.map(|(value, _)| value).unwrap_or_else(|| {
            if guess.context == COMPRESSED_ENTRY {
                let distance = i64::from(wanted & 0xff_ffff) - i64::from(first & 0xff_ffff);
                let distance = unzigzag(numbers.code(coder, 1, zigzag(distance)));
                let index = i64::from(wanted >> 24) - i64::from(first >> 24);
                let index = unzigzag(numbers.code(coder, 2, zigzag(index)));
                let low = i64::from(first & 0xff_ffff).wrapping_add(distance) as u32 & 0xff_ffff;
                return low | (i64::from(first >> 24).wrapping_add(index) as u32) << 24;
            }
            let distance = i64::from(wanted.wrapping_sub(first) as i32);
            let context = (guess.context & 15).max(3);
            first.wrapping_add(unzigzag(numbers.code(coder, context, zigzag(distance))) as u32)
        });
        table.push(value, guess.context);
    }
    let mut made = Vec::with_capacity(region.length);
    made.extend(table.words.iter().flat_map(|word| word.to_le_bytes()));
    for at in made.len()..region.length {
        // What is left of a length that is no multiple of 4.
        let wanted = shared.plan.wanted(region.offset + at);
        made.push(numbers.code(&mut shared.coder, 0, wanted.into()) as u8);
    }
    Ok(made)
}

/// An offset in the section, or one behind any.
fn offset(word: u32) -> usize {
    word.min(1 << 28) as usize
}

/// Contexts of words that are treated in a way of their own.
const COMPRESSED_ENTRY: usize = 20;
const ENCODING: usize = 29;
const ENCODING_KNOWN: usize = 31;

impl Table {
    /// A word that is there already; 0 elsewhere.
    fn at(&self, number: usize) -> u32 {
        self.words.get(number).copied().unwrap_or(0)
    }

    fn back(&self, distance: usize) -> u32 {
        self.words.len().checked_sub(distance).map_or(0, |number| self.at(number))
    }

    fn push(&mut self, value: u32, context: usize) {
        let is_encoding = matches!(context, ENCODING | ENCODING_KNOWN);
        if is_encoding && value & 0x0f00_0000 != self.dwarf && value != self.last[0] {
            self.last = [value, self.last[0]];
        }
        self.words.push(value);
    }

    fn frame(&self, function: u32) -> Option<Frame> {
        let at = self.frames.partition_point(|frame| frame.function < function);
        self.frames.get(at).filter(|frame| frame.function == function).copied()
    }

    fn frame_after(&self, function: u32) -> u32 {
        let at = self.frames.partition_point(|frame| frame.function <= function);
        self.frames.get(at).map_or(0, |frame| frame.function)
    }

    fn old_after(&self, function: u32) -> u32 {
        let at = self.old.partition_point(|(old, _)| *old <= function);
        self.old.get(at).map_or(0, |(old, _)| *old)
    }

    fn old_encoding(&self, function: u32) -> Option<u32> {
        let behind = self.old.partition_point(|(old, _)| *old <= function);
        self.old[..behind].last().filter(|(old, _)| *old == function).map(|(_, encoding)| *encoding)
    }

    fn guess(&self) -> Guess {
        let number = self.words.len();
        let byte = 4 * number;
        if number <= 7 {
            return Guess::new(0, if number > 0 { self.back(1) } else { 1 }, self.back(2));
        }
        // Offsets that no section has lead nowhere, and don't overflow.
        let (index, count) = (offset(self.at(5)), offset(self.at(6)).min(1 << 24));
        let index_end = index.saturating_add(count.saturating_mul(12));
        if (index..index_end).contains(&byte) {
            let place = (byte - index) % 12 / 4;
            let before = if byte < index + 12 { self.back(1) } else { self.back(3) };
            let next = if place == 1 && byte >= index + 12 { before.wrapping_add(4096) } else { before };
            return Guess::new(1 + place, next, self.back(2));
        }
        if byte < index_end || count == 0 {
            return Guess::new(0, self.back(1), self.back(2));
        }
        let first = self.at(index / 4 + 2) as usize;
        let last = self.at((index_end - 12) / 4 + 2) as usize;
        if (first..last).contains(&byte) {
            return self.exceptions(byte - first);
        }
        if byte >= last { self.in_page(number, index, count) } else { Guess::new(0, self.back(1), self.back(2)) }
    }

    /// Functions and their exception tables.
    fn exceptions(&self, place: usize) -> Guess {
        if (place / 4).is_multiple_of(2) {
            let before = if place >= 8 { self.back(2) } else { 0 };
            let from = self.throwing.partition_point(|function| *function <= before && place >= 8);
            return Guess::new(8, self.throwing.get(from).copied().unwrap_or(before), self.back(2));
        }
        let frame = self.frame(self.back(1));
        Guess::new(9, frame.map_or(self.back(1), |frame| frame.exceptions), self.back(2))
    }

    /// The second level: pages of functions.
    fn in_page(&self, number: usize, index: usize, count: usize) -> Guess {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = (low + high) / 2;
            let page = self.at((index + 12 * middle) / 4 + 1) as usize;
            if page != 0 && page <= 4 * number {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some(entry) = low.checked_sub(1) else { return Guess::new(0, self.back(1), self.back(2)) };
        let function = self.at((index + 12 * entry) / 4);
        let page = self.at((index + 12 * entry) / 4 + 1) as usize / 4;
        let place = number.saturating_sub(page);
        let head = self.at(page + 1);
        match (place, self.at(page)) {
            (0, _) => Guess::new(16, REGULAR, COMPRESSED),
            (1, _) => Guess::new(17, 8 | 511 << 16, 12 | 1021 << 16),
            (_, REGULAR) => self.regular(place - 2, (head >> 16) as usize, function),
            (2, _) => Guess::new(18, (head & 0xffff).wrapping_add(4 * (head >> 16)), self.back(2)),
            (_, COMPRESSED) => self.compressed(page, place, head, function),
            _ => Guess::new(0, self.back(1), self.back(2)),
        }
    }

    fn regular(&self, place: usize, count: usize, first: u32) -> Guess {
        if place >= 2 * count {
            return Guess::new(26, 0, self.back(2));
        }
        if place % 2 == 1 {
            return self.encoding();
        }
        if place == 0 {
            return Guess::new(28, first, 0);
        }
        let before = self.back(2);
        let (next, moved) = (self.frame_after(before), self.old_after(before));
        let end = self.frame(before).map_or(0, |frame| before.wrapping_add(frame.length));
        let end = if end == next || end == 0 { before.wrapping_add(16) } else { end };
        if moved == next {
            return Guess::new(30, next, end);
        }
        if self.is_x86 {
            return Guess {
                words: [moved, if next > before && next < moved { next } else { end }, 0],
                count: 2,
                context: 28,
            };
        }
        let count = if end != moved && moved != 0 { 3 } else { 2 };
        Guess { words: [next, end, moved], count, context: 28 }
    }

    fn encoding(&self) -> Guess {
        let function = self.back(1);
        let old = self.old_encoding(function);
        let Some(frame) = self.frame(function) else {
            return match old {
                Some(old) => Guess::new(ENCODING_KNOWN, old, self.last[0]),
                None => Guess::new(ENCODING, self.last[0], self.last[1]),
            };
        };
        let plain = self.dwarf | frame.entry;
        // Has exceptions, and a personality.
        let marked = 0x5000_0000 | plain;
        match old {
            Some(old) if old & 0x0f00_0000 == self.dwarf => {
                let form = old & 0xff00_0000;
                if form == marked & 0xff00_0000 {
                    Guess::new(ENCODING, marked, plain)
                } else {
                    Guess::new(ENCODING, form | frame.entry, marked)
                }
            }
            Some(old) => Guess::new(ENCODING, old, plain),
            None => Guess::new(ENCODING, plain, marked),
        }
    }

    fn compressed(&self, page: usize, place: usize, head: u32, first: u32) -> Guess {
        let (start, count) = ((head & 0xffff) as usize / 4, (head >> 16) as usize);
        let encodings = self.at(page + 2);
        let (own_start, own_count) = ((encodings & 0xffff) as usize / 4, (encodings >> 16) as usize);
        if (start..start + count).contains(&place) {
            if place == start {
                return Guess::new(COMPRESSED_ENTRY, 0, self.back(2));
            }
            let before = self.back(1);
            let next = self.frame_after(first.wrapping_add(before & 0xff_ffff));
            let most = (1..=4.min(place - start)).map(|distance| self.back(distance) >> 24).max().unwrap_or(0);
            let distance = next.wrapping_sub(first) & 0xff_ffff;
            return Guess::new(COMPRESSED_ENTRY, distance | (most + 1) << 24, distance | before & 0xff00_0000);
        }
        if (own_start..own_start + own_count).contains(&place) {
            // The function that uses the encoding first.
            let wanted = self.at(2).wrapping_add((place - own_start) as u32);
            let user = (0..count.min(MOST_ENTRIES))
                .map(|entry| self.at(page + start + entry))
                .find(|entry| entry >> 24 == wanted);
            let frame = user.and_then(|entry| self.frame(first.wrapping_add(entry & 0xff_ffff)));
            return Guess::new(24, frame.map_or(self.back(1), |frame| 0x0300_0000 | frame.entry), self.back(1));
        }
        Guess::new(0, self.back(1), self.back(2))
    }
}

fn frames_of(
    bytes: &[u8],
    new: &Layout,
    region: &Region,
    frames: &mut Vec<Frame>,
    budget: &mut Budget,
) -> Result<(), CodecError> {
    let Some(start) = new.address(region.offset) else { return Ok(()) };
    let relative = |address: u64| address.wrapping_sub(new.image_base) as u32;
    let mut at = 0;
    while at + 32 <= bytes.len() {
        let length = word(&bytes[at..]) as usize;
        if length == 0 || length > bytes.len() - at - 4 {
            break;
        }
        let next = at + 4 + length;
        if word(&bytes[at + 4..]) != 0 && length >= 20 {
            let here = start.wrapping_add(at as u64);
            let function = Kind::Relative64.read(0, 0, &bytes[at + 8..], here.wrapping_add(8));
            let has_data = at + 33 <= next && (8..128).contains(&bytes[at + 24]);
            let exceptions = match bytes.get(at + 25..) {
                Some(data) if has_data => relative(Kind::Relative64.read(0, 0, data, here.wrapping_add(25))),
                _ => 0,
            };
            let length = word(&bytes[at + 16..]);
            push(frames, Frame { function: relative(function), entry: at as u32, exceptions, length }, budget)?;
        }
        at = next;
    }
    Ok(())
}

/// The functions of the old table, where they went, and their encodings.
fn moved<C>(shared: &mut Shared<'_, C>, image: &mut Image<'_>) -> Result<Vec<(u32, u32)>, CodecError> {
    let mut rows = Vec::new();
    let Some(region) = shared.plan.old.find(Content::Unwind) else { return Ok(rows) };
    let mut at = |place: usize| {
        let inside = place.checked_add(4).is_some_and(|end| end <= region.length);
        if inside { image.u32(region.offset + place).unwrap_or(0) } else { 0 }
    };
    let (index, count) = (offset(at(20)), offset(at(24)));
    let (common, common_count) = (offset(at(4)), at(8));
    for entry in 0..count.min(region.length / 12) {
        let (function, page) = (at(index + 12 * entry), offset(at(index + 12 * entry + 4)));
        if page == 0 {
            continue;
        }
        let (kind, head) = (at(page), at(page + 4));
        let (start, entries) = (page + (head & 0xffff) as usize, (head >> 16) as usize);
        // Pages that overlap are none of a linker's.
        if rows.len() + entries > region.length {
            break;
        }
        for entry in 0..entries {
            match kind {
                REGULAR => push(&mut rows, (at(start + 8 * entry), at(start + 8 * entry + 4)), &mut shared.budget)?,
                COMPRESSED => {
                    let value = at(start + 4 * entry);
                    let own = page + (at(page + 8) & 0xffff) as usize;
                    let encoding = match (value >> 24).checked_sub(common_count) {
                        Some(number) => at(own + 4 * number as usize),
                        None => at(common + 4 * (value >> 24) as usize),
                    };
                    push(&mut rows, (function.wrapping_add(value & 0xff_ffff), encoding), &mut shared.budget)?;
                }
                _ => break,
            }
        }
    }
    let (old, new) = (shared.plan.old.image_base, shared.plan.new.image_base);
    for (function, _) in &mut rows {
        *function = shared.map.find(old.wrapping_add(u64::from(*function))).0.wrapping_sub(new) as u32;
    }
    rows.sort_unstable();
    rows.dedup_by_key(|(function, _)| *function);
    Ok(rows)
}
