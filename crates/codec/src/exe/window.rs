//! A piece of the old file as it is needed to make a match of it: its bytes, what each of them
//! is, and its references.

use super::arm64;
use super::class::{ARM64, DATA, START};
use super::image::Image;
use super::instruction::{self, LONGEST};
use super::layout::{Content, Layout};
use super::reference::Reference;
use super::scan::{Scanned, instructions_from, reach};
use super::tables::{Cursor, Tables};
use crate::CodecError;

/// Most bytes of a window.
pub(crate) const WINDOW: usize = 16 << 10;

/// Bytes that are looked at before and behind a window.
const AROUND: usize = 2 * arm64::REACH + 2 * LONGEST;

/// Memory that a window takes: bytes, classes, and a reference for each 4 bytes at most.
pub(crate) const WINDOW_MEMORY: u64 = ((WINDOW + AROUND) * (5 + 2 * (size_of::<Reference>() + 2) / 4)) as u64;

#[derive(Default)]
pub(crate) struct Window {
    pub(crate) start: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) classes: Vec<u8>,
    /// Those that lie wholly inside, ascending and disjoint.
    pub(crate) references: Vec<Reference>,
    buffer: Vec<u8>,
    parts: Vec<u8>,
    code: Vec<Reference>,
    /// Of [`Scanned::tables`], the first that is not in the last window.
    cursor: Cursor,
}

impl Window {
    /// Loads `length` bytes from `start` on, or less: a window that does not reach as far ends
    /// where a unit does. Returns how many bytes it has, at least one. Who asks for nothing but
    /// references does without classes.
    pub(crate) fn load<const CLASSES: bool>(
        &mut self,
        image: &mut Image<'_>,
        layout: &Layout,
        scanned: &Scanned,
        start: usize,
        length: usize,
    ) -> Result<usize, CodecError> {
        let size = length.min(WINDOW);
        self.start = start;
        self.bytes.resize(size, 0);
        image.read(start, &mut self.bytes)?;
        self.classes.clear();
        if CLASSES {
            self.classes
                .extend((start..start + size).map(|at| (DATA + (at & 3) as u8) | if at & 3 == 0 { START } else { 0 }));
        }
        self.code.clear();
        let end = start + size;
        let range = layout.range();
        let span = range.1.wrapping_sub(range.0);
        for number in layout.region_from(start)..layout.regions.len() {
            let region = layout.regions[number];
            if region.offset >= end {
                break;
            }
            let (first, last) = (region.offset.max(start), region.end().min(end));
            match region.content {
                Content::X86 => {
                    let from = instructions_from(&scanned.checkpoints, number, &region, first);
                    self.buffer.resize(last - from + LONGEST, 0);
                    image.read(from, &mut self.buffer)?;
                    let address = layout.address(from).unwrap_or(0);
                    let code = &mut self.code;
                    let on_field = |found: Reference, _: bool| {
                        if found.target.wrapping_sub(range.0) < span && found.start() >= first {
                            code.push(found);
                        }
                    };
                    // The first ones only find out where in an instruction the window begins.
                    let (skipped, length) = (first - from, last - from);
                    if CLASSES {
                        self.parts.resize(self.buffer.len(), 0);
                    }
                    let parts = &mut self.parts;
                    instruction::scan::<CLASSES>(&self.buffer, length, (from, address), parts, |_| {}, on_field);
                    if CLASSES {
                        self.classes[first - start..last - start].copy_from_slice(&self.parts[skipped..length]);
                    }
                }
                Content::Arm64 => {
                    for at in if CLASSES { first..last } else { 0..0 } {
                        let place = (at - region.offset) as u8 & 3;
                        self.classes[at - start] = (ARM64 + place) | if place == 0 { START } else { 0 };
                    }
                    let (from, to) = reach(&region, first, last);
                    self.buffer.resize(to - from, 0);
                    image.read(from, &mut self.buffer)?;
                    arm64::scan(&self.buffer, (from, layout.address(from).unwrap_or(0)), &mut self.code);
                    self.code.retain(|found| found.start() >= start);
                }
                _ => {}
            }
        }
        self.merge(&scanned.tables, end);
        match size < length {
            true if CLASSES => Ok(self.cut()),
            true => Ok(self.cut_behind_a_field()),
            false => Ok(size),
        }
    }

    /// Merges the references of code with those of tables; what overlaps one before is left out.
    fn merge(&mut self, tables: &Tables, end: usize) {
        let cursor = &mut self.cursor;
        tables.seek(cursor, self.start);
        self.references.clear();
        let mut free = self.start;
        let mut put = |found: Reference| {
            if found.start() >= free && found.end() <= end {
                free = found.end();
                self.references.push(found);
            }
        };
        for found in &self.code {
            while let Some(table) = tables.peek(cursor).filter(|table| table.start() < found.start()) {
                put(table);
                cursor.pass();
            }
            put(*found);
        }
        while let Some(table) = tables.peek(cursor).filter(|table| table.start() < end) {
            put(table);
            cursor.pass();
        }
        if self.classes.is_empty() {
            return;
        }
        for found in self.references.iter().filter(|found| found.kind.is_leb()) {
            // These are units of their own.
            let (first, behind) = (found.start() - self.start, found.end() - self.start);
            self.classes[first..behind].iter_mut().for_each(|class| *class &= !START);
            self.classes[first] |= START;
            if let Some(class) = self.classes.get_mut(behind) {
                *class |= START;
            }
        }
    }

    /// Ends the window where a unit begins, if one does near its end. Returns its length.
    fn cut(&mut self) -> usize {
        let size = self.classes.len();
        let is_inside = |references: &[Reference], at: usize| {
            let next = references.partition_point(|found| found.start() < at);
            next > 0 && references[next - 1].end() > at
        };
        let units = (size.saturating_sub(LONGEST * 4)..size).rev();
        let end = units
            .filter(|at| *at > 0 && self.classes[*at] & START != 0)
            .find(|at| !is_inside(&self.references, self.start + at))
            .unwrap_or(size);
        self.bytes.truncate(end);
        self.classes.truncate(end);
        let behind = self.references.partition_point(|found| found.start() < self.start + end);
        self.references.truncate(behind);
        while self.references.last().is_some_and(|found| found.end() > self.start + end) {
            self.references.pop();
        }
        end
    }

    /// Ends the window where no field can reach over its end. Returns its length.
    fn cut_behind_a_field(&mut self) -> usize {
        let end = self.start + self.bytes.len().saturating_sub(LONGEST).max(1);
        let behind = self.references.partition_point(|found| found.start() < end);
        self.references.truncate(behind);
        let length = self.references.last().map_or(end, |found| found.end().max(end)) - self.start;
        self.bytes.truncate(length);
        length
    }
}
