//! The new file, piece by piece, in order: gaps and matches by turns.

use super::coder::Coder;
use super::derive::Derivations;
use super::destinations::Destinations;
use super::fast::Fast;
use super::image::Image;
use super::lanes::Lanes;
use super::layout::Layout;
use super::map::Map;
use super::memory::Budget;
use super::models::Models;
use super::targets::Targets;
use super::written::Written;
use crate::CodecError;
use crate::matched::Match;
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
    /// Bytes that no match holds.
    pub(crate) fn gaps(&self) -> usize {
        let matched: usize = self.matches.iter().map(|found| found.length as usize).sum();
        self.size.saturating_sub(matched)
    }

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
    pub(crate) plan: Plan<'a>,
    /// The match that is being made.
    pub(crate) current: usize,
    pub(crate) map: Map,
    pub(crate) targets: Targets,
    pub(crate) destinations: Destinations,
    pub(crate) budget: Budget,
    /// For the encoder: where the misses are, once it knows.
    pub(crate) misses: Option<Vec<usize>>,
}

pub(crate) struct Body<'a, C> {
    pub(crate) shared: Shared<'a, C>,
    /// For regions that are derived.
    image: Image<'a>,
    maker: Maker<'a, C>,
    derivations: Derivations,
}

/// What makes gaps and matches.
pub(crate) enum Maker<'a, C> {
    Models(Box<Models<'a, C>>),
    Fast(Box<Fast<'a, C>>),
}

impl<'a, C: Coder + 'a> Body<'a, C> {
    pub(crate) fn new(shared: Shared<'a, C>, image: Image<'a>, maker: Maker<'a, C>, derivations: Derivations) -> Self {
        Body { shared, image, maker, derivations }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.shared.out.len() >= self.shared.plan.size
    }

    /// The coder, for what comes next.
    pub(crate) fn into_coder(mut self) -> Result<C, CodecError> {
        if let Maker::Fast(_) = self.maker {
            self.shared.coder.lanes().end(self.shared.plan.size)?;
        }
        Ok(self.shared.coder)
    }

    /// The coder, that of literals, and where changes and wrong guesses were.
    #[cfg(feature = "encode")]
    pub(crate) fn into_parts(mut self) -> Result<(C, Option<C>, Vec<usize>), CodecError> {
        match self.maker {
            Maker::Models(models) => {
                let (literals, misses) = models.into_parts();
                Ok((self.shared.coder, literals, misses))
            }
            Maker::Fast(_) => {
                self.shared.coder.lanes().end(self.shared.plan.size)?;
                Ok((self.shared.coder, None, Vec::new()))
            }
        }
    }

    /// Makes the next piece: at least one byte, at most some ten thousands.
    pub(crate) fn step(&mut self) -> Result<(), CodecError> {
        let at = self.shared.out.len();
        if let Maker::Fast(_) = self.maker {
            self.shared.coder.lanes().begin(at)?;
        }
        let next = self.shared.plan.matches.get(self.shared.current).copied();
        let gap_end = next.map_or(self.shared.plan.size, |found| found.new as usize);
        let derived_at = self.derivations.gap_end(at, gap_end);
        match &mut self.maker {
            _ if at < gap_end && derived_at == at => {
                self.derivations.make(&mut self.shared, &mut self.image, gap_end)?
            }
            Maker::Models(models) => models.make(&mut self.shared, next)?,
            Maker::Fast(fast) if at < gap_end => fast.gap(&mut self.shared, derived_at),
            Maker::Fast(fast) => next.map_or(Ok(()), |found| fast.copy(&mut self.shared, found))?,
        }
        self.derivations.settle(&mut self.shared, &mut self.image)?;
        self.shared.budget.check()?;
        self.shared.coder.check()
    }
}
