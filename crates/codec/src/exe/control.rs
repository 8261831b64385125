//! The matches: which pieces of the new file come from where in the old one.
//!
//! All of them come before the first byte of the new file, because the map needs all.

use super::bit::{Bit, bits_of, tree};
use super::coder::{Coder, Stream, damaged};
use super::memory::{Budget, push};
use super::number::Number;
use crate::CodecError;
use crate::matched::Match;
use crate::number::{unzigzag, zigzag};

/// How many diagonals (distances between old and new) are remembered.
const RECENT: usize = 16;

/// How the diagonal of a match is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seek {
    /// It is a recent one.
    Exact,
    /// It is near a recent one.
    Near,
    /// It is told by where the match before ended.
    Far,
}

struct Model {
    gaps: Number,
    lengths: Number,
    near: Number,
    far: Number,
    kinds: Vec<Bit>,
    places: Vec<Bit>,
}

const LIMIT: u32 = 200;

/// Codes the matches of two files of these lengths.
pub(crate) fn code<C: Coder>(
    coder: &mut C,
    given: &[Match],
    (old_size, new_size): (usize, usize),
    budget: &mut Budget,
) -> Result<Vec<Match>, CodecError> {
    let mut model = Model {
        gaps: Number::new(32),
        lengths: Number::new(32),
        near: Number::new(32),
        far: Number::new(2),
        kinds: vec![Bit::EVEN; 1024],
        places: vec![Bit::EVEN; 64],
    };
    let mut recent = [0i64; RECENT];
    let mut matches: Vec<Match> = Vec::new();
    let (mut new, mut old_end, mut last_length) = (0usize, 0i64, 0u64);
    let (mut last, mut before) = (Seek::Exact, Seek::Exact);
    loop {
        let found = given.get(matches.len()).copied().unwrap_or(Match { old: 0, new: new_size as u32, length: 0 });
        let context = last as usize * 8 + (bits_of(last_length) as usize).saturating_sub(2).min(7);
        let gap = model.gaps.code(coder, context, (found.new as usize).wrapping_sub(new) as u64);
        coder.account(Stream::Gap);
        let left = (new_size - new) as u64;
        if gap >= left {
            // The rest of the file has no match.
            coder.check()?;
            return if gap == left { Ok(matches) } else { Err(damaged("a gap ends behind the new file")) };
        }
        new += gap as usize;
        let (seek, diagonal) = seek(&mut model, coder, &recent, [last, before], gap, found, new, old_end);
        coder.account(Stream::Seek);
        let context = seek as usize * 8 + (bits_of(gap) as usize).min(7);
        let length = model.lengths.code(coder, context, u64::from(found.length));
        coder.account(Stream::Length);
        let old = (new as i64).wrapping_add(diagonal);
        let fits = old >= 0
            && old <= old_size as i64
            && (1..=(old_size as u64).wrapping_sub(old as u64)).contains(&length)
            && length <= (new_size - new) as u64;
        coder.check()?;
        if !fits {
            return Err(damaged("a match lies outside of the files"));
        }
        let place = recent.iter().position(|known| *known == diagonal).unwrap_or(RECENT - 1);
        recent[..=place].rotate_right(1);
        recent[0] = diagonal;
        push(&mut matches, Match { old: old as u32, new: new as u32, length: length as u32 }, budget)?;
        new += length as usize;
        old_end = old + length as i64;
        last_length = length;
        (before, last) = (last, seek);
    }
}

