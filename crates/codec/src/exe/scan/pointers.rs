//! Addresses of 8 bytes in data, in the relocations of ELF, and in symbol tables.

use super::super::field::Kind;
use super::super::layout::Region;
use super::Scanner;

/// Types of relocations that hold an address in their addend: of x86-64 and of arm64.
const RELATIVE: [u64; 2] = [8, 1027];

impl Scanner<'_, '_> {
    pub(super) fn pointers(&mut self, region: &Region) -> Option<()> {
        let mut at = region.offset.next_multiple_of(8);
        while at + 8 <= region.end() {
            let target = self.image.u64(at)?;
            if self.is_image(target) {
                self.put(at, Kind::Absolute64, 0, target, 0)?;
            }
            at += 8;
        }
        Some(())
    }

    /// `.rela.dyn`: a place, a type, and an address, which some linkers store in the place too.
    pub(super) fn relocations(&mut self, region: &Region) -> Option<()> {
        let mut at = region.offset;
        while at + 24 <= region.end() {
            let place = self.image.u64(at)?;
            self.put(at, Kind::Absolute64, 0, place, 0)?;
            let addend = self.image.u64(at + 16)?;
            if self.is_image(addend) {
                self.put(at + 16, Kind::Absolute64, 0, addend, 0)?;
                if RELATIVE.contains(&self.image.u64(at + 8)?)
                    && let Some(offset) = self.layout.offset(place)
                    && self.image.u64(offset) == Some(addend)
                {
                    self.put(offset, Kind::Absolute64, 0, addend, 0)?;
                }
            }
            at += 24;
        }
        Some(())
    }

    /// Symbols of ELF (24 bytes) and Mach-O (16 bytes): name, address, and in ELF the length.
    /// Their names are relative to the last base that is sent.
    pub(super) fn symbols(&mut self, region: &Region, size: usize) -> Option<()> {
        let names = *self.layout.bases.last()?;
        let is_elf = size == 24;
        let mut at = region.offset;
        while at + size <= region.end() {
            if self.image.u32(at)? != 0 {
                self.field(at, Kind::Based32, names)?;
            }
            let is_defined =
                if is_elf { (1..0xff00).contains(&self.image.u16(at + 6)?) } else { self.image.u8(at + 5)? != 0 };
            let value = self.image.u64(at + 8)?;
            if is_defined && self.is_image(value) {
                self.put(at + 8, Kind::Absolute64, 0, value, 0)?;
                if is_elf && (1..1 << 20).contains(&self.image.u64(at + 16)?) {
                    self.field(at + 16, Kind::Length32, value)?;
                }
            }
            at += size;
        }
        Some(())
    }
}
