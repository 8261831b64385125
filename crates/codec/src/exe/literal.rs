//! Bytes of the new file that no match holds.

use super::arm64;
use super::batch::Batch;
use super::bit::hash;
use super::body::Plan;
use super::class::{
    CLASS, DATA, DISPLACEMENT32, IMMEDIATE, IMMEDIATE8, JUMP8, JUMP32, OPCODE, RELATIVE_DATA, SIB, START, is_reference,
};
use super::coder::Coder;
use super::destinations::Reach;
use super::field::{Kind, word};
use super::hole::Hole;
use super::nibble::Nibbles;
use super::repeat::Repeats;
use super::tier::{LITERAL, Tier};
use super::window::Window;
use super::x86::Automaton;

/// Sets of weights, by class of region and state.
const SETS: usize = 160;

pub(crate) struct Literals {
    model: Nibbles<LITERAL>,
    repeats: Repeats,
    automaton: Automaton,
    /// Hashes of the last instructions, and of the one that is being read.
    instructions: [u64; 3],
    current: u64,
    /// The last 8 bytes, the last one lowest, without addresses.
    recent: u64,
    /// Bytes of this gap so far.
    count: usize,
}

/// A place in a gap.
pub(crate) struct Gap {
    /// The class of the region.
    pub(crate) class: usize,
    pub(crate) at: usize,
    /// Bytes of the gap, or of the piece of it that is made at once, that are there already.
    pub(crate) done: u32,
    /// Bytes until the gap ends; at level `fast` until the region does, if that is earlier.
    pub(crate) left: usize,
}

