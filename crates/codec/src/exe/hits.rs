//! References inside of matches: each is written as if its target had gone where the map says,
//! and where that is wrong, what is right is coded and learned.

use super::bit::{Bit, Mixed, hash};
use super::body::Shared;
use super::coder::{Coder, Stream};
use super::control::Neighbour;
use super::destinations::Reach;
use super::field::{KINDS, Kind, Use, word};
use super::number::Number;
use super::reference::Reference;
use super::targets::{BEFORE_LINES, NO_LINE, Target};
use super::tier::{HIT, Tier};
use crate::number::{unzigzag, zigzag};

const LIMIT: u32 = 120;

/// Targets that are as near to the guess are coded by their distance.
const NEAR: u64 = 1 << 13;

pub(crate) struct Hits {
    flags: Mixed<HIT>,
    /// By kind: which of the last ones were wrong.
    history: [u64; KINDS],
    numbers: Number,
    is_other: Vec<Bit>,
    is_again: Vec<Bit>,
    is_popular: Vec<Bit>,
    /// By kind and use: the last difference, and whether it was the one before it.
    last: [u64; KINDS * 4],
    was_again: [bool; KINDS * 4],
}

/// How much is known about the target: 0 nothing, else by a neighbour of the match or by a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Map,
    Weak,
    Strong,
}

/// Where a reference is in the new file, and what its field is relative to.
pub(crate) struct Place {
    at: usize,
    pub(crate) address: u64,
    pub(crate) base: u64,
    /// The page that was made for it.
    page: Option<u64>,
}

/// How a reference is coded.
pub(crate) struct Manner {
    /// No flag is coded: it is known to be right.
    pub(crate) is_certain: bool,
    /// Bytes since the last change.
    pub(crate) since: u64,
}

impl Hits {
    pub(crate) fn new(tier: &Tier) -> Self {
        Hits {
            flags: Mixed::new(tier.flags, KINDS * 4),
            history: [0; KINDS],
            numbers: Number::new(KINDS * 16),
            is_other: vec![Bit::EVEN; KINDS * 8],
            is_again: vec![Bit::EVEN; KINDS * 8],
            is_popular: vec![Bit::EVEN; 32],
            last: [0; KINDS * 4],
            was_again: [false; KINDS * 4],
        }
    }

    /// Writes the field at `at` of the new file, where the old bytes stand; `number` is that of the
    /// reference's target. Returns whether the
    /// guess was right.
    #[inline(always)]
    pub(crate) fn code<C: Coder>(
        &mut self,
        shared: &mut Shared<'_, C>,
        found: &Reference,
        number: usize,
        (at, into): (usize, usize),
        manner: &Manner,
    ) -> bool {
        let Some(made) = guess(shared, found, number, (at, into)) else { return true };
        let (kind, shift, usage) = (found.kind, found.shift, found.usage as usize);
        let Guess { target, place, value: guess, source, page_differs } = &made;
        let (base, address, guess, source) = (place.base, place.address, *guess, *source);
        let size = kind.size();
        let mut bytes = [0; 8];
        for (byte, old) in bytes.iter_mut().zip(shared.out.from(at)).take(size) {
            *byte = *old;
        }
        kind.write(shift, base, &mut bytes[..size], address, guess);
        let is_wrong = C::ENCODES && shared.plan.wanted_from(at).get(..size) != Some(&bytes[..size]);
        let known = match source {
            Source::Map => u64::from(target.is_held) | u64::from(target.is_known) << 1 | u64::from(*page_differs) << 2,
            source => source as u64 | 4,
        };
        let state = known | (usage as u64) << 3;
        let is_wrong = if manner.is_certain {
            false
        } else {
            let number = kind as u64;
            let tag = if number < 16 { number << 6 } else { number << 40 };
            let contexts = [state | tag | (self.history[kind as usize] & 63) << 10 | 1 << 17, hash(found.target, 3)];
            shared.coder.account(Stream::Unit);
            let contexts = contexts.map(|context| hash(context, 7));
            let is_wrong = self.flags.code(&mut shared.coder, contexts, kind as usize * 4 + usage, is_wrong);
            self.history[kind as usize] = self.history[kind as usize] << 1 | u64::from(is_wrong);
            shared.coder.account(Stream::Hit);
            is_wrong
        };
        let mut actual = guess;
        if is_wrong {
            let other = if source == Source::Strong {
                target.value
            } else {
                shared.targets.before(number, found.target, &shared.map)
            };
            actual = self.miss(shared, found, place, guess, other, (known & 7, source));
            kind.write(shift, base, &mut bytes[..size], address, actual);
            shared.coder.account(Stream::Target);
        }
        learn(shared, found, number, &made, actual, is_wrong);
        let reach = match found.usage {
            Use::Other => None,
            Use::Data => Some(Reach::Data),
            Use::Call => Some(Reach::Call),
            Use::Jump => Some(Reach::Jump),
        };
        if let Some(reach) = reach {
            shared.destinations.note(reach, actual, manner.since < 16);
        }
        for (byte, new) in shared.out.tail_mut(at).iter_mut().zip(&bytes[..size]) {
            *byte = *new;
        }
        !is_wrong
    }

