//! `__unwind_info` of Mach-O: pages of functions with compact encodings.

use super::super::field::Kind;
use super::super::layout::Region;
use super::Scanner;

impl Scanner<'_, '_> {
    pub(super) fn unwind(&mut self, region: &Region) -> Option<()> {
        let base = self.layout.image_base;
        let within = |at: usize| region.offset.checked_add(at).filter(|at| *at <= region.end().saturating_sub(4));
        let number = |scanner: &mut Self, at: usize| Some(scanner.image.u32(within(at)?)? as usize);
        let (personalities, count) = (number(self, 12)?, number(self, 16)?);
        for place in 0..count.min(16) {
            self.field(within(personalities.checked_add(4 * place)?)?, Kind::Image32, base)?;
        }
        let (index, count) = (number(self, 20)?, number(self, 24)?);
        let (mut first, mut last) = (usize::MAX, 0);
        for place in 0..count {
            self.step()?;
            let entry = index.checked_add(12 * place)?;
            let function = self.field(within(entry)?, Kind::Image32, base)?;
            let (page, exceptions) = (number(self, entry + 4)?, number(self, entry + 8)?);
            (first, last) = (first.min(exceptions), last.max(exceptions));
            if page != 0 {
                // A page of another form is left alone.
                let _ = self.unwind_page(region, page, function);
            }
        }
        let mut at = first;
        while at < last {
            self.field(within(at)?, Kind::Image32, base)?;
            self.field(within(at + 4)?, Kind::Image32, base)?;
            at += 8;
        }
        Some(())
    }

    fn unwind_page(&mut self, region: &Region, page: usize, function: u64) -> Option<()> {
        const REGULAR: u32 = 2;
        const COMPRESSED: u32 = 3;
        let base = self.layout.image_base;
        let page = region.offset.checked_add(page)?;
        let kind = self.image.u32(page)?;
        let entries = self.image.u32(page + 4)?;
        let (start, count) = (page + (entries & 0xffff) as usize, (entries >> 16) as usize);
        for place in 0..count {
            self.step()?;
            match kind {
                REGULAR if start + 8 * place + 8 <= region.end() => {
                    self.field(start + 8 * place, Kind::Image32, base)?;
                }
                COMPRESSED if start + 4 * place + 4 <= region.end() => {
                    self.field(start + 4 * place, Kind::Unwind24, function)?;
                }
                _ => return None,
            }
        }
        Some(())
    }
}
