//! What a compiler changes all over a function at once: other registers, and other distances
//! into the stack. From the changes that were seen comes a guess of the next unit.

use super::arm64::{Fields, OffsetField};
use super::bit::bits_of;
use super::class::{
    ARM64, CLASS, DATA, DISPLACEMENT8, DISPLACEMENT32, IMMEDIATE, IMMEDIATE8, JUMP8, MODRM, OPCODE2, OPCODE3, PREFIX,
    VEX,
};
use super::field::word;
use super::tier::SHIFTS;

/// Bytes of a unit that are looked at.
pub(crate) const UNIT: usize = 16;

/// An offset from a register, and by how much it was shifted.
#[derive(Debug, Clone, Copy)]
struct Shift {
    register: u8,
    offset: i32,
    by: i32,
}

const NOTHING: Shift = Shift { register: 255, offset: 0, by: 0 };

/// No register of arm64 has this number: the stack pointer.
const STACK: u32 = 31;

pub(crate) struct Renaming {
    x86: [u8; 16],
    x86_vector: [u8; 16],
    arm64: [u8; 32],
    arm64_vector: [u8; 32],
    shifts: [Shift; SHIFTS],
    next: usize,
    last_shift: i32,
    /// By class of operand: whether the last one differed, and where it was.
    operands: [(bool, u32); 64],
    /// By how much the last word of data grew.
    data: u32,
}

/// What a unit is guessed to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guess {
    pub(crate) bytes: [u8; UNIT],
    /// The class of the operand, 0 if there is none, and where it is.
    pub(crate) operand: (u8, usize),
    /// Why it was guessed, for the flag's context.
    pub(crate) context: u64,
    modrm: Option<usize>,
    rex: Option<usize>,
    /// The opcode is in the register's place of the ModRM byte.
    is_group: bool,
    is_vector: bool,
    /// The register and the offset from it.
    offset: Option<(u8, i32)>,
    field: OffsetField,
}

fn identity<const N: usize>() -> [u8; N] {
    std::array::from_fn(|number| number as u8)
}

impl Renaming {
    pub(crate) fn new() -> Self {
        Renaming {
            x86: identity(),
            x86_vector: identity(),
            arm64: identity(),
            arm64_vector: identity(),
            shifts: [NOTHING; SHIFTS],
            next: 0,
            last_shift: 0,
            operands: [(false, 0); 64],
            data: 0,
        }
    }

    /// Forgets what belonged to a function.
    pub(crate) fn forget(&mut self) {
        (self.x86, self.x86_vector) = (identity(), identity());
        (self.arm64, self.arm64_vector) = (identity(), identity());
        self.shifts = [NOTHING; SHIFTS];
    }

    /// Guesses the unit `old` with these classes, which is `written` as if nothing had changed. `address`: of an
    /// arm64 word with an address, the bits that are none.
    pub(crate) fn guess(&self, classes: &[u8], old: &[u8], written: &[u8], at: usize, address: Option<u32>) -> Guess {
        let mut guess = Guess {
            bytes: [0; UNIT],
            operand: (0, 0),
            context: 0,
            modrm: None,
            rex: None,
            is_group: false,
            is_vector: false,
            offset: None,
            field: OffsetField::default(),
        };
        for (byte, written) in guess.bytes.iter_mut().zip(written) {
            *byte = *written;
        }
        let class = classes.first().map_or(DATA, |class| class & CLASS);
        if class < DATA {
            let operands = [DISPLACEMENT8, DISPLACEMENT32, IMMEDIATE8, IMMEDIATE, JUMP8];
            let found = classes.iter().skip(1).position(|class| operands.contains(&(class & CLASS)));
            guess.operand = found.map_or((0, 0), |place| (classes[place + 1] & CLASS, place + 1));
            self.x86(&mut guess, classes, old, at);
        } else if class < ARM64 {
            guess.bytes[..4].copy_from_slice(&word(old).wrapping_add(self.data).to_le_bytes());
        } else if old.len() == 4 {
            self.arm64(&mut guess, word(old), address);
        }
        guess
    }

