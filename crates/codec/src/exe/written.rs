//! The end of the new file, as far as it is made: what models look back at, what the reader
//! has not taken yet, and what is held back until a region before it can be filled.

use super::derive::Starts;
use super::memory::Budget;
use crate::CodecError;
use upstep_model::Digester;

pub(crate) struct Written {
    bytes: Vec<u8>,
    /// Offset of the first of them in the file.
    start: usize,
    /// How many were taken.
    taken: usize,
    /// Nothing is taken from here on.
    held: usize,
    /// Nothing is dropped from here on.
    kept: usize,
    pages: Option<Pages>,
    starts: Option<Starts>,
}

/// Models look back no farther.
const BACK: usize = 1 << 10;

/// Bytes are dropped when there are so many more than needed, or an eighth of as many as are needed.
const SLACK: usize = 64 << 10;
const SHARE: usize = 8;

/// Most bytes that are there while so many are kept; what is written at once is much less.
fn room(kept: usize) -> usize {
    kept + kept / SHARE + 4 * SLACK + BACK
}

impl Written {
    pub(crate) fn new() -> Self {
        Written {
            bytes: Vec::with_capacity(room(0)),
            start: 0,
            taken: 0,
            held: usize::MAX,
            kept: usize::MAX,
            pages: None,
            starts: None,
        }
    }

    /// A file that is there already.
    #[cfg(feature = "encode")]
    pub(crate) fn whole(bytes: Vec<u8>) -> Self {
        Written { bytes, ..Written::new() }
    }

    /// Length of the file so far.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.start + self.bytes.len()
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes from `offset` on; none if they were dropped.
    #[inline(always)]
    pub(crate) fn from(&self, offset: usize) -> &[u8] {
        offset.checked_sub(self.start).and_then(|at| self.bytes.get(at..)).unwrap_or_default()
    }

    #[inline(always)]
    pub(crate) fn tail_mut(&mut self, offset: usize) -> &mut [u8] {
        offset.checked_sub(self.start).and_then(|at| self.bytes.get_mut(at..)).unwrap_or_default()
    }

    /// Makes room for so many bytes that are kept.
    pub(crate) fn reserve(&mut self, kept: usize, budget: &mut Budget) -> Result<(), CodecError> {
        budget.take(room(kept) as u64)?;
        self.bytes.reserve_exact(room(kept) - self.bytes.len());
        Ok(())
    }

    /// Hands out nothing from `offset` on, where something else is not held back already.
    pub(crate) fn hold_from(&mut self, offset: usize) {
        self.held = offset;
    }

    /// Drops nothing from `offset` on.
    pub(crate) fn keep_from(&mut self, offset: usize) {
        self.kept = offset;
    }

    /// Computes the digests of pages from now on.
    pub(crate) fn digest(&mut self, pages: Pages) {
        self.pages = Some(pages);
    }

    /// The digests of the pages up to `end`.
    pub(crate) fn digests(&mut self, end: usize) -> Option<Vec<u8>> {
        if self.held < end || self.len() < end {
            return None;
        }
        let mut pages = self.pages.take()?;
        pages.add(self.from(pages.position), end);
        pages.finish(end)
    }

    /// Reads where functions start from now on.
    pub(crate) fn read_starts(&mut self, starts: Starts) {
        self.starts = Some(starts);
    }

    /// The table of `length` bytes that is made from what was written up to `end`.
    pub(crate) fn find_function(&mut self, end: usize, length: usize) -> Option<Vec<u8>> {
        let mut starts = self.starts.take()?;
        starts.add(self.from(starts.position()), end);
        starts.finish(length)
    }

    /// Hands out bytes that were not taken before.
    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let end = self.held.saturating_sub(self.start).min(self.bytes.len());
        let rest = self.bytes.get(self.taken..end).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        let needed = self.taken.saturating_sub(BACK).min(self.kept.saturating_sub(self.start));
        if needed > SLACK && needed > self.bytes.len() / (SHARE + 1) {
            if let Some(pages) = &mut self.pages {
                let from = pages.position.saturating_sub(self.start);
                pages.add(self.bytes.get(from..).unwrap_or_default(), self.start + needed);
            }
            if let Some(starts) = &mut self.starts {
                let from = starts.position().saturating_sub(self.start);
                starts.add(self.bytes.get(from..).unwrap_or_default(), self.start + needed);
            }
            self.bytes.drain(..needed);
            self.start += needed;
            self.taken -= needed;
        }
        length
    }
}

/// SHA-256 of the pages of the file, up to a limit.
pub(crate) struct Pages {
    size: usize,
    limit: usize,
    /// Up to where bytes were added.
    position: usize,
    digester: Digester,
    digests: Vec<u8>,
}

const DIGEST: usize = 32;

impl Pages {
    /// `parameters`: the limit, and the size as a power of two; digests are asked for at `before`.
    pub(crate) fn new(parameters: [u64; 2], before: usize) -> Option<Pages> {
        let limit = usize::try_from(parameters[0]).ok().filter(|limit| *limit <= before)?;
        let log = u32::try_from(parameters[1]).ok().filter(|log| (12..=16).contains(log))?;
        Some(Pages { size: 1 << log, limit, position: 0, digester: Digester::new(), digests: Vec::new() })
    }

    pub(crate) fn memory(&self) -> u64 {
        (2 * DIGEST * self.limit.div_ceil(self.size)) as u64
    }

    /// Adds the bytes from `position` to `end`.
    fn add(&mut self, mut bytes: &[u8], end: usize) {
        let end = end.min(self.limit);
        while self.position < end && !bytes.is_empty() {
            let left = self.size - self.position % self.size;
            let (now, rest) = bytes.split_at(left.min(end - self.position).min(bytes.len()));
            self.digester.update(now);
            self.position += now.len();
            bytes = rest;
            if self.position.is_multiple_of(self.size) {
                self.end_page();
            }
        }
    }

    fn end_page(&mut self) {
        let digest = std::mem::replace(&mut self.digester, Digester::new()).finish();
        self.digests.extend(digest.as_bytes());
    }

    fn finish(mut self, end: usize) -> Option<Vec<u8>> {
        if self.position != end || end != self.limit {
            return None;
        }
        if !self.position.is_multiple_of(self.size) {
            self.end_page();
        }
        Some(self.digests)
    }
}
