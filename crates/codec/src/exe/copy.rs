//! Bytes of the new file that a match holds: unit by unit, what differs from the old one.
//!
//! A unit is an instruction, a word of code or data, or a LEB128. For each a flag says whether
//! bytes other than its references differ. After some bytes without a change one flag does
//! for 64 bytes, and after many for up to a megabyte.

use super::batch::Origin;
use super::bit::{Bit, Mixed, bits_of, hash};
use super::body::Shared;
use super::class::{ARM64, DATA, JUMP8, START};
use super::coder::{Coder, Stream};
use super::control::neighbour;
use super::field::{Kind, is_leb_of, word};
use super::hits::{Hits, Manner};
use super::reference::Reference;
use super::renaming::{Guess, Renaming, UNIT as GUESSED};
use super::tier::{Tier, UNIT};
use super::unit::{Substitutions, Unit};
use super::values::{Changed, Values};

/// After so many bytes without a change blocks are asked about.
const CALM: u64 = 16;
const BLOCK: usize = 64;

/// After so many bytes without a change or a wrong guess runs are asked about.
const QUIET: usize = 2048;
const LONGEST_RUN: u32 = 20;

/// A diagonal that is farther from the one before begins anew.
const FAR: i64 = 4096;

/// How many matches on each side are asked about a jump of 2 bytes, and within how many bytes
/// of the end of a match.
const SHORT_NEIGHBOURS: usize = 12;
const EDGE: usize = 130;

pub(crate) struct Copier {
    pub(crate) hits: Hits,
    flags: Mixed<UNIT>,
    blocks: Mixed<1>,
    runs: Vec<Bit>,
    values: Values,
    substitutions: Substitutions,
    renaming: Renaming,
    /// Bytes without a change, up to here.
    since: u64,
    /// Flags of the last units.
    history: u64,
    /// Where the last change or wrong guess was.
    last_miss: usize,
    /// Up to where it is known that no unit changes, that no guess is wrong either, and that
    /// nothing is asked about runs.
    clean: usize,
    certain: usize,
    asked: usize,
    /// The end of the last block in which something changes: nothing is asked about blocks before.
    doubtful: usize,
    /// For the encoder: whether each byte of the window, references apart, differs.
    differs: Vec<bool>,
    /// For the encoder: where changes and wrong guesses are.
    pub(crate) misses: Vec<usize>,
}

/// A window of a match.
#[derive(Clone, Copy)]
pub(crate) struct Piece {
    /// Where it begins in the new file.
    pub(crate) at: usize,
    /// Where the match begins and ends in the new file.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Copier {
    pub(crate) fn new(tier: &Tier) -> Self {
        Copier {
            hits: Hits::new(tier),
            flags: Mixed::new(tier.flags, 64),
            blocks: Mixed::new(14, 33),
            runs: vec![Bit::EVEN; 64],
            values: Values::new(tier),
            substitutions: Substitutions::new(tier),
            renaming: Renaming::new(),
            since: 100,
            history: 0,
            last_miss: 0,
            clean: 0,
            certain: 0,
            asked: 0,
            doubtful: 0,
            differs: Vec::new(),
            misses: Vec::new(),
        }
    }

    /// Begins a match whose diagonal is so far from the one before.
    pub(crate) fn begin(&mut self, distance: i64) {
        if distance.saturating_abs() > FAR {
            self.renaming.forget();
        }
        (self.clean, self.certain, self.asked, self.doubtful) = (0, 0, 0, 0);
    }

    /// Writes the bytes of the new file that come from `window`.
    pub(crate) fn window<C: Coder>(&mut self, shared: &mut Shared<'_, C>, window: &Origin<'_>, piece: Piece) {
        shared.out.extend(window.bytes);
        short_jumps(shared, window, piece);
        if C::ENCODES {
            self.compare(shared, window, piece.at);
        }
        let length = window.bytes.len();
        shared.targets.touch(window.numbers);
        let (references, numbers) = (window.references, window.numbers);
        let (mut at, mut next, mut written) = (0, 0, 0);
        while at < length {
            let here = piece.at + at;
            self.ask_run(shared, here, piece.end);
            self.ask_block(shared, window, piece, at);
            if here < self.clean {
                let end = (self.clean - piece.at).min(length);
                while let Some(found) = references.get(next).filter(|found| found.start() < window.start + end) {
                    let place = piece.at + found.start() - window.start;
                    let manner = Manner { is_certain: here < self.certain, since: self.since };
                    written = found.end() - window.start;
                    self.reference(shared, found, numbers[next], place, piece, &manner);
                    next += 1;
                }
                self.since += (end - at) as u64;
                self.history = 0;
                at = end;
                continue;
            }
            if at < written {
                at = written.min(length);
                self.since += 1;
                continue;
            }
            let start = window.start + at;
            let behind = window.classes[at + 1..].iter().position(|class| class & START != 0);
            let end = behind.map_or(length, |behind| at + 1 + behind);
            while references.get(next).is_some_and(|found| found.start() < start) {
                next += 1;
            }
            let found = references.get(next).filter(|found| found.start() < window.start + end);
            let found = found.filter(|_| shared.plan.new.address(here).is_some()).copied();
            let unit = Unit::new(window, at, end, found.as_ref());
            if let (Some(found), true) = (&found, unit.is_field_alone()) {
                let manner = Manner { is_certain: false, since: self.since };
                written = found.end() - window.start;
                self.reference(shared, found, numbers[next], here, piece, &manner);
                next += 1;
                self.since += found.kind.size() as u64;
                at = written.max(at + 1).min(length);
                continue;
            }
            let is_raw = self.unit(shared, &unit, piece, at);
            if let Some(found) = &found {
                written = found.end() - window.start;
                if !is_raw {
                    let place = piece.at + found.start() - window.start;
                    let manner = Manner { is_certain: false, since: self.since };
                    self.reference(shared, found, numbers[next], place, piece, &manner);
                }
                next += 1;
            }
            at = end.max(written.min(length));
        }
    }

