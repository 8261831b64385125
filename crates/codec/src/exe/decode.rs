//! Decoding: a reader of the new file.

use super::body::{Body, Shared};
use super::coder::{Coder, Decoder, damaged};
use super::control::{self, Match};
use super::derive::{self, Derivations, Derived};
use super::destinations::Destinations;
use super::image::{IMAGE_MEMORY, Image};
use super::layout::{self, Layout};
use super::map::{Map, map_memory};
use super::memory::Budget;
use super::scan;
use super::targets::Targets;
use super::window::WINDOW_MEMORY;
use super::written::Written;
use crate::error::carry;
use crate::old::OldFile;
use crate::window::{Frames, MIN_LOG};
use crate::{CodecError, Header};
use std::io::{self, Read};

/// Longest file that is taken: offsets have 32 bits, and differences of them.
pub(crate) const MAX_SIZE: u64 = i32::MAX as u64;

/// What decoding takes beside what depends on the files: models, caches, buffers, and zstd's
/// decoder with its smallest window.
pub(crate) const FIXED: u64 = IMAGE_MEMORY + WINDOW_MEMORY + (5 << 20);

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
    let (old_size, new_size) = (header.from_size as usize, header.to_size as usize);
    let mut budget = Budget::new(header.memory);
    budget.take(FIXED)?;
    let input = Frames::new(body, "patch", FRAME_LOG)?;
    let mut coder = Decoder::new(Box::new(input));
    let empty = Layout::default();
    let (old_layout, new_layout) = layout::code(&mut coder, &empty, &empty, (old_size, new_size))?;
    let image = Image::new(old, old_size);
    let given = Given { matches: &[], derived: &[], wanted: &[], size: new_size };
    let mut body = prepare(coder, image, (old_layout, new_layout), &given, &mut budget)?;
    if body.is_whole() {
        body.shared.coder.finish()?;
    }
    Ok(Box::new(Reader { body, failed: false }))
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
    /// The new file's length; the decoder knows it too.
    pub(crate) size: usize,
}

/// Everything up to the first byte of the new file.
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
    let (scanned, named) = scan::scan(&mut image, &old, budget)?;
    let map = Map::new(&matches, &old, &new);
    let pages = old.regions.iter().any(|region| region.content == layout::Content::Arm64);
    let (targets, popular) = Targets::new(named.keys, &named.uses, &map, (&old, &new), pages, budget)?;
    budget.release(named.uses);
    let destinations = Destinations::new(popular);
    let mut out = Written::new();
    let derivations = Derivations::new(derived, &new, &mut out, budget)?;
    let wanted = given.wanted;
    let shared = Shared { coder, out, old, new, matches, current: 0, map, targets, destinations, wanted, misses: None };
    Ok(Body::new(shared, image, scanned, derivations, given.size))
}

struct Reader<'a> {
    body: Body<'a, Decoder<'a>>,
    failed: bool,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let length = self.body.shared.out.take(buffer);
            if length > 0 || self.failed {
                return Ok(length);
            }
            if self.body.is_whole() {
                return Ok(0);
            }
            if let Err(error) = self.step() {
                self.failed = true;
                return Err(carry(error));
            }
        }
    }
}

impl Reader<'_> {
    fn step(&mut self) -> Result<(), CodecError> {
        let before = self.body.shared.out.len();
        self.body.step()?;
        if self.body.shared.out.len() == before {
            return Err(damaged("it makes no progress"));
        }
        if self.body.is_whole() {
            self.body.shared.coder.finish()?;
        }
        Ok(())
    }
}
