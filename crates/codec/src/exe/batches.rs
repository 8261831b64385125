//! Where batches come from: a thread that makes them ahead, or, where there is none, the same function when
//! one is needed.

use super::ahead::{Ahead, Source};
use super::batch::{BATCH_MEMORY, Batch, Item};
use super::coder::{Coder, damaged};
use crate::CodecError;
use crate::worker::Worker;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Batches that there are: one that is used, one that is made, and those that wait. Where there are models they are more,
/// since one stretch takes one thread long and another the other one.
const COUNT: usize = 6;
const FAST_COUNT: usize = 3;

/// Memory that batches take.
pub(crate) const BATCHES_MEMORY: u64 = COUNT as u64 * BATCH_MEMORY;
pub(crate) const FAST_BATCHES_MEMORY: u64 = FAST_COUNT as u64 * BATCH_MEMORY;

pub(crate) enum Batches<'a, C> {
    Here(Box<Ahead<'a, C>>),
    /// Dropping these ends the thread: it waits for nothing but batches to be filled.
    There {
        empty: Sender<Batch>,
        filled: Receiver<Result<Batch, CodecError>>,
    },
}

impl<'a, C: Coder + 'a> Batches<'a, C> {
    /// Batches of a source, with `coded` literals. The worker makes them, if it has a thread.
    pub(crate) fn new(source: Source<'a>, coded: Vec<u8>, worker: &Worker<'a>) -> Self {
        if !worker.is_there() {
            return Batches::Here(Box::new(Ahead::new(C::beside(coded), source)));
        }
        let count = if source.tier.is_some() { COUNT } else { FAST_COUNT };
        let (empty, to_fill) = channel();
        let (done, filled) = channel();
        // Nobody waits for its end.
        drop(worker.begin(move || {
            let mut ahead = Ahead::new(C::beside(coded), source);
            for mut batch in to_fill {
                let result = ahead.fill(&mut batch);
                let failed = result.is_err();
                if done.send(result.map(|()| batch)).is_err() || failed {
                    return;
                }
            }
        }));
        // One of them comes when the first is taken, see `next`.
        for _ in 1..count {
            let _ = empty.send(Batch::default());
        }
        Batches::There { empty, filled }
    }

    /// What is next in a batch, or in the one after it, which takes its place.
    pub(crate) fn item(&mut self, batch: &mut Batch) -> Result<Item, CodecError> {
        if let Some(item) = batch.next() {
            return Ok(item);
        }
        *batch = self.next(std::mem::take(batch))?;
        batch.next().ok_or_else(|| damaged("it makes no progress"))
    }

    /// The next batch, for one that was used.
    fn next(&mut self, mut used: Batch) -> Result<Batch, CodecError> {
        match self {
            Batches::Here(ahead) => {
                ahead.fill(&mut used)?;
                Ok(used)
            }
            Batches::There { empty, filled } => {
                // If the thread has ended, the receiver says so.
                let _ = empty.send(used);
                filled.recv().unwrap_or_else(|_| Err(damaged("its literals ended")))
            }
        }
    }

    /// The coder of literals, if it is here.
    #[cfg(feature = "encode")]
    pub(crate) fn into_coder(self) -> Option<C> {
        match self {
            Batches::Here(ahead) => Some(ahead.into_coder()),
            Batches::There { .. } => None,
        }
    }
}
