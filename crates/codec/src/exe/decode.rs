//! Decoding: a reader of the new file.

use super::ahead::Source;
use super::batches::{BATCHES_MEMORY, Batches, FAST_BATCHES_MEMORY};
use super::body::{Body, Maker, Plan, Shared};
use super::coder::{Coder, Decoder, damaged};
use super::control;
use super::derive::{self, Derivations, Derived};
use super::destinations::Destinations;
use super::fast::{self, Fast};
use super::image::{FEW, Image, MANY, PAGE_MEMORY};
use super::layout::{self, Layout};
use super::map::{Map, map_memory};
use super::memory::Budget;
use super::models::Models;
use super::parts::Parts;
use super::plain::Plain;
use super::popular::Popular;
use super::repeat::Repeats;
use super::scan;
use super::stored;
use super::targets::Targets;
use super::tier::{self, Tier};
use super::window::WINDOW_MEMORY;
use super::written::Written;
use crate::error::carry;
use crate::matched::Match;
use crate::old::OldFile;
use crate::window::{FirstFrame, MIN_LOG};
use crate::worker::{Threads, Worker};
use crate::{CodecError, Header, Level};
use std::io::{self, Read};
use std::sync::Arc;

/// Longest file that is taken: offsets have 32 bits, and differences of them.
pub(crate) const MAX_SIZE: u64 = i32::MAX as u64;

/// What decoding takes beside what depends on the files: caches, buffers, models, and zstd's decoder with its
/// smallest window.
pub(crate) fn fixed(level: Level) -> u64 {
    match level {
        Level::Fast => FIXED_FAST,
        _ => FIXED + Tier::of(level).memory(),
    }
}

/// Without the models whose size is the level's.
const FIXED: u64 = IMAGES + BATCHES_MEMORY + WINDOW_MEMORY + (63 << 16);

/// Where there are no models, with the lanes of a chunk.
pub(crate) const FIXED_FAST: u64 = IMAGES + FAST_BATCHES_MEMORY + WINDOW_MEMORY + (39 << 16);

const IMAGES: u64 = (MANY + FEW) as u64 * PAGE_MEMORY;

pub(crate) fn decode<'a>(
    header: &Header,
    body: Box<dyn Read + 'a>,
    old: OldFile<'a>,
    threads: Threads<'a, '_>,
) -> Result<Box<dyn Read + 'a>, CodecError> {
    for (field, found) in [("from_size", header.from_size), ("to_size", header.to_size)] {
        if found > MAX_SIZE {
            return Err(CodecError::Field { field, expected: "below 2 GiB", found });
        }
    }
    // Before anything is allocated.
    Budget::new(header.memory).take(FIXED_FAST)?;
    let input = FirstFrame::new(body, "patch", FRAME_LOG)?;
    let (mut coder, beside) = fast::open(input, header)?;
    let level = tier::code(&mut coder, Level::default());
    let parts = Parts::new((header.from_size as usize, header.to_size as usize));
    let mut reader = Reader { header: header.clone(), beside, old, threads, level, parts, current: Current::Done };
    reader.begin(coder)?;
    Ok(Box::new(reader))
}

/// The window of the frame that carries the coded stream; blocks of a frame have no more bytes
/// than its window.
pub(crate) const FRAME_LOG: u32 = 17;
const _: () = assert!(FRAME_LOG > MIN_LOG);

/// What the encoder gives; for the decoder it is empty.
pub(crate) struct Given<'g, 'a> {
    pub(crate) matches: &'g [Match],
    pub(crate) derived: &'g [Derived],
    pub(crate) wanted: &'a [u8],
    /// The literals, coded, once they are known.
    pub(crate) literals: &'g [u8],
    /// The part's length; the decoder knows it too.
    pub(crate) size: usize,
    pub(crate) level: Level,
}

