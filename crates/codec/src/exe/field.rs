//! Fields that hold an address, and how they hold it.

/// The form of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    /// 4 bytes, relative to their own end plus `shift`.
    Relative32,
    /// 4 bytes: the field's address less the target.
    Backward32,
    /// 8 bytes: the address.
    Absolute64,
    /// 4 bytes, relative to the image's base, which does not move.
    Image32,
    /// 4 bytes, relative to another address, scaled by `shift`.
    Based32,
    /// 8 bytes, relative to the field.
    Relative64,
    /// arm64: B and BL.
    Branch26,
    /// arm64: conditional branches and literal loads.
    Branch19,
    /// arm64: ADRP, the page.
    Page,
    /// arm64: the place in the page, scaled by `shift`; belongs to a `Page` before it.
    InPage,
    /// arm64: ADR.
    Near,
    /// The low 24 bits, relative to the first function of a page of Mach-O's unwind table.
    Unwind24,
    /// 4 bytes: a length, that is the target less the base, plus one.
    Length32,
    /// 1 to 3 bytes, LEB128, relative to another address.
    Leb1,
    Leb2,
    Leb3,
    /// 4 bytes: a line number of Go; the target is a file and a line.
    Line32,
    /// 1 to 3 bytes, LEB128, zigzag: a difference of line numbers of Go.
    LineLeb1,
    LineLeb2,
    LineLeb3,
}

/// How many kinds there are.
pub(crate) const KINDS: usize = 20;

/// What a field is used for, as far as it helps to guess its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Use {
    Other,
    /// Code that reads, writes or takes an address.
    Data,
    Call,
    Jump,
}

/// All of them, in order.
const ALL: [Kind; KINDS] = [
    Kind::Relative32,
    Kind::Backward32,
    Kind::Absolute64,
    Kind::Image32,
    Kind::Based32,
    Kind::Relative64,
    Kind::Branch26,
    Kind::Branch19,
    Kind::Page,
    Kind::InPage,
    Kind::Near,
    Kind::Unwind24,
    Kind::Length32,
    Kind::Leb1,
    Kind::Leb2,
    Kind::Leb3,
    Kind::Line32,
    Kind::LineLeb1,
    Kind::LineLeb2,
    Kind::LineLeb3,
];

impl Kind {
    /// The kind of this number.
    #[inline(always)]
    pub(crate) fn of(number: u8) -> Kind {
        ALL.get(usize::from(number)).copied().unwrap_or(Kind::Absolute64)
    }

    #[inline(always)]
    pub(crate) fn size(self) -> usize {
        match self {
            Kind::Absolute64 | Kind::Relative64 => 8,
            Kind::Leb1 | Kind::LineLeb1 => 1,
            Kind::Leb2 | Kind::LineLeb2 => 2,
            Kind::Leb3 | Kind::LineLeb3 => 3,
            _ => 4,
        }
    }

    /// A LEB128 of `size` bytes, relative to an address.
    pub(crate) fn leb(size: usize) -> Option<Kind> {
        [Kind::Leb1, Kind::Leb2, Kind::Leb3].get(size.wrapping_sub(1)).copied()
    }

    /// A LEB128 of `size` bytes that holds a difference of lines.
    pub(crate) fn line_leb(size: usize) -> Option<Kind> {
        [Kind::LineLeb1, Kind::LineLeb2, Kind::LineLeb3].get(size.wrapping_sub(1)).copied()
    }

    #[inline(always)]
    pub(crate) fn is_leb(self) -> bool {
        matches!(self, Kind::Leb1 | Kind::Leb2 | Kind::Leb3 | Kind::LineLeb1 | Kind::LineLeb2 | Kind::LineLeb3)
    }

    /// Whether the target is a line of a source file.
    #[inline(always)]
    pub(crate) fn is_line(self) -> bool {
        matches!(self, Kind::Line32 | Kind::LineLeb1 | Kind::LineLeb2 | Kind::LineLeb3)
    }