    /// The nearest known shift of this offset; how near, and what it is.
    fn shift(&self, register: u8, offset: i32) -> (u64, i32) {
        let known = self.shifts.iter().filter(|shift| shift.register == register);
        let distance = |shift: &&Shift| shift.offset.wrapping_sub(offset).saturating_abs();
        known.min_by_key(distance).map_or((255, 0), |shift| (distance(&shift).min(255) as u64, shift.by))
    }

    fn shift_context(&self, distance: u64, by: i32) -> u64 {
        let known =
            u64::from(by != 0) << 8 | u64::from(self.last_shift != 0) << 9 | u64::from(by == self.last_shift) << 10;
        1 | bits_of(distance) << 4 | known
    }

    fn note_shift(&mut self, register: u8, offset: i32, by: i32) {
        self.last_shift = by;
        let known = self.shifts.iter_mut().find(|shift| shift.register == register && shift.offset == offset);
        match known {
            Some(shift) => shift.by = by,
            None => {
                self.shifts[self.next] = Shift { register, offset, by };
                self.next = (self.next + 1) % SHIFTS;
            }
        }
    }

    fn x86(&self, guess: &mut Guess, classes: &[u8], old: &[u8], at: usize) {
        let mut changes = 0;
        let length = old.len().min(UNIT).min(classes.len());
        for place in 0..length {
            let (class, byte) = (classes[place] & CLASS, old[place]);
            match class {
                _ if class <= PREFIX => {
                    let is_last =
                        classes.get(place + 1).is_none_or(|next| next & CLASS != PREFIX) || place + 1 == length;
                    if byte & 0xf0 == 0x40 && guess.rex.is_none() {
                        guess.rex = Some(place);
                    } else if is_last {
                        guess.is_group = is_group(byte);
                        changes |= self.opcode_register(guess, byte, place, old);
                    }
                }
                OPCODE2 => {
                    guess.is_vector = !matches!(byte, 0x40..=0x4f | 0x80..=0xc1 | 0xc8..=0xcf);
                    guess.is_group = false;
                }
                OPCODE3 => (guess.is_vector, guess.is_group) = (true, false),
                MODRM => {
                    guess.modrm = Some(place);
                    break;
                }
                VEX => break,
                _ => {}
            }
        }
        let mut register = 0;
        if let Some(place) = guess.modrm {
            changes |= self.modrm_registers(guess, place, old);
            let modrm = old[place];
            register = modrm & 7;
            if let (4, 0..3, Some(sib)) = (register, modrm >> 6, old.get(place + 1).filter(|_| place + 1 < length)) {
                register = 8 | sib & 7;
            }
        }
        let (class, place) = guess.operand;
        if class == 0 || place >= length {
            guess.context |= changes << 16;
            return;
        }
        let wide = old.get(place..place + 4).filter(|_| place + 4 <= length);
        let offset = match (class, wide) {
            (DISPLACEMENT8, _) => Some(i32::from(old[place] as i8)),
            (DISPLACEMENT32, Some(bytes)) => Some(word(bytes) as i32),
            _ => None,
        };
        if let Some(offset) = offset {
            let (distance, by) = self.shift(register, offset);
            let shifted = offset.wrapping_add(by);
            if class == DISPLACEMENT8 {
                guess.bytes[place] = shifted as u8;
            } else {
                guess.bytes[place..place + 4].copy_from_slice(&shifted.to_le_bytes());
            }
            guess.offset = Some((register, offset));
            guess.context = self.shift_context(distance, by);
            changes |= u64::from(by != 0) << 1;
        } else {
            let (has_changed, seen) = self.operands[usize::from(class)];
            let age = bits_of(u64::from((at as u32).wrapping_sub(seen))).min(12);
            guess.context = age << 4 | 2 | u64::from(has_changed) << 8;
            changes |= u64::from(has_changed) << 1;
        }
        guess.context |= changes << 16;
    }