    /// Codes the target of a reference that was guessed wrongly.
    #[inline(never)]
    fn miss<C: Coder>(
        &mut self,
        shared: &mut Shared<'_, C>,
        found: &Reference,
        place: &Place,
        guess: u64,
        other: u64,
        (known, source): (u64, Source),
    ) -> u64 {
        let (kind, usage) = (found.kind, found.usage as usize);
        let coder = &mut shared.coder;
        let actual = actual(found, place, guess, shared.plan.wanted_from(place.at));
        let difference = difference(found, guess, actual);
        let row = kind as usize * 8 + known as usize;
        if other != guess
            && !matches!(kind, Kind::InPage | Kind::Page)
            && self.is_other[row].code(coder, actual == other, LIMIT)
        {
            self.note(found, guess, other);
            return other;
        }
        let slot = kind as usize * 4 + usage;
        if found.usage != Use::Jump {
            let bit = &mut self.is_again[slot * 2 + usize::from(self.was_again[slot])];
            self.was_again[slot] = bit.code(coder, difference == self.last[slot], LIMIT);
            if self.was_again[slot] {
                return apply(found, place, guess, self.last[slot]);
            }
        }
        if matches!(found.usage, Use::Data | Use::Call) {
            let low = if kind == Kind::Page { guess & 0xfff } else { 0 };
            let popular = &mut shared.destinations.popular;
            let ranks = if found.usage == Use::Data { &mut popular.data } else { &mut popular.calls };
            let rank = if C::ENCODES && difference >= NEAR { ranks.find(actual.wrapping_sub(low)) } else { None };
            let row = (usage & 1) * 8 + known as usize;
            if self.is_popular[row].code(coder, rank.is_some(), LIMIT) {
                let actual = ranks.code(coder, rank.unwrap_or(0)).wrapping_add(low);
                self.note(found, guess, actual);
                return actual;
            }
        }
        if found.usage == Use::Jump {
            let contexts = [source as u64 + 1, 2000 + source as u64];
            if let Some(recent) = shared.destinations.jumps.code(coder, contexts, actual) {
                return recent;
            }
            if kind == Kind::Relative32 && source == Source::Map {
                return shared.destinations.distance(coder, Reach::Jump as usize, place.address, actual, 0);
            }
        }
        let context = kind as usize * 16 + known as usize + if found.usage == Use::Jump { 8 } else { 0 };
        let difference = self.numbers.code(coder, context, difference);
        let actual = apply(found, place, guess, difference);
        self.note(found, guess, actual);
        actual
    }

    fn note(&mut self, found: &Reference, guess: u64, actual: u64) {
        if found.usage != Use::Jump {
            self.last[found.kind as usize * 4 + found.usage as usize] = difference(found, guess, actual);
        }
    }
}

/// Where the target of a reference went, as far as it is known without the new file.
pub(crate) struct Guess {
    target: Target,
    pub(crate) place: Place,
    pub(crate) value: u64,
    source: Source,
    page_differs: bool,
}

/// Guesses the target of the reference at `at` of the new file, `into` behind where its match begins; `number`
/// is that of the old target. `None` for what has no address.
#[inline(always)]
pub(crate) fn guess<C>(
    shared: &Shared<'_, C>,
    found: &Reference,
    number: usize,
    (at, into): (usize, usize),
) -> Option<Guess> {
    let address = shared.plan.new.address(at)?;
    let kind = found.kind;
    let target = shared.targets.target(number, found.target);
    let base = base(shared, found);
    let mut place = Place { at, address, base, page: None };
    if kind == Kind::InPage {
        place.page = page(shared, found, at, into);
    }
    let mut value = target.value;
    if kind.is_line() && !target.is_known {
        value = value.wrapping_add(shared.targets.line_shift(number, found.target) as u64);
    }
    let mut source = Source::Map;
    if found.is_branch() {
        match found.led() {
            Some((new, Neighbour::Inside)) => (value, source) = (new, Source::Strong),
            Some((new, Neighbour::Beside)) if !target.is_known => (value, source) = (new, Source::Weak),
            _ => {}
        }
    }
    if kind.is_span() {
        let before = found.target.wrapping_sub(found.base);
        if !fits(kind, value.wrapping_sub(base)) {
            (value, source) = (base.wrapping_add(before), Source::Strong);
        } else if value.wrapping_sub(base) != before {
            source = Source::Weak;
        }
    }
    let page_differs = place.page.is_some_and(|page| page != value & !0xfff);
    Some(Guess { target, place, value, source, page_differs })
}

