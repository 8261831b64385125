//! What comes before the models of copying: literals, and windows of the old file. They need nothing of
//! what copying makes, so a thread of their own can make them ahead of it, a batch at a time.

use super::batch::{Batch, Item};
use super::body::Plan;
use super::coder::{Coder, damaged};
use super::control::neighbour;
use super::image::Image;
use super::keys::Keys;
use super::layout::Region;
use super::literal::{Gap, Literals};
use super::scan::Scanned;
use super::tier::Tier;
use super::window::Window;
use crate::CodecError;
use std::sync::Arc;

/// Bytes of a gap that are made at once.
const CHUNK: usize = 8 << 10;

/// How many matches on each side are asked about a branch: at level `fast` fewer, since most of the time goes to
/// those that lie far away.
const NEIGHBOURS: usize = 60;
const FAST_NEIGHBOURS: usize = 16;

/// What it is made from.
pub(crate) struct Source<'a> {
    pub(crate) plan: Plan<'a>,
    pub(crate) image: Image<'a>,
    pub(crate) scanned: Scanned,
    pub(crate) keys: Arc<Keys>,
    /// Regions that are made from others, which are passed over.
    pub(crate) derived: Vec<Region>,
    /// Where there are models; else nothing but windows is made, without classes.
    pub(crate) tier: Option<Tier>,
}

pub(crate) struct Ahead<'a, C> {
    coder: C,
    source: Source<'a>,
    window: Window,
    literals: Option<Literals>,
    /// How much of the new file was made.
    at: usize,
    /// The match that is next, or is being made.
    current: usize,
    in_gap: bool,
    region: usize,
    next_derived: usize,
}

impl<'a, C: Coder> Ahead<'a, C> {
    pub(crate) fn new(coder: C, source: Source<'a>) -> Self {
        let literals = source.tier.as_ref().map(|tier| Literals::new(tier, source.plan.gaps()));
        Ahead {
            coder,
            source,
            window: Window::default(),
            literals,
            at: 0,
            current: 0,
            in_gap: false,
            region: 0,
            next_derived: 0,
        }
    }

    /// The coder of literals, when everything was made.
    #[cfg(feature = "encode")]
    pub(crate) fn into_coder(self) -> C {
        self.coder
    }

    /// Makes the next batch. At the end of the file it is empty.
    pub(crate) fn fill(&mut self, batch: &mut Batch) -> Result<(), CodecError> {
        batch.begin();
        while self.at < self.source.plan.size && !batch.is_full() {
            let next = self.source.plan.matches.get(self.current).copied();
            let gap_end = next.map_or(self.source.plan.size, |found| found.new as usize);
            if self.at >= gap_end {
                self.copy(batch)?;
                continue;
            }
            if self.literals.is_none() {
                self.at = gap_end;
                continue;
            }
            let derived = &self.source.derived;
            while derived.get(self.next_derived).is_some_and(|region| region.offset < self.at) {
                self.next_derived += 1;
            }
            let derived = derived.get(self.next_derived).filter(|region| region.offset < gap_end);
            match derived.copied() {
                Some(region) if region.offset == self.at => {
                    if !batch.items.is_empty() {
                        // It is made when all before it is.
                        break;
                    }
                    if region.end() > gap_end {
                        return Err(damaged("a match lies in a region that is derived"));
                    }
                    self.at = region.end();
                    self.next_derived += 1;
                    self.in_gap = false;
                }
                derived => self.gap(derived.map_or(gap_end, |region| region.offset), batch)?,
            }
        }
        if self.at < self.source.plan.size { self.coder.check() } else { self.coder.end() }
    }

    fn gap(&mut self, end: usize, batch: &mut Batch) -> Result<(), CodecError> {
        let Some(literals) = &mut self.literals else { return Ok(()) };
        if !self.in_gap {
            self.in_gap = true;
            literals.begin(&self.window);
        }
        let start = self.at;
        let length = (end - start).min(CHUNK);
        let (first, holes) = (batch.bytes.len(), batch.holes.len());
        let regions = &self.source.plan.new.regions;
        let mut done = 0;
        while done < length {
            let at = start + done;
            while regions.get(self.region).is_some_and(|region| region.end() <= at) {
                self.region += 1;
            }
            let region = regions.get(self.region).filter(|region| region.offset <= at);
            let class = region.map_or(0, |region| region.content.class());
            let gap = Gap { class, at, left: end - at, done: done as u32 };
            done += literals.code(&mut self.coder, &self.source.plan, batch, &gap);
        }
        batch.classes.resize(batch.bytes.len(), 0);
        let length = batch.bytes.len() - first;
        batch.items.push(Item::Gap { length, holes: batch.holes.len() - holes });
        self.at += length;
        Ok(())
    }

    fn copy(&mut self, batch: &mut Batch) -> Result<(), CodecError> {
        let Some(found) = self.source.plan.matches.get(self.current).copied() else { return Ok(()) };
        let (start, end) = (found.new as usize, found.new_end());
        self.in_gap = false;
        let from = found.old as usize + (self.at - start);
        let Source { plan, image, scanned, keys, .. } = &mut self.source;
        let length = match &mut self.literals {
            Some(literals) => {
                let length = self.window.load::<true>(image, &plan.old, scanned, from, end - self.at)?;
                literals.pass(&self.window);
                length
            }
            None => self.window.load::<false>(image, &plan.old, scanned, from, end - self.at)?,
        };
        let references = &self.window.references;
        batch.bytes.extend_from_slice(&self.window.bytes);
        batch.classes.extend_from_slice(&self.window.classes);
        let first = batch.references.len();
        batch.references.extend_from_slice(references);
        let reach = if self.literals.is_some() { NEIGHBOURS } else { FAST_NEIGHBOURS };
        for branch in batch.references[first..].iter_mut().filter(|found| found.is_branch()) {
            let beside = |offset| neighbour(&plan.matches, self.current, offset, reach);
            if let Some((new, by)) = plan.old.offset(branch.target).and_then(beside)
                && let Some(new) = plan.new.address(new)
            {
                branch.lead(new, by);
            }
        }
        batch.numbers.extend(references.iter().map(|found| keys.find(found.target).map_or(u32::MAX, |at| at as u32)));
        batch.items.push(Item::Copy { from, length, references: references.len() });
        self.at += length;
        if self.at >= end {
            self.current += 1;
        }
        Ok(())
    }
}