    fn reference<C: Coder>(
        &mut self,
        shared: &mut Shared<'_, C>,
        found: &Reference,
        number: u32,
        place: usize,
        piece: Piece,
        manner: &Manner,
    ) {
        if !self.hits.code(shared, found, number as usize, (place, place - piece.start), manner) {
            self.last_miss = place;
            if C::ENCODES {
                self.misses.push(place);
            }
        }
    }

    /// Writes a unit as it is guessed to be, codes the flag that says whether it differs, and if it is set, the bytes
    /// that do. Returns whether its reference was written along with them.
    fn unit<C: Coder>(&mut self, shared: &mut Shared<'_, C>, unit: &Unit<'_>, piece: Piece, at: usize) -> bool {
        let here = piece.at + at;
        let opcode = unit.word_opcode();
        let guess = self.renaming.guess(unit.classes, unit.old, shared.out.from(here), here, opcode);
        let known = self.substitutions.find(unit);
        let is_guessed = self.write_guess(shared, unit, &guess, (here, at));
        let since = bits_of(self.since.min(255));
        let operand = u64::from(guess.operand.0);
        let what = match unit.class {
            ARM64.. => u64::from(unit.word >> 22) | 1 << 40,
            DATA.. => u64::from(unit.word & 0xff),
            _ => unit.signature.into(),
        };
        let state = u64::from(unit.is_coded_field()) | u64::from(is_guessed) << 1;
        let contexts = [
            hash(what | (self.history & 7) << 52 | since << 56, operand | state << 8),
            hash(guess.context, operand | known.state << 8),
        ];
        let set = since as usize * 4 + (known.state as usize & 3);
        let length = unit.old.len();
        let differs = C::ENCODES && self.differs[at..at + length].contains(&true);
        shared.coder.account(Stream::Hit);
        let differs = self.flags.code(&mut shared.coder, contexts, set, differs);
        shared.coder.account(Stream::Unit);
        self.history = self.history << 1 | u64::from(differs);
        if differs || is_guessed {
            (self.since, self.last_miss) = (0, here);
            if C::ENCODES {
                self.misses.push(here);
            }
        } else {
            self.since += length as u64;
        }
        if unit.is_coded_field() && differs {
            self.values.field(shared, unit, &guess, here);
            let address = if unit.class >= ARM64 { Some(0) } else { None };
            self.renaming.learn(&guess, unit.class, unit.old, shared.out.from(here), here, address);
            return true;
        }
        if differs {
            let substitute = known.substitute.unwrap_or(unit.signature);
            let differs = self.differs.get(at..at + length).unwrap_or_default();
            self.values.bytes(shared, &Changed { unit, guess: &guess, substitute, at: here, differs });
        }
        if !unit.is_coded_field() {
            self.substitutions.note(&known, unit, shared.out.from(here));
        }
        self.renaming.learn(&guess, unit.class, unit.old, shared.out.from(here), here, opcode);
        false
    }

    /// Writes an instruction as it is guessed to be. Returns whether that is not as it was.
    fn write_guess<C: Coder>(
        &mut self,
        shared: &mut Shared<'_, C>,
        unit: &Unit<'_>,
        guess: &Guess,
        (here, at): (usize, usize),
    ) -> bool {
        let length = unit.old.len().min(GUESSED);
        let guess = &guess.bytes[..length];
        let Some(out) =
            shared.out.tail_mut(here).get_mut(..length).filter(|out| unit.is_instruction() && **out != *guess)
        else {
            return false;
        };
        if C::ENCODES {
            let wanted = shared.plan.wanted_from(here);
            match unit.reference.filter(|_| unit.is_coded_field()) {
                Some(found) => self.differs[at] = is_other(&found, guess, &wanted[..length]),
                None => {
                    for place in (0..length).filter(|place| out[*place] != guess[*place]) {
                        self.differs[at + place] = guess[place] != wanted[place];
                    }
                }
            }
        }
        out.copy_from_slice(guess);
        true
    }

