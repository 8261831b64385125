//! Regions of the new file that are made from others: indices, lists of addresses, digests.
//!
//! Each is made where it stands, as far as what it is made from stands before it. One that is
//! made from what comes later is left blank, and the file is held back from there until it can
//! be filled.

mod address_list;
mod find_function;
mod frame_index;
mod functions;
mod unwind;

use super::bit::Bit;
use super::body::Shared;
use super::coder::{Coder, Stream, damaged};
use super::image::Image;
use super::layout::{Content, Layout, Region};
use super::memory::Budget;
use super::number::Number;
use super::written::{Pages, Written};
use crate::CodecError;

#[cfg(feature = "encode")]
pub(crate) use address_list::is_derivable as is_derivable_list;
pub(crate) use find_function::Starts;
pub(crate) use frame_index::make as frame_index;
#[cfg(feature = "encode")]
pub(crate) use {
    find_function::{length as find_function_length, make as find_function},
    functions::first_unwind,
};

const LIMIT: u32 = 60;

/// A region that is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Derived {
    pub(crate) region: Region,
    /// What more is to know, by content.
    pub(crate) parameters: [u64; 2],
}

impl Derived {
    /// The region that it is made from.
    fn source(&self, new: &Layout) -> Option<Region> {
        match self.region.content {
            Content::FrameIndex => new.find(Content::Frames32),
            Content::FindFunction => new.find(Content::GoLines),
            Content::Unwind => new.find(Content::Frames64),
            _ => None,
        }
    }

    /// Where the new file must be written up to before it can be made.
    fn ready(&self, new: &Layout) -> usize {
        self.source(new).map_or(0, |source| source.end()).max(self.region.offset)
    }

    /// From where on bytes of the new file are needed.
    fn keeps_from(&self, new: &Layout) -> usize {
        let from = match self.region.content {
            Content::Functions12 | Content::Functions8 => usize::try_from(self.parameters[0]).unwrap_or(usize::MAX),
            // What it is made from is read while it is written.
            Content::FindFunction => usize::MAX,
            _ => self.source(new).map_or(usize::MAX, |source| source.offset),
        };
        from.min(self.region.offset)
    }

    /// Its bytes. What they are made from takes memory until they are.
    fn code<C: Coder>(&self, shared: &mut Shared<'_, C>, image: &mut Image<'_>) -> Result<Vec<u8>, CodecError> {
        let (region, taken) = (&self.region, shared.budget.taken());
        shared.budget.take(region.length as u64)?;
        let bytes = match region.content {
            Content::PageDigests => shared.out.digests(self.parameters[0] as usize),
            Content::Functions12 | Content::Functions8 => {
                let kept = self.keeps_from(&shared.plan.new);
                Some(functions::code(shared, image, region, kept)?)
            }
            Content::Unwind => Some(unwind::code(shared, image, region)?),
            Content::FrameIndex => {
                shared.budget.take(region.length as u64)?;
                frame_index(&shared.out, &shared.plan.new, region)
            }
            Content::FindFunction => {
                self.source(&shared.plan.new).and_then(|source| shared.out.find_function(source.end(), region.length))
            }
            _ => address_list::code(shared, image, region)?,
        };
        shared.budget.restore(taken);
        shared.coder.account(Stream::Derived);
        bytes.filter(|bytes| bytes.len() == region.length).ok_or_else(|| damaged("a region can't be derived"))
    }
}

/// Those of a file.
pub(crate) struct Derivations {
    items: Vec<Derived>,
    next: usize,
    blank: Vec<Derived>,
}

/// Most bytes of the new file that are kept at a time: where those overlap that several need, all of them.
fn most_kept(items: &[Derived], new: &Layout) -> usize {
    let mut spans: Vec<(usize, usize)> =
        items.iter().map(|derived| (derived.keeps_from(new), derived.ready(new).max(derived.region.end()))).collect();
    spans.sort_unstable();
    let (mut most, mut start, mut end) = (0, 0, 0);
    for (from, to) in spans {
        (start, end) = if from <= end { (start, end.max(to)) } else { (from, to) };
        most = most.max(end - start);
    }
    most
}

