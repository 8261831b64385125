//! The parts of the new file that are coded one after another, each from a part of the old one:
//! the programs that a universal one of macOS holds. Most files have one part.
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
}

/// Most parts of a file: each of them may take a look at all of the old one.
pub(crate) const MOST: usize = 16;

/// Codes the parts of files of these lengths: those of the new one follow each other, and each has
/// a byte at least.
pub(crate) fn code<C: Coder>(
    coder: &mut C,
    given: &[Part],
    (old_size, new_size): (usize, usize),
) -> Result<Vec<Part>, CodecError> {
    const LIMIT: u32 = 60;
    let whole = Part { old: 0..old_size, new: 0..new_size };
    let mut has_parts = Bit::EVEN;
    if !has_parts.code(coder, given.iter().any(|part| *part != whole), LIMIT) {
        coder.check()?;
        return Ok(vec![whole]);
    }
    let mut numbers = Number::new(3);
    let mut parts: Vec<Part> = Vec::new();
    let mut end = 0;
    while end < new_size {
        let part = given.get(parts.len()).cloned().unwrap_or(Part { old: 0..0, new: 0..0 });
        let start = numbers.code(coder, 0, part.old.start as u64);
        let old_length = numbers.code(coder, 1, part.old.len() as u64);
        let new_length = numbers.code(coder, 2, part.new.len() as u64);
        let fits = start.checked_add(old_length).is_some_and(|old_end| old_end <= old_size as u64)
            && (1..=(new_size - end) as u64).contains(&new_length)
            && parts.len() < MOST;
        if !fits {
            return Err(coder.refuse("its parts lie outside of the files"));
        }
        let (start, new_end) = (start as usize, end + new_length as usize);
        parts.push(Part { old: start..start + old_length as usize, new: end..new_end });
        end = new_end;
    }
    coder.check()?;
    Ok(parts)
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::super::coder::{Decoder, Encoder};
    use super::*;

    fn coded(parts: &[Part], sizes: (usize, usize)) -> Result<Vec<Part>, CodecError> {
        let mut encoder = Encoder::new();
        // What the encoder itself refuses ends here.
        code(&mut encoder, parts, sizes)?;
        let (bytes, _) = encoder.finish();
        code(&mut Decoder::new(Box::new(&bytes[..])), &[], sizes)
    }

    #[test]
    fn parts_survive_their_own_bytes() {
        let whole = vec![Part { old: 0..100, new: 0..70 }];
        let some =
            vec![Part { old: 0..10, new: 0..1 }, Part { old: 40..100, new: 1..69 }, Part { old: 0..0, new: 69..70 }];
        let piece = vec![Part { old: 10..100, new: 0..70 }];
        for parts in [whole, some, piece] {
            assert_eq!(coded(&parts, (100, 70)).expect("its own bytes"), parts);
        }
        assert_eq!(coded(&[], (0, 0)).expect("nothing"), [Part { old: 0..0, new: 0..0 }]);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let part = |old: Range<usize>, new: Range<usize>| Part { old, new };
        assert!(coded(&[part(0..1, 0..5), part(2..11, 5..10)], (10, 10)).is_err());
        assert!(coded(&[part(0..1, 0..5), part(0..1, 5..11)], (10, 10)).is_err());
        assert!(coded(&[part(0..1, 0..5), part(0..1, 5..5)], (10, 10)).is_err());
        let many: Vec<Part> = (0..20).map(|at| part(0..1, at..at + 1)).collect();
        assert!(coded(&many, (10, 20)).is_err());
    }
}
