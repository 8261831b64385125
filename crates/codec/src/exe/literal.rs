//! Bytes of the new file that no match holds.

use super::arm64;
use super::bit::hash;
use super::body::Shared;
use super::class::{
    CLASS, DATA, DISPLACEMENT32, IMMEDIATE, IMMEDIATE8, JUMP8, JUMP32, OPCODE, RELATIVE_DATA, SIB, START, is_reference,
};
use super::coder::{Coder, Stream};
use super::destinations::Reach;
use super::field::{Kind, word};
use super::nibble::Nibbles;
use super::tier::{LITERAL, LITERAL_WIDTH};
use super::x86::Automaton;

/// Sets of weights, by class of region and state.
const SETS: usize = 160;

pub(crate) struct Literals {
    model: Nibbles<{ LITERAL.len() }>,
    automaton: Automaton,
    /// Hashes of the last instructions, and of the one that is being read.
    instructions: [u64; 3],
    current: u64,
    /// Bytes of this gap so far.
    count: usize,
}

/// A place in a gap.
pub(crate) struct Gap<'a> {
    /// The class of the region.
    pub(crate) class: usize,
    /// Bytes until the gap or the region ends.
    pub(crate) left: usize,
    /// Bytes of the old file that lie as far behind the match before.
    pub(crate) beside: &'a [u8],
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Literals {
    pub(crate) fn new() -> Self {
        Literals {
            model: Nibbles::new(LITERAL_WIDTH, SETS),
            automaton: Automaton::new(),
            instructions: [0; 3],
            current: 0,
            count: 0,
        }
    }

    /// Begins a gap behind bytes with these classes, the last ones that were written.
    pub(crate) fn begin<C>(&mut self, shared: &Shared<'_, C>, classes: &[u8]) {
        const BACK: usize = 60;
        const UNITS: usize = 4;
        (self.automaton, self.instructions, self.current, self.count) = (Automaton::new(), [0; 3], 0, 0);
        let starts = classes.iter().rev().take(BACK).enumerate();
        let is_start = |class: u8| class & START != 0 && class & CLASS < DATA;
        let Some((back, _)) = starts.filter(|(_, class)| is_start(**class)).take(UNITS).last() else { return };
        for distance in (1..=back + 1).rev() {
            if self.automaton.starts && distance != back + 1 {
                self.end_instruction();
            }
            self.feed(shared.out.back(distance));
        }
    }

    fn end_instruction(&mut self) {
        self.instructions.rotate_left(1);
        self.instructions[2] = self.current;
        self.current = 0;
    }

    #[inline(always)]
    fn feed(&mut self, byte: u8) {
        if !is_reference(self.automaton.class) {
            self.current = self.current.wrapping_add(u64::from(byte) + 1).wrapping_mul(GOLDEN);
        }
        self.automaton.step(byte);
    }

    /// Codes one byte, or all of a field or word. Returns how many.
    #[inline(always)]
    pub(crate) fn code<C: Coder>(&mut self, shared: &mut Shared<'_, C>, gap: &Gap<'_>) -> usize {
        let at = shared.out.len();
        let length = match gap.class {
            1 => self.x86(shared, gap, at),
            2 if at & 3 == 0 && gap.left >= 4 && at >= 8 => self.arm64(shared, gap, at),
            _ => {
                let (contexts, set) = self.other(shared, gap, at);
                let wanted = shared.wanted(at);
                let byte = self.model.byte(&mut shared.coder, &LITERAL.map(|k| contexts[k]), set, wanted);
                shared.out.push(byte);
                1
            }
        };
        self.count += length;
        length
    }

    fn other<C>(&self, shared: &Shared<'_, C>, gap: &Gap<'_>, at: usize) -> ([u64; 6], usize) {
        let back = |distance| u64::from(shared.out.back(distance));
        let (c1, c2, c3, c4) = (back(1), back(2), back(3), back(4));
        let beside = gap.beside.first().map_or(0, |byte| u64::from(*byte));
        let place = at as u64 & 3;
        if gap.class == 2 {
            let second = if place > 1 { c2 } else { 0 };
            let contexts = [
                place | c1 << 8 | 1 << 60,
                place | c4 << 8 | 1 << 61,
                place | c1 << 8 | second << 16 | back(place as usize + 1) << 32,
                hash(c1 | c2 << 8, place | c4 << 8),
                hash(c1 | c2 << 8 | c3 << 16, place),
                beside | place << 8 | 1 << 50,
            ];
            return (contexts, 64 + 2 * place as usize);
        }
        let class = gap.class as u64;
        let state = place | class << 2;
        let contexts = [
            state | 1 << 60,
            c1 | state << 8 | 1 << 61,
            c1 | c2 << 8 | state << 16 | 1 << 59,
            hash(c1 | c2 << 8 | c3 << 16, class),
            c4 | state << 8 | back(8) << 16 | 1 << 58,
            beside | class << 8 | place << 16 | 1 << 57,
        ];
        (contexts, 72 + 8 * gap.class + 2 * place as usize)
    }

    fn x86<C: Coder>(&mut self, shared: &mut Shared<'_, C>, gap: &Gap<'_>, at: usize) -> usize {
        if self.automaton.starts && (self.count > 0 || self.current != 0) {
            self.end_instruction();
        }
        let class = self.automaton.class;
        if (class == RELATIVE_DATA || class == JUMP32)
            && gap.left >= 4
            && let Some(address) = shared.new.address(at)
        {
            return self.x86_reference(shared, address, at);
        }
        let back = |distance| u64::from(shared.out.back(distance));
        let (c1, c2, c3) = (back(1), back(2), back(3));
        let beside = gap.beside.first().map_or(0, |byte| u64::from(*byte));
        let (state, opcode) = (u64::from(class), u64::from(self.automaton.opcode));
        let instruction = if class == OPCODE {
            state | self.instructions[2] << 8
        } else {
            let has_modrm = (SIB..JUMP8).contains(&class) || class >= IMMEDIATE8;
            state | opcode << 8 | if has_modrm { u64::from(self.automaton.modrm) << 24 } else { 0 }
        };
        let is_amid = (DISPLACEMENT32 + 1..DISPLACEMENT32 + 4).contains(&class) || class > IMMEDIATE;
        let contexts = [
            state | opcode << 8 | 1 << 60,
            state | c1 << 8 | 1 << 61,
            instruction | if is_amid { c1 << 40 } else { 0 },
            hash(c1 | c2 << 8, state | 5 << 20),
            hash(c1 | c2 << 8 | c3 << 16, state),
            beside | state << 8 | 1 << 50,
        ];
        let set = 2 * usize::from(class & 31);
        let wanted = shared.wanted(at);
        let byte = self.model.byte(&mut shared.coder, &LITERAL.map(|k| contexts[k]), set, wanted);
        self.feed(byte);
        shared.out.push(byte);
        1
    }

    fn x86_reference<C: Coder>(&mut self, shared: &mut Shared<'_, C>, address: u64, at: usize) -> usize {
        shared.coder.account(Stream::Literal);
        let is_data = self.automaton.class == RELATIVE_DATA;
        let shift = if is_data { self.automaton.immediate as i8 } else { 0 };
        let opcode = u64::from(self.automaton.opcode);
        let reach = match opcode {
            _ if is_data => Reach::Data,
            0xe8 => Reach::Call,
            _ => Reach::Jump,
        };
        let kind = Kind::Relative32;
        let target = kind.read(shift, 0, shared.wanted_from(at), address);
        let target = shared.destinations.code(&mut shared.coder, reach, address, opcode, target, 0);
        let mut bytes = [0; 4];
        kind.write(shift, 0, &mut bytes, address, target);
        for byte in bytes {
            self.automaton.step(byte);
        }
        shared.out.extend(&bytes);
        shared.coder.account(Stream::LiteralReference);
        4
    }

    /// A whole word: its last byte, which tells what it is, first.
    fn arm64<C: Coder>(&mut self, shared: &mut Shared<'_, C>, gap: &Gap<'_>, at: usize) -> usize {
        let wanted = word(shared.wanted_from(at));
        let last = word(shared.out.from(at - 4));
        let before = word(shared.out.from(at - 8));
        let beside = if gap.beside.len() >= 4 { word(gap.beside) } else { 0 };
        let words = arm64::Literal { last, before, beside, count: self.count as u64 };
        let select = |contexts: [u64; 6]| LITERAL.map(|k| contexts[k]);
        let top = arm64::canonical(wanted >> 24) as u8;
        let top = self.model.byte(&mut shared.coder, &select(words.top()), 64, top);
        let address = shared.new.address(at).unwrap_or(0);
        let code = if let Some((kind, reach)) = arm64::referring(top) {
            shared.coder.account(Stream::Literal);
            let unit = if kind == Kind::Page { 12 } else { 2 };
            let from = if kind == Kind::Page { address & !0xfff } else { address };
            let target = kind.read(0, 0, &wanted.to_le_bytes(), address);
            let target = shared.destinations.code(&mut shared.coder, reach, from, 0, target, unit);
            let mut bytes = (u32::from(top) << 24).to_le_bytes();
            if kind == Kind::Page {
                bytes[0] = self.model.byte(&mut shared.coder, &select(words.register()), 70, wanted as u8 & 31) & 31;
            }
            kind.write(0, 0, &mut bytes, address, target);
            shared.coder.account(Stream::LiteralReference);
            u32::from_le_bytes(bytes)
        } else {
            let mut code = u32::from(top) << 24;
            let byte = self.model.byte(&mut shared.coder, &select(words.third(code)), 66, (wanted >> 16) as u8);
            code |= u32::from(byte) << 16;
            let byte = self.model.byte(&mut shared.coder, &select(words.second(code)), 68, (wanted >> 8) as u8);
            code |= u32::from(byte) << 8;
            let byte = self.model.byte(&mut shared.coder, &select(words.first(code)), 70, wanted as u8);
            code | u32::from(byte)
        };
        shared.out.extend(&code.to_le_bytes());
        4
    }
}
