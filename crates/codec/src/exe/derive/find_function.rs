//! Go's table from addresses to functions: for each 4,096 bytes of code the number of the first
//! function, and for each 256 bytes how many come before.

use crate::exe::field::word;
use crate::exe::layout::{Content, Layout, Region};

const BUCKET: usize = 4096;
const PART: usize = 256;
const PARTS: usize = BUCKET / PART;

/// Most code of a program.
const MOST: usize = 1 << 30;

/// The header of the line table, as far as it says where the functions are listed, and how many.
const HEAD: usize = 72;

/// A function in that list: where it starts, and what is not needed here.
const ROW: usize = 8;

/// Bytes of the list that are looked at together.
const PIECE: usize = 512 * ROW;

/// Where functions start, read off the line table while it is written: it is large, and nothing else of it is
/// needed.
pub(crate) struct Starts {
    lines: Region,
    /// Up to where bytes of the file were added.
    position: usize,
    head: Vec<u8>,
    /// Of a row that is not whole yet.
    rest: Vec<u8>,
    /// By part: its first function.
    first: Vec<u32>,
    /// Functions so far, and where the last one starts.
    count: usize,
    last: Option<usize>,
    is_wrong: bool,
}

impl Starts {
    /// For the table that is `region`; `None` if it can't be one.
    pub(crate) fn new(new: &Layout, region: &Region) -> Option<Starts> {
        // A bucket has 20 bytes, the last one may have less.
        let parts = match (region.length / (4 + PARTS), region.length % (4 + PARTS)) {
            (whole, 0) => whole * PARTS,
            (whole, left) => whole * PARTS + left.checked_sub(4).filter(|parts| *parts > 0)?,
        };
        Some(Starts {
            lines: new.find(Content::GoLines)?,
            position: 0,
            head: Vec::with_capacity(HEAD),
            rest: Vec::with_capacity(PIECE + ROW),
            first: vec![u32::MAX; parts],
            count: 0,
            last: None,
            is_wrong: false,
        })
    }

    /// What it takes for a table of so many bytes.
    pub(crate) fn memory(length: usize) -> u64 {
        (size_of::<u32>() * length + HEAD + PIECE + ROW) as u64
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Adds the bytes from `position` to `end`.
    pub(crate) fn add(&mut self, bytes: &[u8], end: usize) {
        let at = self.position;
        let bytes = &bytes[..bytes.len().min(end.saturating_sub(at))];
        self.position += bytes.len();
        let within = |from: usize, to: usize| {
            let place = |offset: usize| offset.saturating_sub(at).min(bytes.len());
            &bytes[place(from)..place(to)]
        };
        self.head.extend(within(self.lines.offset, self.lines.offset + HEAD));
        if self.head.len() < HEAD || self.is_wrong {
            return;
        }
        let Some((from, to)) = self.rows() else {
            self.is_wrong = true;
            return;
        };
        for piece in within(from, to).chunks(PIECE) {
            self.rest.extend(piece);
            let whole = self.rest.len() / ROW * ROW;
            for at in (0..whole).step_by(ROW) {
                self.start(word(&self.rest[at..]) as usize);
            }
            self.rest.drain(..whole);
        }
    }

    /// Where the list is in the file.
    fn rows(&self) -> Option<(usize, usize)> {
        let from = self.field(7).filter(|from| *from >= HEAD)?;
        let to = from.checked_add(self.field(0)?.checked_mul(ROW)?)?.checked_add(4)?;
        (to <= self.lines.length).then_some((self.lines.offset + from, self.lines.offset + to))
    }

    fn field(&self, number: usize) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(*self.head.get(8 + 8 * number..)?.first_chunk()?)).ok()
    }

    /// The next function starts here, or the last one ends.
    fn start(&mut self, to: usize) {
        if let Some(from) = self.last {
            let parts = if from < to { from / PART..(to - 1) / PART + 1 } else { 0..0 };
            match self.first.get_mut(parts) {
                // Functions ascend; else each could take a look at the whole table.
                Some(parts) if from <= to => {
                    parts.iter_mut().for_each(|part| *part = (*part).min(self.count as u32));
                }
                _ => self.is_wrong = true,
            }
            self.count += 1;
        }
        self.last = Some(to);
    }

    /// The table, `length` bytes.
    pub(crate) fn finish(mut self, length: usize) -> Option<Vec<u8>> {
        if self.rest.len() == 4 {
            self.start(word(&self.rest) as usize);
        }
        let end = self.last.filter(|end| *end <= MOST && end.div_ceil(PART) == self.first.len())?;
        if self.is_wrong || end == 0 || self.count == 0 || self.field(0) != Some(self.count) {
            return None;
        }
        let mut made = Vec::with_capacity(length);
        for bucket in self.first.chunks(PARTS) {
            let base = bucket.first().copied()?;
            made.extend(base.to_le_bytes());
            made.extend(bucket.iter().map(|part| part.wrapping_sub(base) as u8));
        }
        Some(made)
    }
}

/// The table that `region` of a file must be.
#[cfg(feature = "encode")]
pub(crate) fn make(bytes: &[u8], new: &Layout, region: &Region) -> Option<Vec<u8>> {
    let mut starts = Starts::new(new, region)?;
    starts.add(bytes, starts.lines.end());
    starts.finish(region.length)
}

/// How long the table is of the line table that begins at `lines`.
#[cfg(feature = "encode")]
pub(crate) fn length(table: &[u8]) -> Option<usize> {
    let field = |number: usize| usize::try_from(u64::from_le_bytes(*table.get(8 + 8 * number..)?.first_chunk()?)).ok();
    let row = field(7)?.checked_add(field(0)?.checked_mul(8)?)?;
    let end = word(table.get(row..row.checked_add(4)?)?) as usize;
    (end <= MOST).then_some(4 * end.div_ceil(BUCKET) + end.div_ceil(PART))
}
