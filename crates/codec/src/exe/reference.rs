//! A field of the old file that holds an address.

use super::control::Neighbour;
use super::field::{KINDS, Kind, Use};
use super::targets::{BEFORE_LINES, LINES};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The address that it holds.
    pub(crate) target: u64,
    /// The address that the field is relative to, where that is not its own. For a branch, once it was
    /// [led](Reference::lead), where its target went.
    pub(crate) base: u64,
    /// Its offset.
    pub(crate) at: u32,
    pub(crate) kind: Kind,
    /// A scale, or a distance to the end of an instruction.
    pub(crate) shift: i8,
    pub(crate) usage: Use,
    /// For [`Kind::InPage`]: how many words before it the page is. For a branch that was led: how that is known.
    pub(crate) words: u8,
}

impl Reference {
    pub(crate) fn start(&self) -> usize {
        self.at as usize
    }

    pub(crate) fn end(&self) -> usize {
        self.at as usize + self.kind.size()
    }

    /// Whether it mostly leads to where the code around it went. Such a field is relative to itself.
    #[inline(always)]
    pub(crate) fn is_branch(&self) -> bool {
        self.usage == Use::Jump || self.kind == Kind::Branch19
    }

    /// Notes where the matches beside the branch say that its target went.
    pub(crate) fn lead(&mut self, new: u64, by: Neighbour) {
        (self.base, self.words) = (new, by as u8);
    }

    /// Where they say that it went.
    #[inline(always)]
    pub(crate) fn led(&self) -> Option<(u64, Neighbour)> {
        [Neighbour::Beside, Neighbour::Inside].into_iter().find(|by| *by as u8 == self.words).map(|by| (self.base, by))
    }
}

/// A reference of a table in 16 bytes, to put them in order: where it is, its kind, its target and its base (44
/// bits each, a line or a distance from the lowest address), and its scale. Ordered by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Packed(u128);

/// The numbers of a packed reference, the addresses as they are packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) at: u32,
    pub(crate) kind: u8,
    pub(crate) target: u64,
    pub(crate) base: u64,
    pub(crate) shift: u8,
}

const KIND_BITS: u32 = 5;
const SHIFT_BITS: u32 = 4;
const ADDRESS_BITS: u32 = 44;
const AT: u32 = KIND_BITS + 2 * ADDRESS_BITS + SHIFT_BITS;
const _: () = assert!(KINDS <= 1 << KIND_BITS && AT + 31 == u128::BITS);

/// The highest bit: set for lines.
const IS_LINE: u64 = 1 << (ADDRESS_BITS - 1);

/// Stands for the address 0, wherever the lowest one is.
const NOTHING: u64 = IS_LINE >> 1;

impl Packed {
    /// `None` if it holds what does not fit, which no honest file has.
    pub(crate) fn new(found: &Reference, low: u64) -> Option<Packed> {
        let shift = (-8..8).contains(&found.shift).then_some(found.shift as u8 & 15)?;
        let (target, base) = (pack(found.target, low)?, pack(found.base, low)?);
        Some(Packed::of(&Parts { at: found.at, kind: found.kind as u8, target, base, shift }))
    }

    /// Bits that have no place are left out.
    #[inline(always)]
    pub(crate) fn of(parts: &Parts) -> Packed {
        const MASK: u64 = (1 << ADDRESS_BITS) - 1;
        let mut all = u128::from(parts.at) << KIND_BITS | u128::from(parts.kind);
        for address in [parts.target, parts.base] {
            all = all << ADDRESS_BITS | u128::from(address & MASK);
        }
        Packed(all << SHIFT_BITS | u128::from(parts.shift & 15))
    }

    #[inline(always)]
    pub(crate) fn parts(self) -> Parts {
        const MASK: u64 = (1 << ADDRESS_BITS) - 1;
        Parts {
            at: (self.0 >> AT) as u32,
            kind: (self.0 >> (AT - KIND_BITS)) as u8 & ((1 << KIND_BITS) - 1),
            target: (self.0 >> (ADDRESS_BITS + SHIFT_BITS)) as u64 & MASK,
            base: (self.0 >> SHIFT_BITS) as u64 & MASK,
            shift: self.0 as u8 & 15,
        }
    }

    #[inline(always)]
    pub(crate) fn unpack(self, low: u64) -> Reference {
        Reference {
            target: unpack((self.0 >> (ADDRESS_BITS + SHIFT_BITS)) as u64, low),
            base: unpack((self.0 >> SHIFT_BITS) as u64, low),
            at: (self.0 >> AT) as u32,
            kind: Kind::of((self.0 >> (AT - KIND_BITS)) as u8 & ((1 << KIND_BITS) - 1)),
            shift: (((self.0 as u8) << 4) as i8) >> 4,
            usage: Use::Other,
            words: 0,
        }
    }
}

fn pack(address: u64, low: u64) -> Option<u64> {
    const MASK: u64 = IS_LINE - 1;
    if address == 0 {
        return Some(NOTHING);
    }
    if address >= LINES && address - LINES < MASK {
        return Some(IS_LINE | (address - LINES));
    }
    if address == BEFORE_LINES {
        return Some(IS_LINE | MASK);
    }
    let distance = address.wrapping_sub(low) as i64;
    let reach = (IS_LINE >> 1) as i64;
    (-reach < distance && distance < reach).then_some(distance as u64 & MASK)
}

#[inline(always)]
fn unpack(packed: u64, low: u64) -> u64 {
    const MASK: u64 = IS_LINE - 1;
    let value = packed & MASK;
    match packed & IS_LINE {
        0 if value == NOTHING => 0,
        0 => {
            let unused = u64::BITS - (ADDRESS_BITS - 1);
            low.wrapping_add(((value << unused) as i64 >> unused) as u64)
        }
        _ if value == MASK => BEFORE_LINES,
        _ => LINES + value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again_in_order() {
        let mut last = None;
        for low in [0u64, 0x40_0000, 0x1_0000_0000, 0xffff_ffff_8000_0000] {
            for (at, target, base) in [
                (0, low.wrapping_add(5), 0),
                (1, 0, low),
                (2, LINES | 0x1234 << 24 | 77, BEFORE_LINES),
                (2, low.wrapping_sub(8), LINES),
                (i32::MAX as u32, low.wrapping_add(1 << 40), low.wrapping_add(1 << 31)),
            ] {
                for (kind, shift) in [(Kind::Relative32, -4), (Kind::LineLeb3, 7)] {
                    let found = Reference { target, base, at, kind, shift, usage: Use::Other, words: 0 };
                    let packed = Packed::new(&found, low).expect("it fits");
                    assert_eq!(packed.unpack(low), found);
                    assert_eq!((packed.parts().at, Packed::of(&packed.parts())), (at, packed));
                    assert!(last.is_none_or(|last| last < packed) || at == 0 || at == 2);
                    last = Some(packed);
                }
            }
        }
        let far =
            Reference { target: 1 << 50, base: 0, at: 0, kind: Kind::Near, shift: 0, usage: Use::Other, words: 0 };
        assert_eq!(Packed::new(&far, 0), None);
    }
}