    /// Whether the field is relative to a base that moves as targets do.
    #[inline(always)]
    pub(crate) fn has_moving_base(self) -> bool {
        matches!(self, Kind::Based32 | Kind::Length32 | Kind::LineLeb1 | Kind::LineLeb2 | Kind::LineLeb3)
            || matches!(self, Kind::Leb1 | Kind::Leb2 | Kind::Leb3)
    }

    /// A length or a LEB128 of a length: the old value is a good guess where the map is not.
    #[inline(always)]
    pub(crate) fn is_span(self) -> bool {
        matches!(self, Kind::Length32 | Kind::Leb1 | Kind::Leb2 | Kind::Leb3)
    }

    /// The bits of the field's 4 bytes that are no part of the address.
    #[inline(always)]
    pub(crate) fn opcode(self) -> u32 {
        match self {
            Kind::Branch26 => 0xfc00_0000,
            Kind::Branch19 => 0xff00_001f,
            Kind::Page | Kind::Near => 0x9f00_001f,
            Kind::InPage => 0xffc0_03ff,
            Kind::Unwind24 => 0xff00_0000,
            _ => 0,
        }
    }

    /// The address in the field `bytes`, which lies at `address`. For `InPage` `base` is the page.
    #[inline(always)]
    pub(crate) fn read(self, shift: i8, base: u64, bytes: &[u8], address: u64) -> u64 {
        let distance = i64::from(shift) as u64;
        let shift = u32::from(shift as u8 & 7);
        let word = word(bytes);
        match self {
            Kind::Relative32 => address.wrapping_add(signed(word, 32) as u64).wrapping_add(4).wrapping_add(distance),
            Kind::Backward32 => address.wrapping_sub(word.into()),
            Kind::Absolute64 => long(bytes),
            Kind::Relative64 => address.wrapping_add(long(bytes)),
            Kind::Image32 => base.wrapping_add(word.into()),
            Kind::Based32 => base.wrapping_add((i64::from(word as i32) << shift) as u64),
            Kind::Branch26 => address.wrapping_add((signed(word & 0x03ff_ffff, 26) << 2) as u64),
            Kind::Branch19 => address.wrapping_add((signed(word >> 5 & 0x7_ffff, 19) << 2) as u64),
            Kind::Page => (address & !0xfff).wrapping_add((signed(adr(word), 21) << 12) as u64),
            Kind::Near => address.wrapping_add(signed(adr(word), 21) as u64),
            Kind::InPage => base.wrapping_add(u64::from(word >> 10 & 0xfff) << shift),
            Kind::Unwind24 => base.wrapping_add(u64::from(word & 0x00ff_ffff)),
            Kind::Length32 => base.wrapping_add(word.into()).wrapping_sub(1),
            Kind::Line32 => word.into(),
            Kind::Leb1 | Kind::Leb2 | Kind::Leb3 => base.wrapping_add(leb(self.size(), bytes)),
            Kind::LineLeb1 | Kind::LineLeb2 | Kind::LineLeb3 => {
                base.wrapping_add(crate::number::unzigzag(leb(self.size(), bytes)) as u64)
            }
        }
    }

    /// Writes `target` into the field; bits that are no part of the address stay.
    #[inline(always)]
    pub(crate) fn write(self, shift: i8, base: u64, bytes: &mut [u8], address: u64, target: u64) {
        let distance = i64::from(shift) as u64;
        let shift = u32::from(shift as u8 & 7);
        let old = word(bytes);
        let from_here = target.wrapping_sub(address);
        let new = match self {
            Kind::Relative32 => from_here.wrapping_sub(4).wrapping_sub(distance) as u32,
            Kind::Backward32 => address.wrapping_sub(target) as u32,
            Kind::Absolute64 => return store(bytes, &target.to_le_bytes()),
            Kind::Relative64 => return store(bytes, &from_here.to_le_bytes()),
            Kind::Image32 => target.wrapping_sub(base) as u32,
            Kind::Based32 => (target.wrapping_sub(base) >> shift) as u32,
            Kind::Branch26 => old & 0xfc00_0000 | ((from_here >> 2) as u32 & 0x03ff_ffff),
            Kind::Branch19 => old & 0xff00_001f | ((from_here >> 2) as u32 & 0x7_ffff) << 5,
            Kind::Page => old & 0x9f00_001f | to_adr(((target & !0xfff).wrapping_sub(address & !0xfff) >> 12) as u32),
            Kind::Near => old & 0x9f00_001f | to_adr(from_here as u32),
            Kind::InPage => old & 0xffc0_03ff | (((target & 0xfff) >> shift) as u32 & 0xfff) << 10,
            Kind::Unwind24 => old & 0xff00_0000 | (target.wrapping_sub(base) as u32 & 0x00ff_ffff),
            Kind::Length32 => target.wrapping_sub(base).wrapping_add(1) as u32,
            Kind::Line32 => target as u32,
            Kind::Leb1 | Kind::Leb2 | Kind::Leb3 => return to_leb(self.size(), bytes, target.wrapping_sub(base)),
            Kind::LineLeb1 | Kind::LineLeb2 | Kind::LineLeb3 => {
                let lines = crate::number::zigzag(target.wrapping_sub(base) as i64);
                return to_leb(self.size(), bytes, lines);
            }
        };
        store(bytes, &new.to_le_bytes());
    }
}

