//! Finds which pieces of the new file come from where in the old one: the method of bsdiff
//! (Colin Percival, "Naive differences of executable code", 2003), over a suffix array.
//!
//! `bidiff::diff` does the same and is not used: on files with long repetitions (2 MB of zeros
//! with a one in between suffice) it takes time that grows with the square of their length,
//! because it advances byte by byte and compares megabytes each time. Here a search costs no more
//! than the piece that it finds, and a step passes all bytes up to the next difference at once.

use crate::matched::Match;
use crate::suffixes::Suffixes;
use std::sync::OnceLock;

/// A piece found elsewhere must be this much longer than what the current alignment has equal.
const BETTER_BY: usize = 8;

/// From this length on, steps go to the next difference and not to the next byte.
const LONG: usize = 256;

/// Two files, both shorter than 2 GiB, and their matches, which are found once, whoever asks first.
pub(crate) struct Pair<'a> {
    pub(crate) old: &'a [u8],
    pub(crate) new: &'a [u8],
    matches: OnceLock<Vec<Match>>,
}

impl<'a> Pair<'a> {
    pub(crate) fn new(old: &'a [u8], new: &'a [u8]) -> Self {
        Pair { old, new, matches: OnceLock::new() }
    }

    /// The matches, in the order of the new file: bytes of them may differ, some have none, and what lies between two
    /// is new. Who asks while another looks for them waits.
    pub(crate) fn matches(&self) -> &[Match] {
        self.matches.get_or_init(|| if self.old.is_empty() { Vec::new() } else { matches(self.old, self.new) })
    }
}

fn matches(old: &[u8], new: &[u8]) -> Vec<Match> {
    // The table takes a half to one byte for each byte of the old file.
    let bits = old.len().max(1).ilog2().saturating_sub(2).clamp(1, 24);
    let suffixes = Suffixes::new(old, bits).with_keys(old);
    let mut scan = Scan { old, new, suffixes, at: 0, last: Alignment { old: 0, new: 0 } };
    std::iter::from_fn(|| scan.next()).collect()
}

/// Two positions that hold the same thing; the bytes around them are compared pairwise.
#[derive(Debug, Clone, Copy)]
struct Alignment {
    old: usize,
    new: usize,
}

impl Alignment {
    /// The position in the old file that belongs to `new`, if there is one.
    fn old_for(self, new: usize) -> Option<usize> {
        (new + self.old).checked_sub(self.new)
    }
}

struct Scan<'a> {
    old: &'a [u8],
    new: &'a [u8],
    suffixes: Suffixes,
    at: usize,
    /// Where the match begins that has not been handed out yet.
    last: Alignment,
}

