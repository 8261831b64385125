//! The new file, piece by piece, in order: gaps and matches by turns.

use super::coder::Coder;
use super::control::Match;
use super::copy::{Copier, Piece};
use super::derive::Derivations;
use super::destinations::Destinations;
use super::image::Image;
use super::layout::Layout;
use super::literal::{Gap, Literals};
use super::map::Map;
use super::scan::Scanned;
use super::targets::Targets;
use super::window::Window;
use super::written::Written;
use crate::CodecError;

/// What all models share.
pub(crate) struct Shared<'a, C> {
    pub(crate) coder: C,
    pub(crate) out: Written,
    pub(crate) old: Layout,
    pub(crate) new: Layout,
    pub(crate) matches: Vec<Match>,
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
    image: Image<'a>,
    scanned: Scanned,
    window: Window,
    literals: Literals,
    copier: Copier,
    derivations: Derivations,
    size: usize,
    /// Bytes of the old file beside a gap.
    beside: Vec<u8>,
    /// Where the match before ended in the old file.
    old_end: usize,
    in_gap: bool,
    region: usize,
}

/// Bytes of a gap that are made at once.
const CHUNK: usize = 16 << 10;

impl<'a, C: Coder> Body<'a, C> {
    pub(crate) fn new(
        shared: Shared<'a, C>,
        image: Image<'a>,
        scanned: Scanned,
        derivations: Derivations,
        size: usize,
    ) -> Self {
        Body {
            shared,
            image,
            scanned,
            window: Window::default(),
            literals: Literals::new(),
            copier: Copier::new(),
            derivations,
            size,
            beside: Vec::new(),
            old_end: 0,
            in_gap: false,
            region: 0,
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.shared.out.len() >= self.size
    }

    /// The coder, for what comes next; and for the encoder, where changes and wrong guesses were.
    pub(crate) fn into_coder(self) -> (C, Vec<usize>) {
        (self.shared.coder, self.copier.misses)
    }

    /// Makes the next piece: at least one byte, at most some ten thousands.
    pub(crate) fn step(&mut self) -> Result<(), CodecError> {
        let at = self.shared.out.len();
        let next = self.shared.matches.get(self.shared.current).copied();
        let gap_end = next.map_or(self.size, |found| found.new as usize);
        let derived_at = self.derivations.gap_end(at, gap_end);
        match next {
            _ if at < gap_end && derived_at == at => {
                self.derivations.make(&mut self.shared, &mut self.image)?;
                self.in_gap = false;
            }
            _ if at < gap_end => self.gap(derived_at)?,
            Some(found) => self.copy(found)?,
            None => {}
        }
        self.derivations.settle(&mut self.shared, &mut self.image)?;
        self.shared.coder.check()
    }

    fn gap(&mut self, end: usize) -> Result<(), CodecError> {
        let start = self.shared.out.len();
        if !self.in_gap {
            self.in_gap = true;
            self.literals.begin(&self.shared, &self.window.classes);
        }
        let length = (end - start).min(CHUNK);
        self.beside.resize(length + 8, 0);
        self.image.read(self.old_end, &mut self.beside)?;
        let mut done = 0;
        while done < length {
            let at = start + done;
            while self.shared.new.regions.get(self.region).is_some_and(|region| region.end() <= at) {
                self.region += 1;
            }
            let region = self.shared.new.regions.get(self.region).filter(|region| region.offset <= at);
            let class = region.map_or(0, |region| region.content.class());
            let gap = Gap { class, left: end - at, beside: &self.beside[done.min(length)..] };
            done += self.literals.code(&mut self.shared, &gap);
        }
        self.shared.coder.account(super::coder::Stream::Literal);
        self.old_end += done;
        Ok(())
    }

    fn copy(&mut self, found: Match) -> Result<(), CodecError> {
        let at = self.shared.out.len();
        let (start, end) = (found.new as usize, found.new_end());
        if at == start {
            self.in_gap = false;
            let before = self.shared.current.checked_sub(1).and_then(|at| self.shared.matches.get(at));
            let diagonal = |found: &Match| i64::from(found.old) - i64::from(found.new);
            self.copier.begin(before.map_or(0, |before| diagonal(&found) - diagonal(before)));
        }
        let from = found.old as usize + (at - start);
        let length = self.window.load(&mut self.image, &self.shared.old, &self.scanned, from, end - at)?;
        self.copier.window(&mut self.shared, &self.window, Piece { at, start, end });
        if at + length >= end {
            self.shared.current += 1;
            self.old_end = found.old_end();
        }
        Ok(())
    }
}
