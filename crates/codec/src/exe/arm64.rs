//! arm64 code: words that hold an address, and the fields of the others.

use super::bit::hash;
use super::destinations::Reach;
use super::field::{Kind, Use, word};
use super::reference::Reference;
use super::tier::LITERAL;

/// How far a place in a page may be from the instruction that made the page, in bytes. A scan
/// that begins so far before a word, and ends so far behind it, finds what any other finds there.
pub(crate) const REACH: usize = 256;

/// The page that a register holds: where it was made, and as which of the references.
#[derive(Clone, Copy)]
struct Held {
    at: usize,
    page: u64,
    reference: usize,
    is_placed: bool,
}

/// Appends the references in `bytes`; the first has the offset `offset` and the address `address`.
pub(crate) fn scan(bytes: &[u8], (offset, address): (usize, u64), references: &mut Vec<Reference>) {
    let mut held: [Option<Held>; 32] = [None; 32];
    for (number, bytes) in bytes.chunks_exact(4).enumerate() {
        let code = word(bytes);
        let at = 4 * number;
        let here = address.wrapping_add(at as u64);
        let mut put = |kind: Kind, usage| {
            let target = kind.read(0, 0, bytes, here);
            references.push(Reference { target, base: 0, at: (offset + at) as u32, kind, shift: 0, usage, words: 0 });
            target
        };
        if code >> 26 & 0x1f == 5 {
            let is_call = code >> 31 == 1;
            put(Kind::Branch26, if is_call { Use::Call } else { Use::Jump });
            if is_call {
                // Registers that a called function need not keep.
                held[..19].fill(None);
            }
        } else if code & 0x9f00_0000 == 0x9000_0000 {
            let page = put(Kind::Page, Use::Data);
            held[code as usize & 31] = Some(Held { at, page, reference: references.len() - 1, is_placed: false });
        } else if code & 0x9f00_0000 == 0x1000_0000 {
            put(Kind::Near, Use::Other);
        } else if code & 0xff00_0010 == 0x5400_0000
            || code & 0x7e00_0000 == 0x3400_0000
            || code & 0xbf00_0000 == 0x1800_0000
        {
            put(Kind::Branch19, Use::Other);
        } else if let Some(shift) = placed(code) {
            let register = code as usize >> 5 & 31;
            if let Some(page) = held[register].as_mut().filter(|page| at - page.at <= REACH) {
                let target = Kind::InPage.read(shift, page.page, bytes, here);
                let words = ((at - page.at) / 4) as u8;
                let (kind, usage) = (Kind::InPage, Use::Other);
                references.push(Reference { target, base: 0, at: (offset + at) as u32, kind, shift, usage, words });
                if !page.is_placed {
                    page.is_placed = true;
                    references[page.reference].target = target;
                }
            }
            if writes_register(code) {
                held[code as usize & 31] = None;
            }
        }
    }
}

/// The scale of the place in a page, of the instructions that have one: ADD, and loads and
/// stores with an unsigned offset.
fn placed(code: u32) -> Option<i8> {
    if code & 0xffc0_0000 == 0x9100_0000 {
        return Some(0);
    }
    let is_access = code & 0x3b00_0000 == 0x3900_0000;
    let is_quad = code >> 26 & 1 == 1 && code >> 23 & 1 == 1;
    is_access.then_some(if is_quad { 4 } else { (code >> 30) as i8 })
}

fn writes_register(code: u32) -> bool {
    code & 0xffc0_0000 == 0x9100_0000 || (code >> 26 & 1 == 0 && code >> 22 & 3 != 0)
}

/// A register in a word: where, and of which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RegisterField {
    pub(crate) shift: u8,
    pub(crate) is_vector: bool,
}

/// An offset in a word: where, how many bits, its scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OffsetField {
    pub(crate) shift: u8,
    pub(crate) bits: u8,
    pub(crate) scale: u8,
    pub(crate) is_signed: bool,
}

impl OffsetField {
    pub(crate) fn read(self, code: u32) -> i32 {
        let bits = u32::from(self.bits);
        let raw = code >> self.shift & ((1 << bits) - 1);
        let value = if self.is_signed { (raw << (32 - bits)) as i32 >> (32 - bits) } else { raw as i32 };
        value << self.scale
    }

    pub(crate) fn write(self, code: u32, value: i32) -> u32 {
        let mask = (1u32 << self.bits) - 1;
        code & !(mask << self.shift) | ((value >> self.scale) as u32 & mask) << self.shift
    }
}

/// The fields of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fields {
    registers: [RegisterField; 4],
    count: usize,
    pub(crate) offset: OffsetField,
}

impl Fields {
    pub(crate) fn registers(&self) -> &[RegisterField] {
        &self.registers[..self.count]
    }

    fn register(&mut self, shift: u8, is_vector: bool) {
        self.registers[self.count] = RegisterField { shift, is_vector };
        self.count += 1;
    }