impl Scan<'_> {
    fn next(&mut self) -> Option<Match> {
        let mut length = 0;
        while self.at < self.new.len() {
            self.at += length;
            let (equal, found) = self.advance();
            length = found.length;
            // The end, or a piece that the current alignment does not have just as well.
            if length != equal || self.at == self.new.len() {
                return Some(self.cut(found.old, length));
            }
        }
        None
    }

    /// Goes on until a piece is found that is worth a new match, or that the current alignment
    /// has as well. Returns how many of its bytes are equal in the current alignment, and it.
    fn advance(&mut self) -> (usize, Piece) {
        let mut equal = 0;
        let mut counted = self.at;
        let mut piece = Piece { old: 0, length: 0 };
        while self.at < self.new.len() {
            piece = self.longest(self.at);
            while counted < self.at + piece.length {
                equal += usize::from(self.is_equal(counted));
                counted += 1;
            }
            if (piece.length == equal && piece.length > 0) || piece.length > equal + BETTER_BY {
                break;
            }
            let most = if piece.length > LONG { piece.length } else { 1 };
            let same = (self.at..self.at + most).take_while(|at| self.is_equal(*at)).count();
            // All bytes that were counted and are passed now.
            equal -= same;
            self.at += (same + 1).min(most);
        }
        (equal, piece)
    }

    fn is_equal(&self, new: usize) -> bool {
        let old = self.last.old_for(new).and_then(|old| self.old.get(old));
        old.is_some_and(|byte| *byte == self.new[new])
    }

    /// The longest piece of the old file that the new one has at `at`.
    fn longest(&self, at: usize) -> Piece {
        let (old, length) = self.suffixes.longest(self.old, &self.new[at..]);
        Piece { old, length }
    }

    /// The match that ends where the piece at `old` begins, both extended to where they
    /// are equal for the most part; the piece becomes the next match.
    fn cut(&mut self, old: usize, length: usize) -> Match {
        let is_last = self.at + length >= self.new.len() && self.at == self.new.len();
        let gap = self.at - self.last.new;
        let mut forward = best_prefix(
            (0..gap.min(self.old.len() - self.last.old))
                .map(|i| self.old[self.last.old + i] == self.new[self.last.new + i]),
        );
        let mut backward = if is_last {
            0
        } else {
            best_prefix((1..=gap.min(old)).map(|i| self.old[old - i] == self.new[self.at - i]))
        };
        if let Some(overlap) = (forward + backward).checked_sub(gap).filter(|overlap| *overlap > 0) {
            let kept = self.split(old, forward, backward, overlap);
            forward = forward - overlap + kept;
            backward -= kept;
        }
        let [old_start, new, length] = [self.last.old, self.last.new, forward].map(|number| number as u32);
        let found = Match { old: old_start, new, length };
        self.last = Alignment { old: old - backward, new: self.at - backward };
        found
    }

    /// How much of an overlap the earlier match keeps: where it stops being the better one.
    fn split(&self, old: usize, forward: usize, backward: usize, overlap: usize) -> usize {
        let (mut score, mut best, mut kept) = (0i64, 0i64, 0);
        for i in 0..overlap {
            let new = self.last.new + forward - overlap + i;
            let earlier = self.old[self.last.old + forward - overlap + i] == self.new[new];
            let later = self.old[old - backward + i] == self.new[new];
            score += i64::from(earlier) - i64::from(later);
            if score > best {
                (best, kept) = (score, i + 1);
            }
        }
        kept
    }
}

/// A piece of the old file that the new one has too.
#[derive(Debug, Clone, Copy)]
struct Piece {
    old: usize,
    length: usize,
}

/// The length at which equal bytes exceed different ones the most.
fn best_prefix(equal: impl Iterator<Item = bool>) -> usize {
    let (mut score, mut best, mut length) = (0i64, 0i64, 0);
    for (at, equal) in equal.enumerate() {
        score += if equal { 1 } else { -1 };
        if score > best {
            (best, length) = (score, at + 1);
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(old: &[u8], new: &[u8]) -> usize {
        let matches = matches(old, new);
        for (at, found) in matches.iter().enumerate() {
            let next = matches.get(at + 1).map_or(new.len(), |next| next.new as usize);
            assert!(found.new as usize + found.length as usize <= next, "no overlap");
            assert!(found.old as usize + found.length as usize <= old.len());
        }
        assert!(matches.first().is_none_or(|first| first.new == 0));
        matches.len()
    }

    #[test]
    fn matches_cover_the_new_file() {
        let text = b"it was the best of times, it was the worst of times";
        let cases: [&[u8]; 5] = [b"", b"i", b"times", b"the worst of times, it was the best", b"######"];
        for new in cases {
            covered(text, new);
            covered(b"x", new);
        }
        assert_eq!(covered(text, text), 1);
    }

    #[test]
    fn long_repetitions_do_not_take_for_ever() {
        let length = 200_000;
        let zeros = vec![0; length];
        let every = |step: usize| (0..length).map(|at| u8::from(at % step == 0)).collect::<Vec<u8>>();
        let mut one = zeros.clone();
        one[length / 2] = 1;
        let files = [zeros, one, every(2), every(3), every(1000), every(1001), every(50_007)];
        for old in &files {
            for new in &files {
                covered(old, new);
            }
        }
    }
}