/// Learns where the target of a reference went, for the other references to it.
#[inline(always)]
pub(crate) fn learn<C>(
    shared: &mut Shared<'_, C>,
    found: &Reference,
    number: usize,
    guess: &Guess,
    actual: u64,
    is_wrong: bool,
) {
    let Guess { target, place, value, source, page_differs } = guess;
    let kind = found.kind;
    if is_wrong {
        if *source != Source::Strong && (kind != Kind::InPage || place.page.is_some()) {
            shared.targets.learn(number, found.target, actual, &mut shared.budget);
        }
    } else if let (Some(page), true) = (place.page, *page_differs) {
        shared.targets.learn(number, found.target, page.wrapping_add(value & 0xfff), &mut shared.budget);
    }
    if kind.is_line() && (is_wrong || !target.is_known) {
        shared.targets.learn_line(number, found.target, actual, &mut shared.budget);
    }
}

/// What the field is relative to in the new file.
fn base<C>(shared: &Shared<'_, C>, found: &Reference) -> u64 {
    match found.kind {
        Kind::Image32 => shared.plan.new.image_base,
        kind if kind.has_moving_base() => {
            let number = shared.targets.number(found.base);
            let base = shared.targets.target(number, found.base);
            if kind.is_line() && !base.is_known && found.base != BEFORE_LINES {
                found.base.wrapping_add(shared.targets.line_shift(number, found.base) as u64) & NO_LINE
            } else {
                base.value
            }
        }
        _ => found.base,
    }
}

/// The page that the instruction before made, if it is in the same match and still makes one.
fn page<C>(shared: &Shared<'_, C>, found: &Reference, at: usize, into: usize) -> Option<u64> {
    let distance = 4 * usize::from(found.words);
    if into < distance {
        return None;
    }
    let bytes = shared.out.from(at - distance).get(..4)?;
    let address = shared.plan.new.address(at - distance)?;
    (word(bytes) & 0x9f00_0000 == 0x9000_0000).then(|| Kind::Page.read(0, 0, bytes, address))
}

/// Whether a length may be in such a field.
fn fits(kind: Kind, length: u64) -> bool {
    match kind {
        Kind::Length32 => length < 1 << 20,
        _ => {
            let size = kind.size() as u32;
            length < 1 << (7 * size) && (size == 1 || length >= 1 << (7 * size - 7))
        }
    }
}

/// The address that the new file has there.
pub(crate) fn actual(found: &Reference, place: &Place, guess: u64, bytes: &[u8]) -> u64 {
    let value = found.kind.read(found.shift, place.base, bytes, place.address);
    match found.kind {
        Kind::InPage => {
            let inside = found.kind.read(found.shift, 0, bytes, 0);
            place.page.unwrap_or(guess & !0xfff).wrapping_add(inside)
        }
        Kind::Page => value.wrapping_add(guess & 0xfff),
        _ => value,
    }
}

/// How far the target is from the guess, in the units of the field.
fn difference(found: &Reference, guess: u64, actual: u64) -> u64 {
    let shift = u32::from(found.shift as u8 & 7);
    zigzag(match found.kind {
        Kind::Page => actual.wrapping_sub(guess) as i64 >> 12,
        Kind::InPage => ((actual & 0xfff) as i64 >> shift) - ((guess & 0xfff) as i64 >> shift),
        _ => actual.wrapping_sub(guess) as i64,
    })
}

fn apply(found: &Reference, place: &Place, guess: u64, difference: u64) -> u64 {
    let (difference, shift) = (unzigzag(difference), u32::from(found.shift as u8 & 7));
    match found.kind {
        Kind::Page => guess.wrapping_add((difference << 12) as u64),
        Kind::InPage => {
            let start = (guess & 0xfff) >> shift << shift;
            let inside = start.wrapping_add((difference << shift) as u64);
            place.page.unwrap_or(guess & !0xfff).wrapping_add(inside)
        }
        _ => guess.wrapping_add(difference as u64),
    }
}
