//! The function table of PE, `.pdata`, and what it points to: unwind information with handlers
//! and the tables of the C++ runtime.

use super::super::field::Kind;
use super::super::layout::{Content, Region};
use super::super::memory::push;
use super::super::windows::{CHAINED, HANDLER, unwind_size_arm64};
use super::Scanner;
use std::collections::BTreeSet;

/// What the C++ runtime's description of a function begins with; the last digit is a version.
const CPP_MAGIC: u32 = 0x1993_0520;

/// Most entries of one table.
const MOST: u32 = 100_000;

impl Scanner<'_, '_> {
    /// Rows of x86-64: begin, end, unwind information.
    pub(super) fn functions_x86(&mut self, region: &Region) -> Option<()> {
        let base = self.layout.image_base;
        let mut at = region.offset;
        while at + 12 <= region.end() && self.image.u32(at)? != 0 {
            self.field(at, Kind::Image32, base)?;
            self.field(at + 4, Kind::Image32, base)?;
            let unwind = self.field(at + 8, Kind::Image32, base)?;
            self.unwind_at(unwind)?;
            at += 12;
        }
        Some(())
    }

    /// Rows of arm64: begin, and unwind information or its address.
    pub(super) fn functions_arm64(&mut self, region: &Region) -> Option<()> {
        let base = self.layout.image_base;
        let mut at = region.offset;
        while at + 8 <= region.end() && self.image.u32(at)? != 0 {
            self.field(at, Kind::Image32, base)?;
            if self.image.u32(at + 4)? & 3 == 0 {
                let unwind = self.field(at + 4, Kind::Image32, base)?;
                self.unwind_at(unwind)?;
            }
            at += 8;
        }
        Some(())
    }

    fn unwind_at(&mut self, address: u64) -> Option<()> {
        push(&mut self.unwind, address, self.budget).map_err(|error| self.failed = Some(error)).ok()
    }

    pub(super) fn unwind_data(&mut self) {
        let mut unwind = std::mem::take(&mut self.unwind);
        unwind.sort_unstable();
        unwind.dedup();
        let Some(region) = self.layout.regions.iter().find(|region| region.content == Content::UnwindData) else {
            return;
        };
        let is_arm64 = self.layout.regions.iter().any(|region| region.content == Content::Functions8);
        let mut walk = Walk { scanner: self, region: *region, seen: BTreeSet::new(), functions: BTreeSet::new() };
        for address in unwind {
            let Some(at) = walk.inside(address) else { continue };
            // What is cut off is left alone.
            let _ = if is_arm64 { walk.unwind_arm64(at) } else { walk.unwind_x86(at) };
        }
        for at in std::mem::take(&mut walk.functions) {
            let _ = walk.function(at);
        }
    }
}

struct Walk<'w, 'a, 'f> {
    scanner: &'w mut Scanner<'a, 'f>,
    region: Region,
    seen: BTreeSet<usize>,
    functions: BTreeSet<usize>,
}

impl Walk<'_, '_, '_> {
    fn inside(&self, address: u64) -> Option<usize> {
        let at = self.scanner.layout.offset(address)?;
        (at >= self.region.offset && at + 4 <= self.region.end()).then_some(at)
    }

    /// An address, if there is one; a field is taken once.
    fn address(&mut self, at: usize) -> Option<u64> {
        self.scanner.step()?;
        if at + 4 > self.region.end() {
            return None;
        }
        let base = self.scanner.layout.image_base;
        let value = self.scanner.image.u32(at)?;
        let target = base.wrapping_add(value.into());
        if value == 0 || target >= self.scanner.high {
            return None;
        }
        if self.seen.insert(at) {
            // An entry of the set.
            self.scanner.take(24)?;
            self.scanner.put(at, Kind::Image32, 0, target, base)?;
        }
        Some(target)
    }

    /// Behind the codes: a chained row, or a handler and its data.
    fn unwind_x86(&mut self, at: usize) -> Option<()> {
        let flags = self.scanner.image.u8(at)? >> 3;
        let codes = usize::from(self.scanner.image.u8(at + 2)?);
        let behind = at + 4 + 2 * codes.next_multiple_of(2);
        if flags & CHAINED != 0 {
            for field in 0..3 {
                self.address(behind + 4 * field)?;
            }
        } else if flags & HANDLER != 0 {
            self.handler(behind)?;
        }
        Some(())
    }

    fn unwind_arm64(&mut self, at: usize) -> Option<()> {
        let head = self.scanner.image.u32(at)?;
        if head >> 20 & 1 == 0 {
            return Some(());
        }
        let size = unwind_size_arm64(&self.scanner.image.bytes::<8>(at)?);
        self.handler(at.checked_add(size)?.checked_sub(8)?)
    }

    fn handler(&mut self, at: usize) -> Option<()> {
        self.address(at)?;
        let data = self.scanner.image.u32(at + 4)?;
        let described = self.inside(self.scanner.layout.image_base.wrapping_add(data.into()))?;
        if self.scanner.image.u32(described)? & !15 == CPP_MAGIC {
            self.address(at + 4)?;
            self.functions.insert(described);
        }
        Some(())
    }

    /// The C++ runtime's description of a function: states, try blocks, places.
    fn function(&mut self, at: usize) -> Option<()> {
        let number = |walk: &mut Self, at: usize| walk.scanner.image.u32(at).map(|count| count.min(MOST) as usize);
        let (states, tries, places) = (number(self, at + 4)?, number(self, at + 12)?, number(self, at + 20)?);
        let state_table = self.address(at + 8);
        let try_table = self.address(at + 16);
        let place_table = self.address(at + 24);
        self.address(at + 32);
        if let Some(table) = state_table.and_then(|table| self.inside(table)) {
            for state in 0..states {
                self.scanner.step()?;
                self.address(table + 8 * state + 4);
            }
        }
        if let Some(table) = place_table.and_then(|table| self.inside(table)) {
            for place in 0..places {
                self.address(table + 8 * place)?;
            }
        }
        let table = try_table.and_then(|table| self.inside(table))?;
        for block in 0..tries {
            let block = table + 20 * block;
            let catches = number(self, block + 12)?;
            let Some(handlers) = self.address(block + 16).and_then(|table| self.inside(table)) else { continue };
            for catch in 0..catches.min(1000) {
                self.scanner.step()?;
                self.address(handlers + 20 * catch + 4);
                self.address(handlers + 20 * catch + 12);
            }
        }
        Some(())
    }
}
