//! The new file, piece by piece, in order: gaps and matches by turns.

use super::coder::Coder;
use super::control::Match;
use super::copy::{Copier, Piece};
use super::derive::Derivations;
use super::destinations::Destinations;
use super::fast::Fast;
use super::image::Image;
use super::lanes::Lanes;
use super::layout::Layout;
use super::literal::{Gap, Literals};
use super::map::Map;
use super::scan::Scanned;
use super::targets::Targets;
use super::window::Window;
use super::written::Written;
use crate::{CodecError, Level};

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
    maker: Maker,
    derivations: Derivations,
    size: usize,
    /// Bytes of the old file beside a gap.
    beside: Vec<u8>,
    /// Where the match before ended in the old file.
    old_end: usize,
    in_gap: bool,
    region: usize,
}

/// What makes gaps and matches.
enum Maker {
    Models(Box<(Literals, Copier)>),
    Fast(Fast),
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
        level: Level,
    ) -> Self {
        let maker = match level {
            Level::Fast => Maker::Fast(Fast::new()),
            _ => Maker::Models(Box::new((Literals::new(), Copier::new()))),
        };
        Body {
            shared,
            image,
            scanned,
            window: Window::default(),
            maker,
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
    pub(crate) fn into_coder(mut self) -> Result<(C, Vec<usize>), CodecError> {
        let misses = match self.maker {
            Maker::Models(models) => models.1.misses,
            Maker::Fast(_) => {
                self.shared.coder.lanes().end(self.size)?;
                Vec::new()
            }
        };
        Ok((self.shared.coder, misses))
    }

    /// Makes the next piece: at least one byte, at most some ten thousands.
    pub(crate) fn step(&mut self) -> Result<(), CodecError> {
        let at = self.shared.out.len();
        if let Maker::Fast(_) = self.maker {
            self.shared.coder.lanes().begin(at)?;
        }
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
            match &mut self.maker {
                Maker::Models(models) => models.0.begin(&self.shared, &self.window.classes),
                Maker::Fast(fast) => fast.begin(),
            }
        }
        let length = (end - start).min(CHUNK);
        if let Maker::Models(_) = self.maker {
            self.beside.resize(length + 8, 0);
            self.image.read(self.old_end, &mut self.beside)?;
        }
        let mut done = 0;
        while done < length {
            let at = start + done;
            while self.shared.new.regions.get(self.region).is_some_and(|region| region.end() <= at) {
                self.region += 1;
            }
            let region = self.shared.new.regions.get(self.region).filter(|region| region.offset <= at);
            let class = region.map_or(0, |region| region.content.class());
            done += match &mut self.maker {
                Maker::Models(models) => {
                    let gap = Gap { class, left: end - at, beside: &self.beside[done.min(length)..] };
                    models.0.code(&mut self.shared, &gap)
                }
                Maker::Fast(fast) => {
                    let until = region.map_or_else(|| border(&self.shared.new, self.region), |region| region.end());
                    let length = (until - at).min(length - done);
                    fast.literals(&mut self.shared, class, length);
                    length
                }
            };
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
            if let Maker::Models(models) = &mut self.maker {
                models.1.begin(before.map_or(0, |before| diagonal(&found) - diagonal(before)));
            }
        }
        let from = found.old as usize + (at - start);
        let (image, old) = (&mut self.image, &self.shared.old);
        let length = match self.maker {
            Maker::Models(_) => self.window.load(image, old, &self.scanned, from, end - at)?,
            Maker::Fast(_) => self.window.load_references(image, old, &self.scanned, from, end - at)?,
        };
        let piece = Piece { at, start, end };
        match &mut self.maker {
            Maker::Models(models) => models.1.window(&mut self.shared, &self.window, piece),
            Maker::Fast(fast) => fast.window(&mut self.shared, &self.window, piece),
        }
        if at + length >= end {
            self.shared.current += 1;
            self.old_end = found.old_end();
        }
        Ok(())
    }
}

/// Where the region of this number begins; the end of the file if there is none.
fn border(layout: &Layout, number: usize) -> usize {
    layout.regions.get(number).map_or(usize::MAX, |region| region.offset)
}