/// Everything up to the first byte of a part of the new file.
pub(crate) fn prepare<'a, C: Coder + 'a>(
    mut coder: C,
    image: Image<'a>,
    (old, new): (Layout, Layout),
    given: &Given<'_, 'a>,
    mut budget: Budget,
    threads: Option<Threads<'a, '_>>,
) -> Result<Body<'a, C>, CodecError> {
    let tier = Tier::of(given.level);
    let (old, new) = (Arc::new(old), Arc::new(new));
    let worker = Worker::new(threads, "ahead");
    let mut few = image.again(FEW);
    let in_code = worker.begin({
        let (old, budget) = (Arc::clone(&old), budget.split());
        move || scan::scan_code(image, &old, budget)
    });
    let derived = derive::code(&mut coder, given.derived, &new)?;
    let matches = control::code(&mut coder, given.matches, (few.size(), given.size), &mut budget)?;
    let is_fast = given.level == Level::Fast;
    let literals = if is_fast { Vec::new() } else { stored::code(&mut coder, given.literals, &mut budget)? };
    let making = map_memory(matches.len());
    budget.take(making)?;
    let map = Map::new(&matches, &old, &new);
    budget.give_back(making);
    budget.take(map.memory())?;
    let in_code = || in_code.recv().unwrap_or_else(|_| Err(damaged("its code was not scanned")));
    let (scanned, mut named, image) = scan::scan(&mut few, &old, &mut budget, in_code)?;
    if is_fast {
        // Nothing is told by how often it is named.
        std::mem::take(&mut named.by_code).into_iter().for_each(|places| budget.release(places));
    }
    let pages = old.regions.iter().any(|region| region.content == layout::Content::Arm64);
    let popular = Popular::new(named.by_code, &map, (&old, &new), pages, &mut budget)?;
    let keys = Arc::new(named.keys);
    let targets = Targets::new(Arc::clone(&keys), &map, (&old, &new), &mut budget)?;
    let destinations = Destinations::new(popular);
    let mut out = Written::new();
    let (size, wanted) = (given.size, given.wanted);
    let regions = derived.iter().map(|derived| derived.region).collect();
    let derivations = Derivations::new(derived, &new, &mut out, &mut budget)?;
    let matches = Arc::new(matches);
    let plan = Plan { old, new, matches, size, wanted };
    if !is_fast {
        budget.take(Repeats::memory(plan.gaps()))?;
    }
    let shared =
        Shared { coder, out, plan: plan.clone(), current: 0, map, targets, destinations, budget, misses: None };
    let source = Source { plan, image, scanned, keys, derived: regions, tier: (!is_fast).then_some(tier) };
    let batches = Batches::new(source, literals, &worker);
    let maker = match is_fast {
        true => Maker::Fast(Box::new(Fast::new(batches))),
        false => Maker::Models(Box::new(Models::new(batches, &tier))),
    };
    Ok(Body::new(shared, few, maker, derivations))
}

/// The parts of the new file, one after another.
struct Reader<'a, 'e> {
    header: Header,
    /// Memory that is taken for all parts, beside what is fixed.
    beside: u64,
    old: OldFile<'a>,
    threads: Threads<'a, 'e>,
    level: Level,
    parts: Parts,
    current: Current<'a>,
}

enum Current<'a> {
    Program(Box<Body<'a, Decoder<'a>>>),
    Plain(Plain<'a>),
    /// Everything is done, or failed.
    Done,
}

impl Read for Reader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let length = match &mut self.current {
                Current::Program(body) => body.shared.out.take(buffer),
                Current::Plain(plain) => plain.read(buffer)?,
                Current::Done => return Ok(0),
            };
            if length > 0 {
                return Ok(length);
            }
            if let Err(error) = self.step() {
                self.current = Current::Done;
                return Err(carry(error));
            }
        }
    }
}

impl<'a> Reader<'a, '_> {
    /// Makes a piece of a program, or goes on to the next part.
    fn step(&mut self) -> Result<(), CodecError> {
        match std::mem::replace(&mut self.current, Current::Done) {
            Current::Program(mut body) if !body.is_whole() => {
                let before = body.shared.out.len();
                body.step()?;
                if body.shared.out.len() == before {
                    return Err(damaged("it makes no progress"));
                }
                self.current = Current::Program(body);
                Ok(())
            }
            Current::Program(body) => self.begin(body.into_coder()?),
            Current::Plain(plain) => self.begin(plain.into_coder()?),
            Current::Done => Ok(()),
        }
    }

    /// Begins the next part; behind the last one the stream must end.
    fn begin(&mut self, mut coder: Decoder<'a>) -> Result<(), CodecError> {
        let Some(part) = self.parts.code(&mut coder, None)? else { return coder.end() };
        let old = self.old.part(&part.old);
        if part.is_plain {
            if self.level == Level::Fast {
                return Err(damaged("its level has no such parts"));
            }
            self.current = Current::Plain(Plain::new(coder, &self.header, old, &part)?);
            return Ok(());
        }
        let mut budget = Budget::new(self.header.memory);
        budget.take(fixed(self.level) + self.beside)?;
        let empty = Layout::default();
        let layouts = layout::code(&mut coder, &empty, &empty, (part.old.len(), part.new.len()))?;
        let image = Image::new(old, part.old.len(), MANY);
        let given =
            Given { matches: &[], derived: &[], literals: &[], wanted: &[], size: part.new.len(), level: self.level };
        let body = prepare(coder, image, layouts, &given, budget, Some(self.threads))?;
        self.current = Current::Program(Box::new(body));
        Ok(())
    }
}