    fn ask_run<C: Coder>(&mut self, shared: &mut Shared<'_, C>, here: usize, end: usize) {
        let quiet = here.saturating_sub(self.last_miss);
        if here < self.certain || here < self.asked || quiet < QUIET || end - here < 1024 {
            return;
        }
        if C::ENCODES && shared.misses.is_none() {
            // The encoder learns where the misses are before it says so.
            return;
        }
        let size = quiet.ilog2();
        let length = (1usize << (size - 1).min(LONGEST_RUN)).min(end - here);
        let has_miss = shared.misses.as_ref().is_some_and(|misses| {
            let next = misses.partition_point(|miss| *miss < here);
            misses.get(next).is_some_and(|miss| *miss < here + length)
        });
        if self.runs[size as usize & 63].code(&mut shared.coder, has_miss, 60) {
            self.asked = here + length.min(4096);
            self.last_miss = here;
        } else {
            (self.certain, self.clean) = (here + length, here + length);
        }
        shared.coder.account(Stream::Clean);
    }

    fn ask_block<C: Coder>(&mut self, shared: &mut Shared<'_, C>, window: &Origin<'_>, piece: Piece, at: usize) {
        let here = piece.at + at;
        let left = piece.end - here;
        if here < self.clean || here < self.doubtful || self.since < CALM || left < BLOCK / 2 {
            return;
        }
        let length = BLOCK.min(left).min(window.bytes.len() - at);
        let differs = C::ENCODES && self.differs[at..at + length].contains(&true);
        let since = bits_of(self.since);
        let is_long = piece.end - piece.start > 1000;
        shared.coder.account(Stream::Hit);
        let context = hash(since | u64::from(is_long) << 6, 3);
        if self.blocks.code(&mut shared.coder, [context], since.min(32) as usize, differs) {
            self.doubtful = here + length;
        } else {
            self.clean = here + length;
        }
        shared.coder.account(Stream::Clean);
    }

    /// For the encoder: finds where bytes differ that belong to no reference. Of a reference only
    /// what can't be told by its target counts.
    fn compare<C>(&mut self, shared: &Shared<'_, C>, window: &Origin<'_>, at: usize) {
        let length = window.bytes.len();
        let (out, wanted) = (shared.out.from(at), &shared.plan.wanted[at..at + length]);
        self.differs.clear();
        self.differs.extend(out.iter().zip(wanted).map(|(out, wanted)| out != wanted));
        for found in window.references {
            let start = found.start() - window.start;
            let size = found.kind.size();
            if shared.plan.new.address(at + start).is_none() || start + size > length {
                continue;
            }
            let (old, new) = (&window.bytes[start..start + size], &wanted[start..start + size]);
            self.differs[start..start + size].fill(false);
            self.differs[start] = is_other(found, old, new);
        }
    }
}

/// Whether a field differs in more than its target.
fn is_other(found: &Reference, old: &[u8], new: &[u8]) -> bool {
    match found.kind {
        kind if kind.is_leb() => !is_leb_of(kind.size(), new),
        Kind::InPage if word(new) >> 10 & 0xfff != (word(new) >> 10 & 0xfff) & (0xfff >> found.shift) => true,
        kind => kind.size() == 4 && (word(old) ^ word(new)) & kind.opcode() != 0,
    }
}

/// Jumps of 2 bytes near the ends of a match go where their targets went.
fn short_jumps<C>(shared: &mut Shared<'_, C>, window: &Origin<'_>, piece: Piece) {
    let length = window.bytes.len();
    if piece.end - piece.start <= 2 {
        return;
    }
    let first = (piece.start + EDGE).saturating_sub(piece.at).min(length);
    let last = piece.end.saturating_sub(piece.at + EDGE).clamp(first, length);
    for at in [0..first, last..length].into_iter().filter(|end| window.classes[end.clone()].contains(&JUMP8)).flatten()
    {
        if window.classes[at] != JUMP8 {
            continue;
        }
        let here = piece.at + at;
        let target = (window.start + at + 1).checked_add_signed(isize::from(window.bytes[at] as i8));
        let new = target.and_then(|target| neighbour(&shared.plan.matches, shared.current, target, SHORT_NEIGHBOURS));
        if let Some((new, _)) = new {
            let distance = new as i64 - (here + 1) as i64;
            if let (Ok(distance), Some(byte)) = (i8::try_from(distance), shared.out.tail_mut(here).first_mut()) {
                *byte = distance as u8;
            }
        }
    }
}
