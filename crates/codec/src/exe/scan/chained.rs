//! Addresses of Mach-O that are chained: each says how far the next one is.

use super::super::field::Kind;
use super::super::layout::Region;
use super::Scanner;

impl Scanner<'_, '_> {
    /// Words whose lower half is relative to the image's base, and whose upper bits are the distance
    /// to the next one. Where a chain begins is not known: a word is taken for one of a chain if
    /// another follows it or came before.
    pub(super) fn chained_pointers(&mut self, region: &Region) -> Option<()> {
        const IMPORT: u64 = 1 << 63;
        // What is no part of a word that is relative to the base, or is the base's own upper half.
        const UNUSED: u64 = 0x7fff << 36;
        let base = self.layout.image_base;
        let mut at = region.offset.next_multiple_of(8);
        let mut expected = usize::MAX;
        while at + 8 <= region.end() {
            let word = self.image.u64(at)?;
            let next = (word >> 51 & 0xfff) as usize;
            if next != 0 || at == expected {
                let target = base.wrapping_add(word & 0xffff_ffff);
                if word & IMPORT != 0 {
                    expected = at + 4 * next;
                } else if word & UNUSED == 0 && self.is_image(target) {
                    expected = at + 4 * next;
                    self.put(at, Kind::Image32, 0, target, base)?;
                }
            }
            at += 8;
        }
        Some(())
    }
}
