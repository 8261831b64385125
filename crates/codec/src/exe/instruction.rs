//! x86-64 code, an instruction at a time: what [`Automaton`](super::x86::Automaton) says byte by
//! byte, from the same tables, several times as fast. Only of more than six prefixes they think otherwise.

use super::class::{
    DISPLACEMENT8, DISPLACEMENT32, IMMEDIATE, IMMEDIATE8, JUMP8, JUMP32, MODRM, OPCODE, OPCODE2, OPCODE3, PREFIX,
    RELATIVE_DATA, SIB, START, VEX,
};
use super::field::{Kind, Use};
use super::reference::Reference;
use super::x86::{HAS_MODRM, IS_JUMP, form, immediate};

/// More bytes than any instruction takes, as far as they are looked at: so many must follow the
/// place where the last one begins.
pub(crate) const LONGEST: usize = 32;

/// Most prefixes of an instruction; the next one is taken for an opcode without operands.
const PREFIXES: usize = 6;

/// LEA takes an address and reads nothing there.
const LEA: u8 = 0x8d;

/// Where the parts of an instruction are.
struct Parts {
    /// Bytes of prefixes.
    prefixes: usize,
    /// Bytes of opcodes behind the first.
    more: Opcodes,
    has_modrm: bool,
    has_sib: bool,
    displacement: usize,
    is_relative: bool,
    immediate: usize,
    is_jump: bool,
    opcode: u8,
    /// The opcode is one of a single byte.
    is_first_map: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Opcodes {
    None,
    /// 0f and a byte.
    Second,
    /// 0f, 38 or 3a, and a byte.
    Third,
    /// A prefix of so many bytes more, and a byte.
    Vex(usize),
}

/// What the ModRM byte says: a SIB byte follows, the bytes of a displacement, it is relative.
static OPERANDS: [u8; 256] = {
    let mut operands = [0; 256];
    let mut modrm = 0;
    while modrm < 256 {
        operands[modrm] = match (modrm >> 6, modrm & 7) {
            (3, _) => 0,
            (0, 4) => HAS_SIB,
            (0, 5) => IS_RELATIVE | 4,
            (0, _) => 0,
            (1, 4) => HAS_SIB | 1,
            (1, _) => 1,
            (_, 4) => HAS_SIB | 4,
            _ => 4,
        };
        modrm += 1;
    }
    operands
};

const HAS_SIB: u8 = 0x10;
const IS_RELATIVE: u8 = 0x20;

impl Parts {
    #[inline(always)]
    fn of(bytes: &[u8; LONGEST]) -> Parts {
        let (mut prefixes, mut is_short, mut is_wide) = (0, false, false);
        let mut byte = bytes[0];
        while prefixes < PREFIXES {
            match byte {
                0x66 => is_short = true,
                0x40..=0x4f => is_wide = byte & 8 != 0,
                0xf2 | 0xf3 | 0x2e | 0x36 | 0x3e | 0x26 | 0x64 | 0x65 | 0x67 | 0xf0 => {}
                _ => break,
            }
            prefixes += 1;
            byte = bytes[prefixes];
        }
        let mut at = prefixes + 1;
        let (mut map, mut more) = (0, Opcodes::None);
        match byte {
            0x0f => {
                byte = bytes[at];
                at += 1;
                (map, more) = (1, Opcodes::Second);
                if byte == 0x38 || byte == 0x3a {
                    (map, more) = (if byte == 0x38 { 2 } else { 3 }, Opcodes::Third);
                    byte = bytes[at];
                    at += 1;
                }
            }
            0xc4 | 0xc5 | 0x62 => {
                let length = match byte {
                    0xc5 => 1,
                    0xc4 => 2,
                    _ => 3,
                };
                map = if byte == 0xc5 { 1 } else { (bytes[at] & 3).max(1) };
                more = Opcodes::Vex(length);
                byte = bytes[at + length];
                at += length + 1;
            }
            _ => {}
        }
        let form = form(map, byte);
        let mut parts = Parts {
            prefixes,
            more,
            has_modrm: form & HAS_MODRM != 0,
            has_sib: false,
            displacement: 0,
            is_relative: false,
            immediate: usize::from(immediate(form, is_short, is_wide)),
            is_jump: form & IS_JUMP != 0,
            opcode: byte,
            is_first_map: map == 0,
        };
        if parts.has_modrm {
            let modrm = bytes[at];
            let operands = OPERANDS[usize::from(modrm)];
            (parts.has_sib, parts.is_relative) = (operands & HAS_SIB != 0, operands & IS_RELATIVE != 0);
            parts.displacement = usize::from(operands & 15);
            if parts.has_sib && modrm >> 6 == 0 && bytes[at + 1] & 7 == 5 {
                parts.displacement = 4;
            }
            // TEST alone of its group has an immediate operand.
            if parts.is_first_map && byte & 0xfe == 0xf6 && modrm & 0x30 == 0 {
                parts.immediate = match byte {
                    0xf6 => 1,
                    _ if is_short => 2,
                    _ => 4,
                };
            }
        }
        parts
    }