    /// PUSH, POP and MOV have a register in the opcode.
    fn opcode_register(&self, guess: &mut Guess, opcode: u8, place: usize, old: &[u8]) -> u64 {
        if opcode & 0xf0 != 0x50 && opcode & 0xf8 != 0xb8 {
            return 0;
        }
        let is_high = guess.rex.is_some_and(|rex| old[rex] & 1 != 0);
        let register = opcode & 7 | if is_high { 8 } else { 0 };
        let renamed = self.x86[usize::from(register)];
        guess.bytes[place] = opcode & 0xf8 | renamed & 7;
        if let Some(rex) = guess.rex {
            guess.bytes[rex] = guess.bytes[rex] & !1 | renamed >> 3;
        }
        u64::from(renamed != register)
    }

    fn modrm_registers(&self, guess: &mut Guess, place: usize, old: &[u8]) -> u64 {
        let names = |is_vector: bool| if is_vector { &self.x86_vector } else { &self.x86 };
        let modrm = old[place];
        let rex = guess.rex.map_or(0x40, |rex| old[rex]);
        let (mut new_modrm, mut new_rex) = (modrm, rex);
        if !guess.is_group {
            let renamed = names(guess.is_vector)[usize::from((modrm >> 3 & 7) | (rex & 4) << 1)];
            new_modrm = new_modrm & 0xc7 | (renamed & 7) << 3;
            new_rex = new_rex & !4 | (renamed & 8) >> 1;
        }
        let is_register = modrm >> 6 == 3;
        if is_register || has_base(modrm) {
            let renamed = names(guess.is_vector && is_register)[usize::from((modrm & 7) | (rex & 1) << 3)];
            if is_register || renamed & 7 != 4 {
                new_modrm = new_modrm & 0xf8 | renamed & 7;
                new_rex = new_rex & !1 | renamed >> 3;
            }
        }
        guess.bytes[place] = new_modrm;
        if let Some(place) = guess.rex {
            guess.bytes[place] = new_rex;
        }
        u64::from(new_modrm != modrm || (guess.rex.is_some() && new_rex != rex))
    }

    fn arm64(&self, guess: &mut Guess, code: u32, address: Option<u32>) {
        let fields = Fields::of(code);
        let mut renamed = code;
        for field in fields.registers() {
            let register = code >> field.shift & 31;
            let new = match field.is_vector {
                true => self.arm64_vector[register as usize],
                false if register == STACK => STACK as u8,
                false => self.arm64[register as usize],
            };
            renamed = renamed & !(31 << field.shift) | u32::from(new) << field.shift;
        }
        if let Some(opcode) = address {
            renamed = code & !opcode | renamed & opcode;
            guess.bytes[..4].copy_from_slice(&renamed.to_le_bytes());
            guess.context = u64::from(renamed != code) << 16;
            return;
        }
        let mut changes = u64::from(renamed != code);
        let mut context = 0;
        let base = (code >> 5 & 31) as u8;
        if fields.offset.bits > 0 {
            let offset = fields.offset.read(code);
            let (distance, by) = self.shift(base, offset);
            if by != 0 {
                renamed = fields.offset.write(renamed, offset.wrapping_add(by));
                changes |= 2;
            }
            (guess.offset, guess.field) = (Some((base, offset)), fields.offset);
            context = self.shift_context(distance, by);
        }
        guess.bytes[..4].copy_from_slice(&renamed.to_le_bytes());
        guess.context = context | changes << 16;
    }

