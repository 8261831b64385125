//! A unit of the old file: an instruction, a word or a LEB128; and what those like it became.

use super::batch::Origin;
use super::bit::hash;
use super::class::{ARM64, CLASS, DATA, JUMP8};
use super::field::word;
use super::reference::Reference;
use super::tier::Tier;
use std::ops::Range;

/// An instruction, a word or a LEB128 of the old file.
pub(crate) struct Unit<'a> {
    pub(crate) old: &'a [u8],
    pub(crate) classes: &'a [u8],
    /// Class of the first byte.
    pub(crate) class: u8,
    /// The first 4 bytes.
    pub(crate) word: u32,
    /// Bytes before the reference.
    pub(crate) own: usize,
    /// The bytes that tell what it is: up to 4 before the reference.
    pub(crate) signature: u32,
    pub(crate) reference: Option<Reference>,
    /// Where the reference is in the unit; an empty range at its end if there is none.
    pub(crate) field: Range<usize>,
}

impl<'a> Unit<'a> {
    pub(crate) fn new(window: &Origin<'a>, at: usize, end: usize, found: Option<&Reference>) -> Self {
        let old = &window.bytes[at..end];
        let classes = &window.classes[at..end];
        let first = word(&window.bytes[at..(at + 4).min(window.bytes.len())]);
        let start = window.start + at;
        let field = found.map_or(old.len()..old.len(), |found| found.start() - start..found.end() - start);
        let mut unit = Unit {
            old,
            classes,
            class: classes[0] & CLASS,
            word: first,
            own: field.start.min(old.len()),
            signature: 0,
            reference: found.copied(),
            field,
        };
        if unit.is_coded_field() {
            let kind = unit.reference.map(|found| found.kind);
            let opcode = kind.map_or(0, |kind| kind.opcode());
            let is_leb = kind.is_some_and(|kind| kind.is_leb());
            unit.own = 0;
            unit.signature = if is_leb { kind.map_or(0, |kind| kind as u32) } else { first & opcode };
        } else {
            if old.len() == 2 && classes[1] & CLASS == JUMP8 {
                unit.own = 1;
            }
            unit.signature = if unit.own < 4 { first & ((1u64 << (8 * unit.own)) - 1) as u32 } else { first };
        }
        unit
    }

    /// Whether its reference has bits that are no part of the address: then it is coded as a
    /// whole where these differ.
    pub(crate) fn is_coded_field(&self) -> bool {
        self.reference.is_some_and(|found| found.kind.opcode() != 0 || found.kind.is_leb())
    }

    /// Whether it is an instruction, as far as is known.
    pub(crate) fn is_instruction(&self) -> bool {
        self.class < DATA || (self.class >= ARM64 && self.old.len() == 4)
    }

    /// Whether it has nothing but a reference.
    pub(crate) fn is_field_alone(&self) -> bool {
        self.own == 0 && self.reference.is_some() && !self.is_coded_field()
    }

    /// For a word of arm64 with an address: the bits that are none.
    pub(crate) fn word_opcode(&self) -> Option<u32> {
        let found = self.reference.filter(|found| self.class >= ARM64 && found.kind.opcode() != 0)?;
        Some(found.kind.opcode())
    }
}

/// What units with the same signature became the last time.
pub(crate) struct Substitutions {
    entries: Vec<Substitution>,
    width: u32,
}

/// What a signature became: with a check of 30 bits, and how often in a row (2 bits).
#[derive(Clone, Copy, Default)]
struct Substitution {
    signature: u32,
    seen: u32,
}

const RUN: u32 = 3;

impl Substitution {
    fn new(check: u32, signature: u32, run: u32) -> Self {
        Substitution { signature, seen: check << 2 | run.min(RUN) }
    }

    fn check(self) -> u32 {
        self.seen >> 2
    }

    fn run(self) -> u32 {
        self.seen & RUN
    }
}

/// What is known of a unit's signature.
pub(crate) struct Known {
    pub(crate) state: u64,
    pub(crate) substitute: Option<u32>,
    /// Where that is remembered, and by which check.
    slot: (usize, u32),
}

impl Substitutions {
    pub(crate) fn new(tier: &Tier) -> Self {
        let width = tier.substitutions;
        Substitutions { entries: vec![Substitution::default(); 1 << width], width }
    }

    fn slot(&self, unit: &Unit<'_>) -> (usize, u32) {
        let key = hash(u64::from(unit.signature) | u64::from(unit.class) << 32, unit.own as u64);
        ((key >> (64 - self.width)) as usize, (key as u32 >> 2).max(1))
    }

    pub(crate) fn find(&self, unit: &Unit<'_>) -> Known {
        let slot = self.slot(unit);
        let entry = self.entries[slot.0];
        if entry.check() != slot.1 {
            return Known { state: 0, substitute: None, slot };
        }
        let changed = entry.signature != unit.signature;
        Known {
            state: 1 + u64::from(changed) + u64::from(entry.run()) * 2,
            substitute: changed.then_some(entry.signature),
            slot,
        }
    }

    pub(crate) fn note(&mut self, known: &Known, unit: &Unit<'_>, new: &[u8]) {
        let (slot, check) = known.slot;
        let signature = word(&new[..unit.own.min(4).min(new.len())]);
        let entry = &mut self.entries[slot];
        let again = entry.check() == check && entry.signature == signature;
        let run = if again { entry.run() + 1 } else { 0 };
        *entry = Substitution::new(check, signature, run);
    }
}