/// States of [`Repeats::byte`] that stand for a class of region; those below are of x86-64 code.
const OTHER: usize = 32;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Literals {
    /// For so many bytes in gaps.
    pub(crate) fn new(tier: &Tier, gaps: usize) -> Self {
        Literals {
            model: Nibbles::new(tier.literals, SETS),
            repeats: Repeats::new(gaps),
            automaton: Automaton::new(),
            instructions: [0; 3],
            current: 0,
            recent: 0,
            count: 0,
        }
    }

    /// Notes the bytes of a window of the old file, as if nothing had changed in it.
    pub(crate) fn pass(&mut self, window: &Window) {
        const LAST: usize = 16;
        let mut at = window.bytes.len().saturating_sub(LAST);
        let next = window.references.partition_point(|found| found.start() < window.start + at);
        for found in &window.references[next..] {
            let place = found.start() - window.start;
            self.note(&window.bytes[at..place]);
            at = place + found.kind.size();
            if found.kind.opcode() != 0 {
                self.note(&(word(&window.bytes[place..at]) & found.kind.opcode()).to_le_bytes());
            }
        }
        self.note(&window.bytes[at..]);
    }

    #[inline(always)]
    fn note(&mut self, bytes: &[u8]) {
        self.recent = bytes.iter().fold(self.recent, |recent, byte| recent << 8 | u64::from(*byte));
    }

    /// The `distance`-th byte from the end.
    #[inline(always)]
    fn back(&self, distance: usize) -> u64 {
        (self.recent >> (8 * (distance - 1))) & 0xff
    }

    /// Begins a gap behind a window of the old file: as if nothing had changed in it.
    pub(crate) fn begin(&mut self, window: &Window) {
        const BACK: usize = 60;
        const UNITS: usize = 4;
        self.repeats.begin(self.recent);
        (self.automaton, self.instructions, self.current, self.count) = (Automaton::new(), [0; 3], 0, 0);
        let starts = window.classes.iter().rev().take(BACK).enumerate();
        let is_start = |class: u8| class & START != 0 && class & CLASS < DATA;
        let Some((back, _)) = starts.filter(|(_, class)| is_start(**class)).take(UNITS).last() else { return };
        let first = window.bytes.len().saturating_sub(back + 1);
        for (place, byte) in window.bytes.get(first..).unwrap_or_default().iter().enumerate() {
            if self.automaton.starts && place > 0 {
                self.end_instruction();
            }
            self.feed(*byte);
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
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, plan: &Plan<'_>, batch: &mut Batch, gap: &Gap) -> usize {
        let length = match gap.class {
            1 => self.x86(coder, plan, batch, gap),
            2 if gap.at & 3 == 0 && gap.left >= 4 && gap.at >= 8 => self.arm64(coder, plan, batch, gap),
            _ => {
                let (contexts, set) = self.other(gap);
                let wanted = plan.wanted(gap.at);
                let Literals { model, repeats, .. } = self;
                let model = |coder: &mut C| model.byte(coder, &contexts, set, wanted);
                let byte = repeats.byte(coder, OTHER + gap.class, wanted, model);
                batch.bytes.push(byte);
                self.note(&[byte]);
                1
            }
        };
        self.count += length;
        length
    }

    fn other(&self, gap: &Gap) -> ([u64; LITERAL], usize) {
        let back = |distance| self.back(distance);
        let (c1, c2, c3, c4) = (back(1), back(2), back(3), back(4));
        let place = gap.at as u64 & 3;
        if gap.class == 2 {
            let second = if place > 1 { c2 } else { 0 };
            let contexts = [
                place | c1 << 8 | 1 << 60,
                place | c4 << 8 | 1 << 61,
                place | c1 << 8 | second << 16 | back(place as usize + 1) << 32,
                hash(c1 | c2 << 8 | c3 << 16, place),
            ];
            return (contexts, 64 + 2 * place as usize);
        }
        let class = gap.class as u64;
        let state = place | class << 2;
        let contexts = [
            state | 1 << 60,
            c1 | state << 8 | 1 << 61,
            c1 | c2 << 8 | state << 16 | 1 << 59,
            c4 | state << 8 | back(8) << 16 | 1 << 58,
        ];
        (contexts, 72 + 8 * gap.class + 2 * place as usize)
    }

    fn x86<C: Coder>(&mut self, coder: &mut C, plan: &Plan<'_>, batch: &mut Batch, gap: &Gap) -> usize {
        if self.automaton.starts && (self.count > 0 || self.current != 0) {
            self.end_instruction();
        }
        let class = self.automaton.class;
        if (class == RELATIVE_DATA || class == JUMP32) && gap.left >= 4 && plan.new.address(gap.at).is_some() {
            return self.x86_reference(batch, gap);
        }
        let (c1, c2, c3) = (self.back(1), self.back(2), self.back(3));
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
            hash(c1 | c2 << 8 | c3 << 16, state),
        ];
        let set = 2 * usize::from(class & 31);
        let wanted = plan.wanted(gap.at);
        let Literals { model, repeats, .. } = self;
        let model = |coder: &mut C| model.byte(coder, &contexts, set, wanted);
        let byte = repeats.byte(coder, usize::from(class & 31), wanted, model);
        self.feed(byte);
        batch.bytes.push(byte);
        self.note(&[byte]);
        1
    }

    fn x86_reference(&mut self, batch: &mut Batch, gap: &Gap) -> usize {
        let is_data = self.automaton.class == RELATIVE_DATA;
        let shift = if is_data { self.automaton.immediate as i8 } else { 0 };
        let opcode = self.automaton.opcode;
        let reach = match opcode {
            _ if is_data => Reach::Data,
            0xe8 => Reach::Call,
            _ => Reach::Jump,
        };
        batch.holes.push(Hole { at: gap.done, kind: Kind::Relative32, reach, opcode, shift });
        for _ in 0..4 {
            self.automaton.step(0);
        }
        batch.bytes.extend_from_slice(&[0; 4]);
        4
    }

    /// A whole word: its last byte, which tells what it is, first.
    fn arm64<C: Coder>(&mut self, coder: &mut C, plan: &Plan<'_>, batch: &mut Batch, gap: &Gap) -> usize {
        let wanted = word(plan.wanted_from(gap.at));
        let (last, before) = ((self.recent as u32).swap_bytes(), ((self.recent >> 32) as u32).swap_bytes());
        let words = arm64::Literal { last, before };
        let known = arm64::without_target(wanted);
        let Literals { model, repeats, .. } = self;
        let code = repeats.word(coder, known, |coder| {
            let top = model.byte(coder, &words.top(), 64, (known >> 24) as u8);
            let mut code = u32::from(top) << 24;
            match arm64::referring(top) {
                Some((Kind::Page, _)) => {
                    code |= u32::from(model.byte(coder, &words.register(), 70, known as u8) & 31);
                }
                Some(_) => {}
                None => {
                    let byte = model.byte(coder, &words.third(code), 66, (known >> 16) as u8);
                    code |= u32::from(byte) << 16;
                    let byte = model.byte(coder, &words.second(code), 68, (known >> 8) as u8);
                    code |= u32::from(byte) << 8;
                    let byte = model.byte(coder, &words.first(code), 70, known as u8);
                    code |= u32::from(byte);
                }
            }
            code
        });
        if let Some((kind, reach)) = arm64::referring((code >> 24) as u8) {
            batch.holes.push(Hole { at: gap.done, kind, reach, opcode: 0, shift: 0 });
        }
        batch.bytes.extend_from_slice(&code.to_le_bytes());
        self.note(&code.to_le_bytes());
        4
    }
}
