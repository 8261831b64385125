//! x86-64 code, byte by byte: an automaton that knows what the next byte is.
//!
//! It need not know every instruction: what it takes wrongly is found wrongly in both files, and
//! costs bytes, not correctness. It is part of the format: a change needs another codec. Code that is
//! there as a whole is read by [`instruction`](super::instruction).

use super::class::{
    DISPLACEMENT8, DISPLACEMENT32, IMMEDIATE, IMMEDIATE8, JUMP8, JUMP32, MODRM, OPCODE, OPCODE2, OPCODE3, PREFIX,
    RELATIVE_DATA, SIB, VEX,
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Automaton {
    /// Of the next byte.
    pub(crate) class: u8,
    /// Whether the next byte begins an instruction.
    pub(crate) starts: bool,
    /// The last opcode; its map in the upper byte.
    pub(crate) opcode: u16,
    pub(crate) modrm: u8,
    /// Bytes of the immediate operand.
    pub(crate) immediate: u8,
    map: u8,
    left: u8,
    vex_left: u8,
    is_short: bool,
    is_wide: bool,
    is_jump: bool,
    is_relative: bool,
}

impl Automaton {
    pub(crate) fn new() -> Self {
        Automaton {
            class: OPCODE,
            starts: true,
            opcode: 0,
            modrm: 0,
            immediate: 0,
            map: 0,
            left: 0,
            vex_left: 0,
            is_short: false,
            is_wide: false,
            is_jump: false,
            is_relative: false,
        }
    }

    #[inline(always)]
    pub(crate) fn step(&mut self, byte: u8) {
        self.starts = false;
        match self.class {
            OPCODE | PREFIX => self.begin(byte),
            VEX => {
                if self.map == 0 {
                    self.map = (byte & 3).max(1);
                }
                self.vex_left -= 1;
                if self.vex_left == 0 {
                    self.class = OPCODE3;
                }
            }
            OPCODE2 => match byte {
                0x38 => (self.map, self.class) = (2, OPCODE3),
                0x3a => (self.map, self.class) = (3, OPCODE3),
                _ => {
                    self.map = 1;
                    self.operands(byte);
                }
            },
            OPCODE3 => self.operands(byte),
            MODRM => self.modrm(byte),
            SIB => match self.modrm >> 6 {
                0 => self.displacement(if byte & 7 == 5 { 4 } else { 0 }),
                1 => self.displacement(1),
                _ => self.displacement(4),
            },
            _ => self.skip(1),
        }
    }

    #[inline(always)]
    fn begin(&mut self, byte: u8) {
        let vex = |automaton: &mut Self, left, map| {
            (automaton.vex_left, automaton.map, automaton.class) = (left, map, VEX);
        };
        match byte {
            0x66 => (self.is_short, self.class) = (true, PREFIX),
            0xf2 | 0xf3 | 0x2e | 0x36 | 0x3e | 0x26 | 0x64 | 0x65 | 0x67 | 0xf0 => self.class = PREFIX,
            0x40..=0x4f => (self.is_wide, self.class) = (byte & 8 != 0, PREFIX),
            0x0f => self.class = OPCODE2,
            0xc5 => vex(self, 1, 1),
            0xc4 => vex(self, 2, 0),
            0x62 => vex(self, 3, 0),
            _ => {
                self.map = 0;
                self.operands(byte);
            }
        }
    }

    /// What follows an opcode.
    #[inline(always)]
    fn operands(&mut self, opcode: u8) {
        self.opcode = u16::from(self.map) << 8 | u16::from(opcode);
        let form = form(self.map, opcode);
        self.immediate = immediate(form, self.is_short, self.is_wide);
        self.is_jump |= form & IS_JUMP != 0;
        if form & HAS_MODRM != 0 {
            self.class = MODRM;
        } else {
            self.modrm = 0;
            self.operand();
        }
    }

    #[inline(always)]
    fn modrm(&mut self, byte: u8) {
        self.modrm = byte;
        // TEST alone of its group has an immediate operand.
        if self.map == 0 && byte & 0x30 == 0 {
            match self.opcode {
                0xf6 => self.immediate = 1,
                0xf7 => self.immediate = if self.is_short { 2 } else { 4 },
                _ => {}
            }
        }
        match (byte >> 6, byte & 7) {
            (3, _) => self.operand(),
            (_, 4) => self.class = SIB,
            (0, 5) => {
                self.is_relative = true;
                self.displacement(4);
            }
            (0, _) => self.operand(),
            (1, _) => self.displacement(1),
            _ => self.displacement(4),
        }
    }

    #[inline(always)]
    fn displacement(&mut self, size: u8) {
        self.left = size;
        match size {
            0 => self.operand(),
            _ if self.is_relative => self.class = RELATIVE_DATA,
            1 => self.class = DISPLACEMENT8,
            _ => self.class = DISPLACEMENT32,
        }
    }

    #[inline(always)]
    fn operand(&mut self) {
        self.left = self.immediate;
        self.class = match self.immediate {
            0 => return self.end(),
            1 if self.is_jump => JUMP8,
            _ if self.is_jump => JUMP32,
            1 => IMMEDIATE8,
            _ => IMMEDIATE,
        };
    }

    #[inline(always)]
    fn end(&mut self) {
        (self.class, self.starts) = (OPCODE, true);
        (self.is_short, self.is_wide, self.is_jump, self.is_relative) = (false, false, false, false);
        self.map = 0;
    }
}

/// What follows the opcode of a map: the size of an immediate operand, and flags.
#[inline(always)]
pub(crate) fn form(map: u8, opcode: u8) -> u8 {
    match map {
        0 => FIRST_MAP[usize::from(opcode)],
        1 => SECOND_MAP[usize::from(opcode)],
        2 => HAS_MODRM,
        _ => HAS_MODRM | 1,
    }
}

/// Bytes of the immediate operand of a form, by the prefixes.
#[inline(always)]
pub(crate) fn immediate(form: u8, is_short: bool, is_wide: bool) -> u8 {
    let short = if is_short { 2 } else { 4 };
    match form & 15 {
        OPERAND => short,
        OPERAND_WIDE if is_wide => 8,
        OPERAND_WIDE => short,
        size => size,
    }
}

/// What follows an opcode: the size of an immediate operand, ...
const OPERAND: u8 = 9;
/// ... 8 with REX.W, ...
const OPERAND_WIDE: u8 = 10;
pub(crate) const HAS_MODRM: u8 = 0x10;
pub(crate) const IS_JUMP: u8 = 0x20;

static FIRST_MAP: [u8; 256] = {
    let mut forms = [0; 256];
    let mut opcode = 0;
    while opcode < 256 {
        forms[opcode] = match opcode as u8 {
            0x00..=0x3f => match opcode & 7 {
                0..4 => HAS_MODRM,
                4 => 1,
                5 => OPERAND,
                _ => 0,
            },
            0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe | 0xff | 0xf6 | 0xf7 => HAS_MODRM,
            0x69 | 0x81 | 0xc7 => HAS_MODRM | OPERAND,
            0x6b | 0x80 | 0x82 | 0x83 | 0xc0 | 0xc1 | 0xc6 => HAS_MODRM | 1,
            0x68 | 0xa9 => OPERAND,
            0x6a | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xd4 | 0xd5 | 0xe4..=0xe7 => 1,
            0x70..=0x7f | 0xe0..=0xe3 | 0xeb => IS_JUMP | 1,
            0xe8 | 0xe9 => IS_JUMP | 4,
            0xa0..=0xa3 => 8,
            0xb8..=0xbf => OPERAND_WIDE,
            0xc2 | 0xca => 2,
            0xc8 => 3,
            _ => 0,
        };
        opcode += 1;
    }
    forms
};

static SECOND_MAP: [u8; 256] = {
    let mut forms = [0; 256];
    let mut opcode = 0;
    while opcode < 256 {
        forms[opcode] = match opcode as u8 {
            0x05 | 0x06 | 0x08 | 0x09 | 0x0b | 0x0e | 0x30..=0x37 | 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xc8..=0xcf => 0,
            0x80..=0x8f => IS_JUMP | 4,
            0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6 => HAS_MODRM | 1,
            _ => HAS_MODRM,
        };
        opcode += 1;
    }
    forms
};

impl Automaton {
    /// Passes bytes of an operand, at most all that are left.
    #[inline(always)]
    fn skip(&mut self, length: u8) {
        self.starts = false;
        self.left -= length;
        if self.left > 0 {
            self.class += length;
        } else if self.class < JUMP8 {
            self.operand();
        } else {
            self.end();
        }
    }
}