/// Codes which regions are derived.
pub(crate) fn code<C: Coder>(coder: &mut C, given: &[Derived], new: &Layout) -> Result<Vec<Derived>, CodecError> {
    let mut items = Vec::new();
    let mut numbers = Number::new(2);
    let mut flag = Bit::EVEN;
    for region in new.regions.iter().filter(|region| region.content.is_derivable()) {
        let wanted = given.iter().find(|derived| derived.region == *region);
        if !flag.code(coder, wanted.is_some(), LIMIT) {
            continue;
        }
        let mut derived = Derived { region: *region, parameters: [0; 2] };
        let wanted = wanted.map_or([0; 2], |wanted| wanted.parameters);
        if region.content.has_parameters() {
            // The first one is most often near where the region begins.
            let from = region.offset as u64;
            let distance = numbers.code(coder, 0, crate::number::zigzag(from.wrapping_sub(wanted[0]) as i64));
            derived.parameters[0] = from.wrapping_sub(crate::number::unzigzag(distance) as u64);
            derived.parameters[1] = numbers.code(coder, 1, wanted[1]);
        }
        items.push(derived);
    }
    coder.account(Stream::Layout);
    coder.check()?;
    Ok(items)
}

impl Derivations {
    pub(crate) fn new(
        items: Vec<Derived>,
        new: &Layout,
        out: &mut Written,
        budget: &mut Budget,
    ) -> Result<Self, CodecError> {
        out.reserve(most_kept(&items, new), budget)?;
        for derived in items.iter().filter(|derived| derived.region.content == Content::PageDigests) {
            let pages = Pages::new(derived.parameters, derived.region.offset);
            let pages = pages.ok_or_else(|| damaged("its pages are no pages"))?;
            budget.take(pages.memory())?;
            out.digest(pages);
        }
        for derived in items.iter().filter(|derived| derived.region.content == Content::FindFunction) {
            budget.take(Starts::memory(derived.region.length))?;
            let starts = Starts::new(new, &derived.region);
            out.read_starts(starts.ok_or_else(|| damaged("its functions are no table"))?);
        }
        let derivations = Derivations { items, next: 0, blank: Vec::new() };
        derivations.keep(new, out);
        Ok(derivations)
    }

    /// Keeps what those need that are still to be made.
    fn keep(&self, new: &Layout, out: &mut Written) {
        let left = self.items.get(self.next..).unwrap_or_default().iter().chain(&self.blank);
        out.keep_from(left.map(|derived| derived.keeps_from(new)).min().unwrap_or(usize::MAX));
    }

    /// The end of the gap that begins at `at` and would end at `end`: where the next region
    /// is derived.
    pub(crate) fn gap_end(&mut self, at: usize, end: usize) -> usize {
        while self.items.get(self.next).is_some_and(|derived| derived.region.offset < at) {
            self.next += 1;
        }
        self.items.get(self.next).map_or(end, |derived| derived.region.offset.min(end))
    }

    /// Makes the region that begins here, in a gap up to `gap_end`, or leaves it blank.
    pub(crate) fn make<C: Coder>(
        &mut self,
        shared: &mut Shared<'_, C>,
        image: &mut Image<'_>,
        gap_end: usize,
    ) -> Result<(), CodecError> {
        let Some(derived) = self.items.get(self.next).copied() else { return Ok(()) };
        self.next += 1;
        let region = derived.region;
        if region.end() > gap_end {
            return Err(damaged("a match lies in a region that is derived"));
        }
        if derived.ready(&shared.plan.new) > region.offset {
            shared.out.extend(&vec![0; region.length]);
            self.blank.push(derived);
            shared.out.hold_from(self.blank[0].region.offset);
            return Ok(());
        }
        let bytes = derived.code(shared, image)?;
        shared.out.extend(&bytes);
        self.keep(&shared.plan.new, &mut shared.out);
        Ok(())
    }

    /// Fills what can be filled now.
    pub(crate) fn settle<C: Coder>(
        &mut self,
        shared: &mut Shared<'_, C>,
        image: &mut Image<'_>,
    ) -> Result<(), CodecError> {
        let length = shared.out.len();
        while let Some(at) = self.blank.iter().position(|derived| derived.ready(&shared.plan.new) <= length) {
            let derived = self.blank.remove(at);
            let region = derived.region;
            let bytes = derived.code(shared, image)?;
            let place = shared.out.tail_mut(region.offset).get_mut(..region.length);
            place.ok_or_else(|| damaged("a region was not held back"))?.copy_from_slice(&bytes);
            shared.out.hold_from(self.blank.first().map_or(usize::MAX, |derived| derived.region.offset));
            self.keep(&shared.plan.new, &mut shared.out);
        }
        Ok(())
    }
}
