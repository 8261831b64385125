//! Decoding: a reader of the new file.

use super::body::{Body, Shared};
use super::coder::{Coder, Decoder, damaged};
use super::control::{self, Match};
use super::derive::{self, Derivations, Derived};
use super::destinations::Destinations;
use super::fast;
use super::image::{IMAGE_MEMORY, Image};
use super::layout::{self, Layout};
use super::map::{Map, map_memory};
use super::memory::Budget;
use super::parts::Parts;
use super::plain::Plain;
use super::scan;
use super::targets::Targets;
use super::tier;
use super::window::WINDOW_MEMORY;
use super::written::Written;
use crate::error::carry;
use crate::old::OldFile;
use crate::window::{FirstFrame, MIN_LOG};
use crate::{CodecError, Header, Level};
use std::io::{self, Read};

/// Longest file that is taken: offsets have 32 bits, and differences of them.
pub(crate) const MAX_SIZE: u64 = i32::MAX as u64;

/// What decoding takes beside what depends on the files: models, caches, buffers, and zstd's
/// decoder with its smallest window.
const FIXED: u64 = FIXED_FAST + (5 << 19);

/// The same where there are no models, with the lanes of a chunk.
pub(crate) const FIXED_FAST: u64 = IMAGE_MEMORY + WINDOW_MEMORY + (5 << 19);

pub(crate) fn fixed(level: Level) -> u64 {
    if level == Level::Fast { FIXED_FAST } else { FIXED }
}

pub(crate) fn decode<'a>(
    header: &Header,
    body: Box<dyn Read + 'a>,
    old: OldFile<'a>,
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
    let mut reader = Reader { header: header.clone(), beside, old, level, parts, current: Current::Done };
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
    /// The part's length; the decoder knows it too.
    pub(crate) size: usize,
    pub(crate) level: Level,
}

/// Everything up to the first byte of a part of the new file.
pub(crate) fn prepare<'a, C: Coder>(
    mut coder: C,
    mut image: Image<'a>,
    (old, new): (Layout, Layout),
    given: &Given<'_, 'a>,
    budget: &mut Budget,
) -> Result<Body<'a, C>, CodecError> {
    let derived = derive::code(&mut coder, given.derived, &new, budget)?;
    let matches = control::code(&mut coder, given.matches, (image.size(), given.size), budget)?;
    budget.take(map_memory(matches.len()))?;
    let (scanned, mut named) = scan::scan(&mut image, &old, budget)?;
    if given.level == Level::Fast {
        // Nothing is told by how often it is used.
        named.uses.fill([0; 2]);
    }
    let map = Map::new(&matches, &old, &new);
    let pages = old.regions.iter().any(|region| region.content == layout::Content::Arm64);
    let (targets, popular) = Targets::new(named.keys, &named.uses, &map, (&old, &new), pages, budget)?;
    budget.release(named.uses);
    let destinations = Destinations::new(popular);
    let mut out = Written::new();
    let derivations = Derivations::new(derived, &new, &mut out, budget)?;
    let wanted = given.wanted;
    let shared = Shared { coder, out, old, new, matches, current: 0, map, targets, destinations, wanted, misses: None };
    Ok(Body::new(shared, image, scanned, derivations, given.size, given.level))
}

/// The parts of the new file, one after another.
struct Reader<'a> {
    header: Header,
    /// Memory that is taken for all parts, beside what is fixed.
    beside: u64,
    old: OldFile<'a>,
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

impl Read for Reader<'_> {
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

impl<'a> Reader<'a> {
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
            Current::Program(body) => self.begin(body.into_coder()?.0),
            Current::Plain(plain) => self.begin(plain.into_coder()?),
            Current::Done => Ok(()),
        }
    }

    /// Begins the next part; behind the last one the stream must end.
    fn begin(&mut self, mut coder: Decoder<'a>) -> Result<(), CodecError> {
        let Some(part) = self.parts.code(&mut coder, None)? else { return coder.finish() };
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
        let image = Image::new(old, part.old.len());
        let given = Given { matches: &[], derived: &[], wanted: &[], size: part.new.len(), level: self.level };
        self.current = Current::Program(Box::new(prepare(coder, image, layouts, &given, &mut budget)?));
        Ok(())
    }
}
