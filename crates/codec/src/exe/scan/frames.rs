//! `.eh_frame`: for each function its address, its length and its exception table; and the
//! index of it.

use super::super::field::Kind;
use super::super::layout::Region;
use super::Scanner;

impl Scanner<'_, '_> {
    /// Entries with addresses of `size` bytes.
    pub(super) fn frames(&mut self, region: &Region, size: usize) -> Option<()> {
        let mut at = region.offset;
        while at + 8 <= region.end() {
            self.step()?;
            let length = self.image.u32(at)? as usize;
            if length == 0 {
                at += 4;
                continue;
            }
            let next = at.checked_add(4)?.checked_add(length)?;
            if next > region.end() || length < 12 {
                return None;
            }
            if self.image.u32(at + 4)? != 0 {
                self.frame(at, next, size)?;
            }
            at = next;
        }
        Some(())
    }

    fn frame(&mut self, at: usize, next: usize, size: usize) -> Option<()> {
        self.field(at + 4, Kind::Backward32, 0)?;
        let address = |scanner: &mut Self, at| match size {
            4 => scanner.relative_to_itself(at),
            _ => scanner.field(at, Kind::Relative64, 0),
        };
        if at + 8 + 2 * size > next {
            return Some(());
        }
        let function = address(self, at + 8)?;
        self.field(at + 8 + size, Kind::Length32, function)?;
        let data = at + 8 + 2 * size;
        if data < next && (size..128).contains(&usize::from(self.image.u8(data)?)) && data + 1 + size <= next {
            let table = address(self, data + 1)?;
            super::super::memory::push(&mut self.exceptions, (table, function), self.budget)
                .map_err(|error| self.failed = Some(error))
                .ok()?;
        }
        Some(())
    }

    /// `.eh_frame_hdr`: the address of `.eh_frame`, then two addresses for each function, relative to
    /// the beginning of this section.
    pub(super) fn frame_index(&mut self, region: &Region) -> Option<()> {
        let base = self.layout.address(region.offset)?;
        self.relative_to_itself(region.offset + 4)?;
        let mut at = region.offset + 12;
        while at + 4 <= region.end() {
            self.field(at, Kind::Based32, base)?;
            at += 4;
        }
        Some(())
    }

    /// A field of 4 bytes that is relative to where it begins.
    fn relative_to_itself(&mut self, at: usize) -> Option<u64> {
        self.step()?;
        let target = self.read(at, Kind::Relative32, -4, 0)?;
        self.put(at, Kind::Relative32, -4, target, 0)?;
        Some(target)
    }
}