    #[inline(always)]
    pub(crate) fn of(code: u32) -> Fields {
        let mut fields = Fields::default();
        let group = code >> 25 & 15;
        if group & 5 == 4 {
            fields.access(code);
        } else if group & 14 == 8 {
            fields.register(0, false);
            let operation = code >> 23 & 7;
            if !matches!(operation, 0 | 1 | 5) {
                fields.register(5, false);
            }
            if operation == 7 {
                fields.register(16, false);
            }
            if operation == 2 && code >> 22 & 1 == 0 {
                fields.offset = OffsetField { shift: 10, bits: 12, scale: 0, is_signed: false };
            }
        } else if group & 7 == 5 {
            for shift in [0, 5, 16] {
                fields.register(shift, false);
            }
            if code >> 24 & 0x1f == 0x1b {
                fields.register(10, false);
            }
        } else if group & 7 == 7 {
            for shift in [0, 5, 16] {
                fields.register(shift, true);
            }
        }
        fields
    }

    /// Loads and stores.
    fn access(&mut self, code: u32) {
        let is_vector = code >> 26 & 1 == 1;
        self.register(0, is_vector);
        self.register(5, false);
        let size = (code >> 30) as u8;
        if code >> 27 & 7 == 5 {
            self.register(10, is_vector);
            let scale = 2 + if is_vector { size } else { size >> 1 };
            self.offset = OffsetField { shift: 15, bits: 7, scale, is_signed: true };
        } else if code >> 24 & 0x3b == 0x39 {
            let scale = if is_vector && code >> 23 & 1 == 1 { 4 } else { size };
            self.offset = OffsetField { shift: 10, bits: 12, scale, is_signed: false };
        } else if code >> 24 & 0x3b == 0x38 {
            if code >> 21 & 1 == 0 {
                self.offset = OffsetField { shift: 12, bits: 9, scale: 0, is_signed: true };
            } else if code >> 10 & 3 == 2 {
                self.register(16, false);
            }
        }
    }
}

/// The last byte of a word, without the bits that belong to an address where it holds one.
pub(crate) fn canonical(top: u32) -> u32 {
    match top {
        _ if top & 0x9f == 0x90 => 0x90,
        _ if top & 0x7c == 0x14 => top & 0xfc,
        _ => top,
    }
}

/// What the word of this (canonical) last byte refers to, if it does.
pub(crate) fn referring(top: u8) -> Option<(Kind, Reach)> {
    match top {
        0x90 => Some((Kind::Page, Reach::Data)),
        _ if top & 0x7c != 0x14 => None,
        _ if top & 0x80 != 0 => Some((Kind::Branch26, Reach::Call)),
        _ => Some((Kind::Branch26, Reach::Jump)),
    }
}

/// A word without what tells where it leads.
pub(crate) fn without_target(code: u32) -> u32 {
    let top = canonical(code >> 24);
    match referring(top as u8) {
        Some((Kind::Page, _)) => top << 24 | code & 31,
        Some(_) => top << 24,
        None => code,
    }
}

/// Contexts of a word that is new: the two words before it.
pub(crate) struct Literal {
    pub(crate) last: u32,
    pub(crate) before: u32,
}

impl Literal {
    fn bits(word: u32, shift: u32, mask: u32) -> u64 {
        u64::from(word >> shift & mask)
    }

    fn tops(&self) -> [u64; 2] {
        [self.last, self.before].map(|word| u64::from(canonical(word >> 24)))
    }

    pub(crate) fn top(&self) -> [u64; LITERAL] {
        let [last, before] = self.tops();
        [1 << 60, last | 1 << 61, last | before << 8 | 1 << 62, hash(u64::from(self.last & 0xffc0_ffff), before)]
    }

    /// Of the register of ADRP.
    pub(crate) fn register(&self) -> [u64; LITERAL] {
        let page = 77 << 40;
        [1 << 60 | 77, Self::bits(self.last, 0, 31) | 1 << 61 | page, Self::bits(self.last, 5, 31) | 1 << 62 | page, 78]
    }

    pub(crate) fn third(&self, code: u32) -> [u64; LITERAL] {
        let [last, before] = self.tops();
        let (top, raw) = (u64::from(code >> 24), u64::from(self.last >> 24));
        [
            top | 2 << 60,
            top | Self::bits(self.last, 16, 255) << 8 | 2 << 61,
            top | raw << 8 | Self::bits(self.last, 0, 31) << 16 | 2 << 61 | 1 << 50,
            top | last << 8 | before << 16 | 1 << 51,
        ]
    }

    pub(crate) fn second(&self, code: u32) -> [u64; LITERAL] {
        let (top, third) = (u64::from(code >> 24), Self::bits(code, 16, 255));
        [
            top | 3 << 60,
            top | third << 8 | 3 << 60 | 1 << 30,
            top | third << 8 | Self::bits(self.last, 8, 255) << 16 | 3 << 60,
            top | Self::bits(self.last, 0, 255) << 8 | 1 << 53,
        ]
    }

    pub(crate) fn first(&self, code: u32) -> [u64; LITERAL] {
        let (top, third, second) = (u64::from(code >> 24), Self::bits(code, 16, 255), Self::bits(code, 8, 255));
        [
            top | 4 << 60,
            top | second << 8 | 4 << 60 | 1 << 30,
            top | third << 8 | second << 16 | 1 << 54,
            top | (second & 3) << 8
                | Self::bits(self.last, 0, 31) << 16
                | Self::bits(self.before, 0, 31) << 24
                | 1 << 56,
        ]
    }
}
