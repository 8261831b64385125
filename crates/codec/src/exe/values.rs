//! The bytes of a unit that differ: where they are, and what they are.

use super::bit::hash;
use super::body::Shared;
use super::class::{ARM64, CLASS};
use super::coder::{Coder, Stream};
use super::nibble::Nibbles;
use super::renaming::Guess;
use super::tier::{PLACES, Tier, VALUE};
use super::unit::Unit;

/// Most bytes of a unit that may differ, beside its reference.
const MOST: usize = 24;

/// Of so many bytes one symbol says which ones differ.
const FEW: usize = 4;

/// Of more bytes, for the distance to the next one that differs: there is none.
const NO_MORE: usize = 15;

pub(crate) struct Values {
    places: Nibbles<PLACES>,
    values: Nibbles<VALUE>,
}

/// A unit that is not what it was guessed to be, and what is known of it.
pub(crate) struct Changed<'u> {
    pub(crate) unit: &'u Unit<'u>,
    pub(crate) guess: &'u Guess,
    /// What units with its signature became.
    pub(crate) substitute: u32,
    /// Where it is in the new file.
    pub(crate) at: usize,
    /// For the encoder: which of its bytes differ.
    pub(crate) differs: &'u [bool],
}

impl Changed<'_> {
    fn old(&self, place: usize) -> u8 {
        self.unit.old[place]
    }

    fn guessed(&self, place: usize) -> u8 {
        self.guess.bytes.get(place).copied().unwrap_or(self.old(place))
    }

    /// By what became of its signature.
    fn substituted(&self, place: usize) -> u8 {
        let substitute = self.substitute.to_le_bytes();
        if place < self.unit.own { substitute.get(place).copied().unwrap_or(self.old(place)) } else { self.old(place) }
    }

    /// What tells instructions apart.
    fn opcode(&self) -> u64 {
        u64::from(if self.unit.class >= ARM64 { self.unit.word >> 24 } else { self.unit.word & 0xff })
    }
}

impl Values {
    pub(crate) fn new(tier: &Tier) -> Self {
        Values { places: Nibbles::new(tier.places, 3), values: Nibbles::new(tier.values, 128) }
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
    pub(crate) fn bytes<C: Coder>(&mut self, shared: &mut Shared<'_, C>, changed: &Changed<'_>) {
        let Changed { unit, at, .. } = changed;
        let mut places = [0usize; MOST];
        let mut count = 0;
        for place in (0..unit.old.len()).filter(|place| !unit.field.contains(place)).take(MOST) {
            places[count] = place;
            count += 1;
        }
        let mask = self.places(&mut shared.coder, changed, &places[..count]);
        let mut last = 0u8;
        for number in (0..count).filter(|number| mask >> number & 1 == 1) {
            let (place, next) = (places[number], u64::from(mask >> number & 15));
            let class = unit.classes[place] & CLASS;
            let (old, guessed) = (changed.old(place), changed.guessed(place));
            let [class_bits, old_bits] = [class, old].map(u64::from);
            let contexts = [
                class_bits | u64::from(guessed) << 8 | u64::from(guessed != old) << 16,
                class_bits | 2 << 24 | u64::from(changed.substituted(place)) << 32,
                hash(old_bits | class_bits << 8, changed.opcode() | u64::from(last) << 8 | next << 16),
            ];
            let wanted = shared.plan.wanted(at + place);
            let byte = self.values.byte(&mut shared.coder, &contexts, 2 * usize::from(class), wanted);
            last = byte.wrapping_sub(old);
            if let Some(out) = shared.out.tail_mut(*at).get_mut(place) {
                *out = byte;
            }
        }
        shared.coder.account(Stream::Value);
    }

    /// Codes which of the bytes at these places differ: a bit for each.
    fn places<C: Coder>(&mut self, coder: &mut C, changed: &Changed<'_>, places: &[usize]) -> u32 {
        let count = places.len();
        // A unit of one byte that differs, differs there.
        if count <= 1 {
            return count as u32;
        }
        let (mut guess, mut substitute, mut shape) = (0u64, 0u64, 0u64);
        for (number, &place) in places.iter().enumerate() {
            let old = changed.old(place);
            guess |= u64::from(changed.guessed(place) != old) << number;
            substitute |= u64::from(changed.substituted(place) != old) << number;
            shape = shape.wrapping_mul(67).wrapping_add(u64::from(changed.unit.classes[place] & CLASS) + 1);
        }
        let kind = changed.opcode() | (count as u64) << 8;
        let operand = u64::from(changed.guess.operand.0);
        let differs = |number: &usize| C::ENCODES && changed.differs[places[*number]];
        let mut mask = 0;
        if count <= FEW {
            let contexts = [hash(shape, guess << 16 | 1 << 60), hash(kind, operand << 8 | substitute << 16 | 1 << 60)];
            let wanted = (0..count).filter(differs).fold(0, |mask, number| mask | 1 << number);
            mask = self.places.symbol(coder, &contexts, 2, wanted) as u32;
        } else {
            let mut next = 0;
            while next < count {
                let is_first = mask == 0;
                let contexts = [
                    hash(shape, (next as u64) << 8 | guess >> next << 16 | u64::from(is_first)),
                    hash(kind, next as u64 | operand << 8 | (substitute >> next & 7) << 16),
                ];
                let distance = (next..count).find(differs).map_or(NO_MORE, |number| (number - next).min(NO_MORE - 1));
                let distance = self.places.symbol(coder, &contexts, usize::from(is_first), distance);
                next += distance;
                if distance == NO_MORE || next >= count {
                    break;
                }
                mask |= 1 << next;
                next += 1;
            }
        }
        coder.account(Stream::Place);
        mask
    }
}
