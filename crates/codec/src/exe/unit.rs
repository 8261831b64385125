//! The bytes of a unit that differ from the old ones: where they are, and what they are.

use super::batch::Origin;
use super::bit::hash;
use super::body::Shared;
use super::class::{ARM64, CLASS, DATA, JUMP8};
use super::coder::{Coder, Stream};
use super::field::word;
use super::nibble::Nibbles;
use super::reference::Reference;
use super::renaming::{Guess, Renaming};
use super::tier::{PLACES, Tier, VALUE};

/// Most bytes of a unit that may differ, beside its reference.
const MOST: usize = 24;

/// For the distance to the next byte that differs: there is none.
const NO_MORE: usize = 15;

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
    reference: Option<Reference>,
    /// Where the reference is in the unit; an empty range at its end if there is none.
    field: (usize, usize),
}

impl<'a> Unit<'a> {
    pub(crate) fn new(window: &Origin<'a>, at: usize, end: usize, found: Option<&Reference>) -> Self {
        let old = &window.bytes[at..end];
        let classes = &window.classes[at..end];
        let first = word(&window.bytes[at..(at + 4).min(window.bytes.len())]);
        let start = window.start + at;
        let field = found.map_or((old.len(), old.len()), |found| (found.start() - start, found.end() - start));
        let mut unit = Unit {
            old,
            classes,
            class: classes[0] & CLASS,
            word: first,
            own: field.0.min(old.len()),
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
        let (slot, check) = self.slot(unit);
        let entry = self.entries[slot];
        if entry.check() != check {
            return Known { state: 0, substitute: None };
        }
        let changed = entry.signature != unit.signature;
        Known {
            state: 1 + u64::from(changed) + u64::from(entry.run()) * 2,
            substitute: changed.then_some(entry.signature),
        }
    }

    pub(crate) fn note(&mut self, unit: &Unit<'_>, new: &[u8]) {
        let (slot, check) = self.slot(unit);
        let signature = word(&new[..unit.own.min(4).min(new.len())]);
        let entry = &mut self.entries[slot];
        let again = entry.check() == check && entry.signature == signature;
        let run = if again { entry.run() + 1 } else { 0 };
        *entry = Substitution::new(check, signature, run);
    }
}

/// Models of bytes that differ.
pub(crate) struct Values {
    places: Nibbles<PLACES>,
    values: Nibbles<VALUE>,
}

impl Values {
    pub(crate) fn new(tier: &Tier) -> Self {
        Values { places: Nibbles::new(tier.places, 2), values: Nibbles::new(tier.values, 128) }
    }

    /// Codes all bytes of a field, the last one first.
    pub(crate) fn field<C: Coder>(&mut self, shared: &mut Shared<'_, C>, unit: &Unit<'_>, guess: &Guess, at: usize) {
        let Some(found) = unit.reference else { return };
        let is_word = unit.class >= ARM64 && found.kind.size() == 4;
        let renamed = is_word && guess.bytes[..4] != unit.word.to_le_bytes();
        let mut above = 0u64;
        for place in (0..found.kind.size()).rev() {
            let old = u64::from(unit.old.get(place).copied().unwrap_or(0));
            let old = if is_word { u64::from(guess.bytes[place]) | u64::from(renamed) << 40 } else { old };
            let place_bits = place as u64;
            let contexts =
                [old | place_bits << 8, above | place_bits << 8 | (found.kind as u64) << 16 | 2 << 30, 1 << 59];
            let wanted = shared.plan.wanted(at + place);
            let byte = self.values.byte(&mut shared.coder, &contexts, 0, wanted);
            if let Some(out) = shared.out.tail_mut(at).get_mut(place) {
                *out = byte;
            }
            above = u64::from(byte);
        }
        shared.coder.account(Stream::Value);
    }

    /// Codes which bytes differ, and what they are.
    pub(crate) fn bytes<C: Coder>(
        &mut self,
        shared: &mut Shared<'_, C>,
        unit: &Unit<'_>,
        guess: &Guess,
        substitute: u32,
        renaming: &mut Renaming,
        (at, differs): (usize, &[bool]),
    ) {
        let is_code = unit.class < DATA || (unit.class >= ARM64 && unit.old.len() == 4);
        let substitute = substitute.to_le_bytes();
        let mut places = [0usize; MOST];
        let (mut count, mut hints, mut shape) = (0, 0u64, 0u64);
        for place in (0..unit.old.len()).filter(|place| !(unit.field.0..unit.field.1).contains(place)).take(MOST) {
            let old = shared.out.from(at).get(place).copied().unwrap_or(0);
            let guessed = guess.bytes.get(place).copied().unwrap_or(old);
            if substituted(unit, &substitute, place, old) != old || (guessed != old && is_code) {
                hints |= 1 << count;
            }
            shape = shape.wrapping_mul(67).wrapping_add(u64::from(unit.classes[place] & CLASS) + 1);
            places[count] = place;
            count += 1;
        }
        let opcode = u64::from(if unit.class >= ARM64 { unit.word >> 24 } else { unit.word & 0xff });
        let operand = u64::from(guess.operand.0);
        let (mut next, mut is_first, mut last) = (0, true, 0u8);
        while next < count {
            // A unit of one byte that differs, differs there.
            if !(is_first && count == 1) {
                let first = u64::from(is_first);
                let contexts = [
                    hash(shape, (next as u64) << 8 | hints >> next << 16 | first),
                    hash(opcode | (count as u64) << 8, next as u64 | operand << 8 | (hints >> next & 7) << 16),
                ];
                let distance = if C::ENCODES {
                    let found = places[next..count].iter().position(|place| differs[*place]);
                    found.map_or(NO_MORE, |distance| distance.min(NO_MORE - 1))
                } else {
                    0
                };
                let distance = self.places.symbol(&mut shared.coder, &contexts, usize::from(is_first), distance);
                shared.coder.account(Stream::Place);
                if distance == NO_MORE {
                    break;
                }
                next += distance;
            }
            is_first = false;
            if next >= count {
                break;
            }
            let place = places[next];
            let class = unit.classes[place] & CLASS;
            let old = shared.out.from(at).get(place).copied().unwrap_or(0);
            let guessed = guess.bytes.get(place).copied().unwrap_or(old);
            let is_data = (DATA..ARM64).contains(&class);
            let [class_bits, old_bits] = [class, old].map(u64::from);
            let contexts = [
                class_bits | u64::from(guessed) << 8 | u64::from(guessed != old) << 16,
                class_bits | old_bits << 8 | 2 << 24,
                hash(old_bits | class_bits << 8, opcode | u64::from(last) << 8),
            ];
            let wanted = shared.plan.wanted(at + place);
            let set = 2 * usize::from(class);
            let byte = self.values.byte(&mut shared.coder, &contexts, set, wanted);
            last = byte.wrapping_sub(old);
            if is_data {
                renaming.learn_data(last);
            }
            if let Some(out) = shared.out.tail_mut(at).get_mut(place) {
                *out = byte;
            }
            shared.coder.account(Stream::Value);
            next += 1;
        }
    }
}

/// The byte at this place of the substitute.
fn substituted(unit: &Unit<'_>, substitute: &[u8; 4], place: usize, old: u8) -> u8 {
    if place < unit.own { substitute.get(place).copied().unwrap_or(old) } else { old }
}