/// The first 4 bytes as a number; bytes that are not there are zero.
#[inline(always)]
pub(crate) fn word(bytes: &[u8]) -> u32 {
    match bytes.first_chunk() {
        Some(bytes) => u32::from_le_bytes(*bytes),
        None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)),
    }
}

#[inline(always)]
fn long(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[inline(always)]
fn store(bytes: &mut [u8], value: &[u8]) {
    for (byte, value) in bytes.iter_mut().zip(value) {
        *byte = *value;
    }
}

#[inline(always)]
fn signed(value: u32, bits: u32) -> i64 {
    i64::from((value << (32 - bits)) as i32 >> (32 - bits))
}

#[inline(always)]
fn adr(word: u32) -> u32 {
    (word >> 5 & 0x7_ffff) << 2 | (word >> 29 & 3)
}

#[inline(always)]
fn to_adr(value: u32) -> u32 {
    let value = value & 0x1f_ffff;
    (value & 3) << 29 | (value >> 2) << 5
}

#[inline(always)]
fn leb(size: usize, bytes: &[u8]) -> u64 {
    bytes.iter().take(size).rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
}

#[inline(always)]
fn to_leb(size: usize, bytes: &mut [u8], value: u64) {
    for (at, byte) in bytes.iter_mut().take(size).enumerate() {
        *byte = (value >> (7 * at)) as u8 & 0x7f | if at + 1 < size { 0x80 } else { 0 };
    }
}

/// Whether these bytes are a LEB128 of just this length.
pub(crate) fn is_leb_of(size: usize, bytes: &[u8]) -> bool {
    bytes.len() >= size && (0..size).all(|at| (bytes[at] >= 0x80) == (at + 1 < size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let kinds = [
            Kind::Relative32,
            Kind::Backward32,
            Kind::Absolute64,
            Kind::Image32,
            Kind::Based32,
            Kind::Relative64,
            Kind::Branch26,
            Kind::Branch19,
            Kind::Page,
            Kind::Near,
            Kind::Unwind24,
            Kind::Length32,
            Kind::Leb3,
        ];
        for kind in kinds {
            for target in [0x14_1000u64, 0x14_0000, 0x15_f000] {
                let (address, base) = (0x15_0000, 0x13_0000);
                let address = if kind == Kind::Backward32 { 0x20_0000 } else { address };
                let mut bytes = [0xff; 8];
                kind.write(0, base, &mut bytes, address, target);
                assert_eq!(kind.read(0, base, &bytes, address), target, "{kind:?} {target:x}");
            }
        }
    }

    #[test]
    fn any_bytes_can_be_read_and_any_target_written() {
        for number in 0..KINDS as u8 {
            let kind = Kind::of(number);
            assert_eq!(kind as u8, number);
            for bytes in [&[][..], &[0xff; 3], &[0xff; 8], &[0; 8]] {
                for value in [0, u64::MAX, 1 << 63] {
                    let mut copy = bytes.to_vec();
                    kind.write(-1, value, &mut copy, value, value ^ 5);
                    kind.read(-1, value, bytes, value);
                }
            }
        }
    }
}
