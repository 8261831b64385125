//! The exception tables of C++ and Rust on ELF and Mach-O: call sites, relative to the function
//! and told in LEB128.

use super::super::field::Kind;
use super::Scanner;

/// Longest table where the next one does not tell.
const LONGEST: usize = 64 << 10;

impl Scanner<'_, '_> {
    /// The tables that `.eh_frame` named.
    pub(super) fn exceptions(&mut self) {
        let mut tables = std::mem::take(&mut self.exceptions);
        tables.sort_unstable();
        tables.dedup_by_key(|(table, _)| *table);
        for (number, (table, function)) in tables.iter().enumerate() {
            let Some(at) = self.layout.offset(*table) else { continue };
            let next = tables.get(number + 1).and_then(|(next, _)| self.layout.offset(*next));
            let end = next.filter(|next| *next > at).unwrap_or(at + LONGEST).min(self.image.size());
            // A table of another form is left alone.
            let _ = self.exception_table(at, end, *function);
        }
    }

    fn exception_table(&mut self, mut at: usize, end: usize, function: u64) -> Option<()> {
        const OMITTED: u8 = 0xff;
        const LEB128: u8 = 1;
        self.step()?;
        if self.image.u8(at)? != OMITTED {
            return None;
        }
        let types = self.image.u8(at + 1)?;
        at += 2;
        if types != OMITTED {
            self.image.leb(&mut at, end)?;
        }
        if at >= end || self.image.u8(at)? != LEB128 {
            return None;
        }
        at += 1;
        let length = self.image.leb(&mut at, end)?;
        let end = at.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(end);
        while at < end {
            self.step()?;
            let start_at = at;
            let start = self.image.leb(&mut at, end)?;
            let length_at = at;
            let length = self.image.leb(&mut at, end)?;
            let pad_at = at;
            let pad = self.image.leb(&mut at, end)?;
            let pad_end = at;
            self.image.leb(&mut at, end)?;
            let first = function.wrapping_add(start);
            self.leb(start_at, length_at, first, function)?;
            self.leb(length_at, pad_at, first.wrapping_add(length), first)?;
            if pad != 0 {
                self.leb(pad_at, pad_end, function.wrapping_add(pad), function)?;
            }
        }
        Some(())
    }

    fn leb(&mut self, at: usize, end: usize, target: u64, base: u64) -> Option<()> {
        match Kind::leb(end - at) {
            Some(kind) => self.put(at, kind, 0, target, base),
            None => Some(()),
        }
    }
}