#[expect(clippy::too_many_arguments, reason = "the state of one loop, cut in two for its length")]
fn seek<C: Coder>(
    model: &mut Model,
    coder: &mut C,
    recent: &[i64; RECENT],
    last: [Seek; 2],
    gap: u64,
    found: Match,
    new: usize,
    old_end: i64,
) -> (Seek, i64) {
    let wanted = i64::from(found.old) - new as i64;
    let (seek, place) = if C::ENCODES { choose(recent, wanted) } else { (Seek::Far, 0) };
    let touches = usize::from(gap > 0);
    let context = ((last[0] as usize * 3 + last[1] as usize) * 8 + touches * 4 + (bits_of(gap) as usize).min(3)) * 4;
    let is_far = model.kinds[context + 1].code(coder, seek == Seek::Far, LIMIT);
    if is_far {
        let from_end = model.far.code(coder, touches, zigzag(i64::from(found.old) - old_end));
        return (Seek::Far, unzigzag(from_end).wrapping_add(old_end).wrapping_sub(new as i64));
    }
    let is_near = model.kinds[context + 2].code(coder, seek == Seek::Near, LIMIT);
    let places = &mut model.places[(usize::from(is_near) * 2 + touches) * 16..][..16];
    let place = tree(coder, places, 4, place, LIMIT);
    if !is_near {
        return (Seek::Exact, recent[place]);
    }
    let context = place.min(3) * 8 + (bits_of(gap) as usize).min(7);
    let beside = model.near.code(coder, context, zigzag(wanted.wrapping_sub(recent[place])));
    (Seek::Near, recent[place].wrapping_add(unzigzag(beside)))
}

/// The cheapest way to tell a diagonal: the kind, and which recent one it is about.
fn choose(recent: &[i64; RECENT], wanted: i64) -> (Seek, usize) {
    if let Some(place) = recent.iter().position(|diagonal| *diagonal == wanted) {
        return (Seek::Exact, place);
    }
    let mut best = None;
    for (place, diagonal) in recent.iter().enumerate() {
        let distance = (wanted - diagonal).unsigned_abs();
        let reach = if place == 0 { 1 << 16 } else { 1 << 11 };
        if distance < reach {
            let cost = bits_of(distance) + if place == 0 { 0 } else { 2 + bits_of(place as u64) };
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, place));
            }
        }
    }
    best.map_or((Seek::Far, 0), |(_, place)| (Seek::Near, place))
}

/// The match that tells where an offset of the old file went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Neighbour {
    /// It ends near the offset.
    Beside = 1,
    /// It holds the offset.
    Inside = 2,
}

/// Looks among the `reach` matches on each side of match `at` for the one that holds `offset` of the old file, or
/// else the one that ends nearest. The offset that it has in the new file, and by what.
#[inline(always)]
pub(crate) fn neighbour(matches: &[Match], at: usize, offset: usize, reach: usize) -> Option<(usize, Neighbour)> {
    let inside = |found: &Match| offset.wrapping_sub(found.old as usize) < found.length as usize;
    let here = matches.get(at)?;
    if inside(here) {
        return Some((here.new as usize + (offset - here.old as usize), Neighbour::Inside));
    }
    neighbour_beside(matches, at, offset, reach)
}

#[inline(never)]
fn neighbour_beside(matches: &[Match], at: usize, offset: usize, reach: usize) -> Option<(usize, Neighbour)> {
    /// Farther from a match than this nothing is said.
    const NEAR: usize = 512;
    let mut best = (NEAR, 0);
    let mut look = |found: &Match| -> Option<usize> {
        if offset >= found.old_end() {
            let distance = offset - found.old_end();
            if distance < best.0 {
                best = (distance, found.new_end() + distance);
            }
        } else if offset >= found.old as usize {
            return Some(found.new as usize + (offset - found.old as usize));
        } else {
            let distance = found.old as usize - offset;
            if distance < best.0 && found.new as usize >= distance {
                best = (distance, found.new as usize - distance);
            }
        }
        None
    };
    look(&matches[at]);
    for step in 1..=reach {
        if let Some(new) = matches.get(at + step).and_then(&mut look) {
            return Some((new, Neighbour::Inside));
        }
        if let Some(new) = at.checked_sub(step).and_then(|at| matches.get(at)).and_then(&mut look) {
            return Some((new, Neighbour::Inside));
        }
    }
    (best.0 < NEAR).then_some((best.1, Neighbour::Beside))
}
