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

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;

    /// A line table with functions of these lengths, and where it lies: behind some code, and before its table.
    fn program(lengths: &[u32], gap: usize) -> (Vec<u8>, Layout, Region) {
        let mut starts = vec![0];
        lengths.iter().for_each(|length| starts.push(starts[starts.len() - 1] + length));
        let mut lines = vec![0x55; 8];
        for number in 0..8u64 {
            let field = [(0, lengths.len() as u64), (7, (HEAD + gap) as u64)];
            let value = field.iter().find(|(at, _)| *at == number).map_or(7, |(_, value)| *value);
            lines.extend(value.to_le_bytes());
        }
        lines.extend(vec![0x66; gap]);
        for start in &starts {
            lines.extend(start.to_le_bytes());
            lines.extend(0x7777_7777u32.to_le_bytes());
        }
        let lines_at = 1000;
        let mut layout = Layout::default();
        layout.regions.push(Region { content: Content::GoLines, offset: lines_at, length: lines.len() });
        let bytes = [vec![0x90; lines_at], lines].concat();
        let parts = (starts[starts.len() - 1] as usize).div_ceil(PART);
        let length = 4 * parts.div_ceil(PARTS) + parts;
        let region = Region { content: Content::FindFunction, offset: bytes.len(), length };
        (bytes, layout, region)
    }

    /// By its definition: the first function of each part that is not before it.
    fn naive(lengths: &[u32]) -> Vec<u8> {
        let end = lengths.iter().sum::<u32>() as usize;
        let first = |part: usize| {
            let mut at = 0;
            for (number, length) in lengths.iter().enumerate() {
                at += *length as usize;
                if at > part * PART {
                    return number as u32;
                }
            }
            u32::MAX
        };
        let parts: Vec<u32> = (0..end.div_ceil(PART)).map(first).collect();
        let bucket = |parts: &[u32]| {
            let counts = parts.iter().map(|part| (part - parts[0]) as u8);
            parts[0].to_le_bytes().into_iter().chain(counts).collect::<Vec<u8>>()
        };
        parts.chunks(PARTS).flat_map(bucket).collect()
    }

    #[test]
    fn the_table_is_the_same_however_the_file_comes() {
        for count in [1, 2, 40, 700, 3000] {
            let lengths: Vec<u32> =
                (0..count).map(|number: u32| (number + 1).wrapping_mul(2_654_435_761) >> 22).collect();
            let (bytes, layout, region) = program(&lengths, 33);
            let wanted = naive(&lengths);
            assert_eq!(make(&bytes, &layout, &region), Some(wanted.clone()), "{count} functions");
            for size in [1, 7, 71, 1000, 5000] {
                let mut starts = Starts::new(&layout, &region).expect("a table");
                while starts.position() < bytes.len() {
                    let at = starts.position();
                    starts.add(&bytes[at..bytes.len().min(at + size)], bytes.len());
                }
                assert_eq!(starts.finish(region.length), Some(wanted.clone()), "{count} functions, {size} bytes");
            }
        }
    }

    #[test]
    fn what_is_no_table_is_told() {
        let (bytes, layout, region) = program(&[300, 20, 5000], 0);
        for (at, value) in [(1008, u64::MAX), (1008, 2), (1064, 0), (1064, u64::MAX), (1000 + 72 + 8, 1 << 31)] {
            let mut bad = bytes.clone();
            bad[at..at + 8].copy_from_slice(&value.to_le_bytes());
            assert_eq!(make(&bad, &layout, &region), None, "{value:x} at {at}");
        }
        for length in [0, region.length - 1, region.length + 1] {
            assert_eq!(make(&bytes, &layout, &Region { length, ..region }), None, "{length} bytes");
        }
        assert_eq!(make(&bytes[..1090], &layout, &region), None);
    }
}