    /// Where the ModRM byte is, or would be.
    #[inline(always)]
    fn modrm(&self) -> usize {
        self.prefixes
            + match self.more {
                Opcodes::None => 1,
                Opcodes::Second => 2,
                Opcodes::Third => 3,
                Opcodes::Vex(length) => 2 + length,
            }
    }

    /// Where the displacement and the immediate operand begin, and where the instruction ends.
    #[inline(always)]
    fn places(&self) -> (usize, usize, usize) {
        let displacement = self.modrm() + usize::from(self.has_modrm) + usize::from(self.has_sib);
        let immediate = displacement + self.displacement;
        (displacement, immediate, immediate + self.immediate)
    }

    /// Puts the classes of all bytes; behind them some that are overwritten later.
    #[inline(always)]
    fn classes(&self, classes: &mut [u8; LONGEST]) {
        const HEAD: [u8; 8] = [OPCODE | START, PREFIX, PREFIX, PREFIX, PREFIX, PREFIX, PREFIX, PREFIX];
        classes[..8].copy_from_slice(&HEAD);
        let at = self.prefixes + 1;
        match self.more {
            Opcodes::None => {}
            Opcodes::Second => classes[at] = OPCODE2,
            Opcodes::Third => classes[at..at + 2].copy_from_slice(&[OPCODE2, OPCODE3]),
            Opcodes::Vex(length) => {
                classes[at..at + length].fill(VEX);
                classes[at + length] = OPCODE3;
            }
        }
        let (displacement, immediate, _) = self.places();
        let modrm = self.modrm();
        classes[modrm..modrm + 2].copy_from_slice(&[MODRM, SIB]);
        let first = match self.displacement {
            _ if self.is_relative => RELATIVE_DATA,
            1 => DISPLACEMENT8,
            _ => DISPLACEMENT32,
        };
        classes[displacement..displacement + 4].copy_from_slice(&[first, first + 1, first + 2, first + 3]);
        let first = match self.immediate {
            1 if self.is_jump => JUMP8,
            _ if self.is_jump => JUMP32,
            1 => IMMEDIATE8,
            _ => IMMEDIATE,
        };
        let operand = u64::from(first).wrapping_mul(0x0101_0101_0101_0101).wrapping_add(0x0706_0504_0302_0100);
        classes[immediate..immediate + 8].copy_from_slice(&operand.to_le_bytes());
    }

