//! The parts of the new file that are coded one after another, each from a part of the old one:
//! the programs that a universal one of macOS holds, and what was appended to a program. Most
//! files have one part.
//!
//! Offsets and addresses of a part are its own, and so are its models: nothing of one program is
//! an address in the other, and no more memory is needed than for the largest.

use super::bit::Bit;
use super::coder::Coder;
use super::number::Number;
use crate::CodecError;
use std::ops::Range;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) old: Range<usize>,
    pub(crate) new: Range<usize>,
    /// It is coded by the plain codec.
    pub(crate) is_plain: bool,
}

impl Part {
    pub(crate) fn new(old: Range<usize>, new: Range<usize>) -> Part {
        Part { old, new, is_plain: false }
    }
}

/// Most parts of a file: each of them may take a look at all of the old one.
pub(crate) const MOST: usize = 16;

const LIMIT: u32 = 60;

/// Those of files of these lengths, as far as they were coded. Those of the new file follow each
/// other, and each has a byte at least.
pub(crate) struct Parts {
    sizes: (usize, usize),
    count: usize,
    /// Where the last one ended.
    end: usize,
    has_parts: Bit,
    plain: Bit,
    numbers: Number,
}

impl Parts {
    pub(crate) fn new(sizes: (usize, usize)) -> Parts {
        Parts { sizes, count: 0, end: 0, has_parts: Bit::EVEN, plain: Bit::EVEN, numbers: Number::new(3) }
    }

    /// Codes the next one; `None` behind the last.
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, given: Option<&Part>) -> Result<Option<Part>, CodecError> {
        let left = self.sizes.1 - self.end;
        let whole = Part::new(0..self.sizes.0, 0..self.sizes.1);
        if self.count > 0 && left == 0 {
            return Ok(None);
        }
        self.count += 1;
        if self.count == 1 && !self.has_parts.code(coder, given.is_some_and(|part| *part != whole), LIMIT) {
            self.end = self.sizes.1;
            coder.check()?;
            return Ok(Some(whole));
        }
        let (old, new) = given.map_or((0..0, 0..0), |part| (part.old.clone(), part.new.clone()));
        let start = self.numbers.code(coder, 0, old.start as u64);
        let old_length = self.numbers.code(coder, 1, old.len() as u64);
        let new_length = self.numbers.code(coder, 2, new.len() as u64);
        let is_plain = self.plain.code(coder, given.is_some_and(|part| part.is_plain), LIMIT);
        let fits = start.checked_add(old_length).is_some_and(|end| end <= self.sizes.0 as u64)
            && (1..=left as u64).contains(&new_length)
            && self.count <= MOST;
        if !fits {
            return Err(coder.refuse("its parts lie outside of the files"));
        }
        coder.check()?;
        let (start, new_start) = (start as usize, self.end);
        self.end += new_length as usize;
        Ok(Some(Part { old: start..start + old_length as usize, new: new_start..self.end, is_plain }))
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::super::coder::{Decoder, Encoder};
    use super::*;

    fn coded(given: &[Part], sizes: (usize, usize)) -> Result<Vec<Part>, CodecError> {
        let mut encoder = Encoder::new();
        let mut parts = Parts::new(sizes);
        // What the encoder itself refuses ends here.
        for part in given {
            parts.code(&mut encoder, Some(part))?;
        }
        let (bytes, _) = encoder.finish();
        let mut decoder = Decoder::new(Box::new(&bytes[..]));
        let mut parts = Parts::new(sizes);
        std::iter::from_fn(|| parts.code(&mut decoder, None).transpose()).collect()
    }

    #[test]
    fn parts_survive_their_own_bytes() {
        let whole = vec![Part::new(0..100, 0..70)];
        let some =
            vec![Part::new(0..10, 0..1), Part { is_plain: true, ..Part::new(40..100, 1..69) }, Part::new(0..0, 69..70)];
        let piece = vec![Part::new(10..100, 0..70)];
        for parts in [whole, some, piece] {
            assert_eq!(coded(&parts, (100, 70)).expect("its own bytes"), parts);
        }
        assert_eq!(coded(&[Part::new(0..0, 0..0)], (0, 0)).expect("nothing"), [Part::new(0..0, 0..0)]);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        assert!(coded(&[Part::new(0..1, 0..5), Part::new(2..11, 5..10)], (10, 10)).is_err());
        assert!(coded(&[Part::new(0..1, 0..5), Part::new(0..1, 5..11)], (10, 10)).is_err());
        assert!(coded(&[Part::new(0..1, 0..5), Part::new(0..1, 5..5)], (10, 10)).is_err());
        let many: Vec<Part> = (0..20).map(|at| Part::new(0..1, at..at + 1)).collect();
        assert!(coded(&many, (10, 20)).is_err());
    }
}