    /// Learns from what the unit became.
    pub(crate) fn learn(&mut self, guess: &Guess, class: u8, old: &[u8], new: &[u8], at: usize, address: Option<u32>) {
        if class >= ARM64 {
            if old.len() == 4 && new.len() >= 4 {
                self.learn_arm64(guess, word(old), word(new), address);
            }
            return;
        }
        if class >= DATA {
            self.learn_data(old, new);
            return;
        }
        let (operand, place) = guess.operand;
        if let Some((register, offset)) = guess.offset {
            let shifted = match operand {
                DISPLACEMENT8 => new.get(place).map(|byte| i32::from(*byte as i8)),
                _ => new.get(place..place + 4).map(|bytes| word(bytes) as i32),
            };
            if let Some(shifted) = shifted {
                self.note_shift(register, offset, shifted.wrapping_sub(offset));
            }
        } else if operand != 0
            && let (Some(old), Some(new)) = (old.get(place), new.get(place))
        {
            self.operands[usize::from(operand)] = (new != old, at as u32);
        }
        let Some(place) = guess.modrm else { return };
        let (Some(&before), Some(&after)) = (old.get(place), new.get(place)) else { return };
        if before >> 6 != after >> 6 {
            return;
        }
        let rex = |bytes: &[u8]| guess.rex.and_then(|rex| bytes.get(rex)).copied().unwrap_or(0x40);
        let (rex_before, rex_after) = (rex(old), rex(new));
        if !guess.is_group {
            let from = (before >> 3 & 7) | (rex_before & 4) << 1;
            let to = (after >> 3 & 7) | (rex_after & 4) << 1;
            self.names_mut(guess.is_vector)[usize::from(from)] = to;
        }
        let is_register = before >> 6 == 3;
        if is_register || (has_base(before) && has_base(after)) {
            let from = (before & 7) | (rex_before & 1) << 3;
            let to = (after & 7) | (rex_after & 1) << 3;
            self.names_mut(guess.is_vector && is_register)[usize::from(from)] = to;
        }
    }

    fn names_mut(&mut self, is_vector: bool) -> &mut [u8; 16] {
        if is_vector { &mut self.x86_vector } else { &mut self.x86 }
    }

    fn learn_arm64(&mut self, guess: &Guess, old: u32, new: u32, address: Option<u32>) {
        if new == old && guess.bytes[..4] == old.to_le_bytes() {
            // No register has another name, and none gets one.
            if let Some((register, offset)) = guess.offset {
                self.note_shift(register, offset, 0);
            }
            return;
        }
        let (before, after) = (Fields::of(old), Fields::of(new));
        if before.registers() != after.registers() {
            return;
        }
        for field in before.registers() {
            if address.is_some_and(|opcode| opcode >> field.shift & 31 != 31) {
                continue;
            }
            let (from, to) = ((old >> field.shift & 31) as usize, (new >> field.shift & 31) as u8);
            let names = if field.is_vector { &mut self.arm64_vector } else { &mut self.arm64 };
            names[from] = to;
        }
        if let Some((register, offset)) = guess.offset
            && after.offset == guess.field
        {
            self.note_shift(register, offset, after.offset.read(new).wrapping_sub(offset));
        }
    }

    fn learn_data(&mut self, old: &[u8], new: &[u8]) {
        let length = old.len().min(new.len()).min(4);
        let (old, new) = (&old[..length], &new[..length]);
        if old != new {
            let above = u32::BITS - 8 * length as u32;
            self.data = ((word(new).wrapping_sub(word(old)) << above) as i32 >> above) as u32;
        }
    }
}

/// Whether the lower bits of a ModRM byte name a register to which an offset is added.
fn has_base(modrm: u8) -> bool {
    modrm & 7 != 4 && !(modrm >> 6 == 0 && modrm & 7 == 5)
}

/// Whether the opcode has an extension where others have a register.
fn is_group(opcode: u8) -> bool {
    matches!(opcode, 0x80..=0x83 | 0x8f | 0xc0 | 0xc1 | 0xc6 | 0xc7 | 0xd0..=0xd3 | 0xf6 | 0xf7 | 0xfe | 0xff)
}