    /// Where the field of 4 bytes is that holds an address, and what for.
    #[inline(always)]
    fn field(&self) -> Option<(usize, i8, Use)> {
        if self.is_relative {
            return Some((self.places().0, self.immediate as i8, Use::Data));
        }
        if self.is_jump && self.immediate == 4 {
            let is_call = self.is_first_map && self.opcode == 0xe8;
            return Some((self.places().1, 0, if is_call { Use::Call } else { Use::Jump }));
        }
        None
    }
}

/// Hands out where the instructions of `bytes` begin that begin before `length`, and the fields
/// that hold addresses. At least [`LONGEST`] bytes must follow `length`, or the scan ends earlier.
/// The first byte has the offset `offset` and the address `address`. With `classes`, which are as
/// many as `bytes`, it puts there what each byte is. The last argument of `on_field` says whether LEA
/// takes the address. Returns where the last instruction ends.
#[inline(always)]
pub(crate) fn scan<const CLASSES: bool>(
    bytes: &[u8],
    length: usize,
    (offset, address): (usize, u64),
    classes: &mut [u8],
    mut on_start: impl FnMut(usize),
    mut on_field: impl FnMut(Reference, bool),
) -> usize {
    let mut at = 0;
    while at < length {
        let Some(head) = bytes.get(at..).and_then(|bytes| bytes.first_chunk()) else { break };
        on_start(at);
        let parts = Parts::of(head);
        if CLASSES && let Some(classes) = classes.get_mut(at..).and_then(|classes| classes.first_chunk_mut()) {
            parts.classes(classes);
        }
        if let Some((place, shift, usage)) = parts.field() {
            let start = at + place;
            let kind = Kind::Relative32;
            let target = kind.read(shift, 0, &head[place..place + 4], address.wrapping_add(start as u64));
            let is_taken = usage == Use::Data && parts.is_first_map && parts.opcode == LEA;
            let found = Reference { target, base: 0, at: (offset + start) as u32, kind, shift, usage, words: 0 };
            on_field(found, is_taken);
        }
        at += parts.places().2;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::x86::Automaton;
    use super::*;

    /// What the automaton says of as many bytes, and where the first instruction behind them begins.
    fn by_automaton(bytes: &[u8], length: usize) -> (Vec<u8>, usize) {
        let mut automaton = Automaton::new();
        let mut classes = Vec::new();
        for byte in bytes {
            if automaton.starts && classes.len() >= length {
                break;
            }
            classes.push(automaton.class | if automaton.starts { START } else { 0 });
            automaton.step(*byte);
        }
        let end = classes.len();
        (classes, end)
    }

    #[test]
    fn instructions_are_those_of_the_automaton() {
        let mut seed = 1u64;
        let mut noise = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 56) as u8
        };
        for _ in 0..200 {
            // No more prefixes in a row than compilers write.
            let mut bytes: Vec<u8> = (0..2000).map(|_| noise()).collect();
            for at in PREFIXES..bytes.len() {
                if bytes[at - PREFIXES..at].iter().all(|byte| byte & 0xf0 == 0x40 || *byte & 0xf0 == 0x60) {
                    bytes[at] = 0x90;
                }
            }
            let length = 1900;
            let (expected, end) = by_automaton(&bytes, length);
            let mut classes = vec![0; bytes.len()];
            let mut starts = Vec::new();
            let found = scan::<true>(&bytes, length, (0, 0), &mut classes, |at| starts.push(at), |_, _| {});
            assert_eq!(found, end);
            assert_eq!(classes[..end], expected);
            assert!(starts.iter().all(|at| classes[*at] & START != 0));
        }
    }

    #[test]
    fn fields_are_found_with_what_they_are_for() {
        let code = [
            0x48, 0x8d, 0x05, 0x10, 0, 0, 0, // lea rax, [rip + 16]
            0xe8, 0xf0, 0xff, 0xff, 0xff, // call -16
            0x0f, 0x84, 4, 0, 0, 0, // je 4
            0xc7, 0x05, 8, 0, 0, 0, 1, 2, 3, 4, // mov dword [rip + 8], imm
        ];
        let bytes = [&code[..], &[0x90; LONGEST]].concat();
        let mut found = Vec::new();
        let end = scan::<false>(
            &bytes,
            code.len(),
            (100, 0x1000),
            &mut [],
            |_| {},
            |field, is_taken| {
                found.push((field.at - 100, field.target, field.usage, is_taken));
            },
        );
        assert_eq!(end, code.len());
        let expected = [
            (3, 0x1017, Use::Data, true),
            (8, 0xffc, Use::Call, false),
            (14, 0x1016, Use::Jump, false),
            (20, 0x1024, Use::Data, false),
        ];
        assert_eq!(found, expected);
    }
}
