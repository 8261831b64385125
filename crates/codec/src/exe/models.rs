//! What makes gaps and matches by models: literals and windows come in batches, copying is coded here.

use super::batch::{Batch, Item, Origin};
use super::batches::Batches;
use super::body::Shared;
use super::coder::{Coder, damaged};
use super::copy::{Copier, Piece};
use super::tier::Tier;
use crate::CodecError;
use crate::matched::Match;

pub(crate) struct Models<'a, C> {
    batches: Batches<'a, C>,
    batch: Batch,
    copier: Copier,
}

impl<'a, C: Coder + 'a> Models<'a, C> {
    pub(crate) fn new(batches: Batches<'a, C>, tier: &Tier) -> Self {
        Models { batches, batch: Batch::default(), copier: Copier::new(tier) }
    }

    /// The coder of literals, if it is here, and where changes and wrong guesses were.
    #[cfg(feature = "encode")]
    pub(crate) fn into_parts(self) -> (Option<C>, Vec<usize>) {
        (self.batches.into_coder(), self.copier.misses)
    }

    /// Makes the next gap, or piece of a gap or of the match that is `next`.
    pub(crate) fn make(&mut self, shared: &mut Shared<'a, C>, next: Option<Match>) -> Result<(), CodecError> {
        let at = shared.out.len();
        match (self.batches.item(&mut self.batch)?, next) {
            (Item::Gap { length, holes }, _) => {
                let (bytes, holes) = self.batch.gap(length, holes);
                shared.out.extend(bytes);
                for hole in holes {
                    hole.fill(shared, at);
                }
            }
            (Item::Copy { from, length, references }, Some(found)) => {
                let (start, end) = (found.new as usize, found.new_end());
                if at == start {
                    let before = shared.current.checked_sub(1).and_then(|at| shared.plan.matches.get(at));
                    let diagonal = |found: &Match| i64::from(found.old) - i64::from(found.new);
                    self.copier.begin(before.map_or(0, |before| diagonal(&found) - diagonal(before)));
                }
                let origin: Origin<'_> = self.batch.origin(from, length, references);
                self.copier.window(shared, &origin, Piece { at, start, end });
                if at + length >= end {
                    shared.current += 1;
                }
            }
            (Item::Copy { .. }, None) => return Err(damaged("a match is not where it should be")),
        }
        Ok(())
    }
}
