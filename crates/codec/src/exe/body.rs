//! The new file, piece by piece, in order: gaps and matches by turns.

use super::batch::{Batch, Item, Origin};
use super::batches::Batches;
use super::coder::{Coder, damaged};
use super::control::Match;
use super::copy::{Copier, Piece};
use super::derive::Derivations;
use super::destinations::Destinations;
use super::image::Image;
use super::layout::Layout;
use super::map::Map;
use super::targets::Targets;
use super::tier::Tier;
use super::written::Written;
use crate::CodecError;
use std::sync::Arc;

/// What is known of a file before its first byte, by all threads.
#[derive(Clone)]
pub(crate) struct Plan<'a> {
    pub(crate) old: Arc<Layout>,
    pub(crate) new: Arc<Layout>,
    pub(crate) matches: Arc<Vec<Match>>,
    pub(crate) size: usize,
    /// The new file; the decoder has none.
    pub(crate) wanted: &'a [u8],
}

impl Plan<'_> {
    #[inline(always)]
    pub(crate) fn wanted(&self, at: usize) -> u8 {
        self.wanted.get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    pub(crate) fn wanted_from(&self, at: usize) -> &[u8] {
        self.wanted.get(at..).unwrap_or_default()
    }
}

/// What all models of copying share.
pub(crate) struct Shared<'a, C> {
    pub(crate) coder: C,
    pub(crate) out: Written,
    pub(crate) old: Arc<Layout>,
    pub(crate) new: Arc<Layout>,
    pub(crate) matches: Arc<Vec<Match>>,
    /// The match that is being made.
    pub(crate) current: usize,
    pub(crate) map: Map,
    pub(crate) targets: Targets,
    pub(crate) destinations: Destinations,
    /// The new file; the decoder has none.
    pub(crate) wanted: &'a [u8],
    /// For the encoder: where the misses are, once it knows.
    pub(crate) misses: Option<Vec<usize>>,
}

impl<C> Shared<'_, C> {
    #[inline(always)]
    pub(crate) fn wanted(&self, at: usize) -> u8 {
        self.wanted.get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    pub(crate) fn wanted_from(&self, at: usize) -> &[u8] {
        self.wanted.get(at..).unwrap_or_default()
    }
}

pub(crate) struct Body<'a, C> {
    pub(crate) shared: Shared<'a, C>,
    /// For regions that are derived.
    image: Image<'a>,
    batches: Batches<'a, C>,
    batch: Batch,
    copier: Copier,
    derivations: Derivations,
    size: usize,
}

impl<'a, C: Coder + 'a> Body<'a, C> {
    pub(crate) fn new(
        shared: Shared<'a, C>,
        image: Image<'a>,
        batches: Batches<'a, C>,
        derivations: Derivations,
        (size, tier): (usize, &Tier),
    ) -> Self {
        let (batch, copier) = (Batch::default(), Copier::new(tier));
        Body { shared, image, batches, batch, copier, derivations, size }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.shared.out.len() >= self.size
    }

    /// The coder, for what comes next.
    pub(crate) fn into_coder(self) -> C {
        self.shared.coder
    }

    /// The coder, that of literals, and where changes and wrong guesses were.
    #[cfg(feature = "encode")]
    pub(crate) fn into_parts(self) -> (C, Option<C>, Vec<usize>) {
        (self.shared.coder, self.batches.into_coder(), self.copier.misses)
    }

    /// Makes the next piece: at least one byte, at most some ten thousands.
    pub(crate) fn step(&mut self) -> Result<(), CodecError> {
        let at = self.shared.out.len();
        let next = self.shared.matches.get(self.shared.current).copied();
        let gap_end = next.map_or(self.size, |found| found.new as usize);
        if at < gap_end && self.derivations.gap_end(at, gap_end) == at {
            self.derivations.make(&mut self.shared, &mut self.image)?;
        } else {
            self.item(at, next)?;
        }
        self.derivations.settle(&mut self.shared, &mut self.image)?;
        self.shared.coder.check()
    }

    /// The next gap, or piece of a gap or match.
    fn item(&mut self, at: usize, next: Option<Match>) -> Result<(), CodecError> {
        let item = match self.batch.next() {
            Some(item) => item,
            None => {
                self.batch = self.batches.next(std::mem::take(&mut self.batch))?;
                self.batch.next().ok_or_else(|| damaged("it makes no progress"))?
            }
        };
        match (item, next) {
            (Item::Gap { length, holes }, _) => {
                let (bytes, holes) = self.batch.gap(length, holes);
                self.shared.out.extend(bytes);
                for hole in holes {
                    hole.fill(&mut self.shared, at);
                }
            }
            (Item::Copy { from, length, references }, Some(found)) => {
                let (start, end) = (found.new as usize, found.new_end());
                if at == start {
                    let before = self.shared.current.checked_sub(1).and_then(|at| self.shared.matches.get(at));
                    let diagonal = |found: &Match| i64::from(found.old) - i64::from(found.new);
                    self.copier.begin(before.map_or(0, |before| diagonal(&found) - diagonal(before)));
                }
                let origin: Origin<'_> = self.batch.origin(from, length, references);
                self.copier.window(&mut self.shared, &origin, Piece { at, start, end });
                if at + length >= end {
                    self.shared.current += 1;
                }
            }
            (Item::Copy { .. }, None) => return Err(damaged("a match is not where it should be")),
        }
        Ok(())
    }
}
