//! Where addresses of the old file went: the map that the matches make.

use super::layout::Layout;
use crate::matched::Match;
use std::collections::BinaryHeap;

/// Old addresses that all moved by the same distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    start: u64,
    end: u64,
    moved: u64,
}

pub(crate) struct Map {
    /// Ascending and disjoint.
    pieces: Vec<Piece>,
}

/// Memory that a map of so many matches takes while it is made.
pub(crate) fn map_memory(matches: usize) -> u64 {
    matches as u64 * 2 * size_of::<Piece>() as u64
}

impl Map {
    pub(crate) fn new(matches: &[Match], old: &Layout, new: &Layout) -> Map {
        let mut moved = Vec::with_capacity(matches.len() + 16);
        for found in matches {
            pieces_of(found, old, new, &mut moved);
        }
        for (old, new) in old.zeroed.iter().zip(&new.zeroed) {
            moved.push(Piece { start: old.0, end: old.0.wrapping_add(old.1), moved: new.0.wrapping_sub(old.0) });
        }
        moved.sort_unstable();
        let mut pieces = disjoint(&moved);
        pieces.shrink_to_fit();
        Map { pieces }
    }

    /// Memory that it takes.
    pub(crate) fn memory(&self) -> u64 {
        self.pieces.len() as u64 * size_of::<Piece>() as u64
    }

    /// The piece that begins last at or before `address`, and whether it holds it.
    fn piece(&self, address: u64) -> (usize, bool) {
        let after = self.pieces.partition_point(|piece| piece.start <= address);
        (after, after > 0 && address < self.pieces[after - 1].end)
    }

    /// Where `address` went, and whether a match says so; else the nearest match is taken.
    pub(crate) fn find(&self, address: u64) -> (u64, bool) {
        let (after, held) = self.piece(address);
        self.at(address, after, held)
    }

    fn at(&self, address: u64, after: usize, held: bool) -> (u64, bool) {
        let before = after.checked_sub(1).and_then(|at| self.pieces.get(at));
        let next = self.pieces.get(after);
        let moved = match (before, next) {
            (Some(before), _) if held => before.moved,
            (Some(before), Some(next)) => {
                let is_nearer = address.wrapping_sub(before.end).wrapping_add(1) <= next.start.wrapping_sub(address);
                if is_nearer { before.moved } else { next.moved }
            }
            (Some(only), None) | (None, Some(only)) => only.moved,
            (None, None) => 0,
        };
        (address.wrapping_add(moved), held)
    }

    /// [`Map::find`] for addresses that mostly ascend; `cursor` is kept between calls.
    pub(crate) fn find_next(&self, address: u64, cursor: &mut usize) -> (u64, bool) {
        let behind = cursor.checked_sub(1).and_then(|at| self.pieces.get(at));
        if behind.is_some_and(|piece| piece.start > address) {
            *cursor = self.piece(address).0;
        }
        while self.pieces.get(*cursor).is_some_and(|piece| piece.start <= address) {
            *cursor += 1;
        }
        let held = *cursor > 0 && self.pieces.get(*cursor - 1).is_some_and(|piece| address < piece.end);
        self.at(address, *cursor, held)
    }
}

/// Appends the pieces of a match, cut at the borders of segments.
fn pieces_of(found: &Match, old: &Layout, new: &Layout, pieces: &mut Vec<Piece>) {
    let border = |layout: &Layout, offset: u64| {
        let borders =
            layout.segments.iter().flat_map(|segment| [segment.offset, segment.offset.wrapping_add(segment.length)]);
        borders.filter(|border| *border > offset).map(|border| border - offset).min().unwrap_or(u64::MAX)
    };
    let (mut from, mut to, mut left) = (u64::from(found.old), u64::from(found.new), u64::from(found.length));
    while left > 0 {
        let step = border(old, from).min(border(new, to)).min(left);
        if let (Some(start), Some(target)) = (old.address(from as usize), new.address(to as usize)) {
            pieces.push(Piece { start, end: start.wrapping_add(step), moved: target.wrapping_sub(start) });
        }
        (from, to, left) = (from + step, to + step, left - step);
    }
}

/// Where pieces overlap, the longest has its way; ties go to the one that comes later.
fn disjoint(sorted: &[Piece]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::with_capacity(sorted.len());
    let mut open: BinaryHeap<(u64, usize)> = BinaryHeap::new();
    let mut put = |start: u64, end: u64, moved: u64| match pieces.last_mut() {
        Some(last) if last.end == start && last.moved == moved => last.end = end,
        _ if start < end => pieces.push(Piece { start, end, moved }),
        _ => {}
    };
    let (mut next, mut at) = (0, 0);
    loop {
        while let Some(&(_, piece)) = open.peek() {
            if sorted[piece].end > at {
                break;
            }
            open.pop();
        }
        let start = sorted.get(next).map(|piece| piece.start);
        let Some(&(_, longest)) = open.peek() else {
            // Nothing is open: go on at the next start.
            let Some(start) = start else { break };
            at = start;
            while sorted.get(next).is_some_and(|piece| piece.start == at) {
                open.push((sorted[next].end.wrapping_sub(at), next));
                next += 1;
            }
            continue;
        };
        let until = sorted[longest].end.min(start.unwrap_or(u64::MAX));
        put(at, until, sorted[longest].moved);
        at = until;
        while sorted.get(next).is_some_and(|piece| piece.start <= at) {
            open.push((sorted[next].end.wrapping_sub(sorted[next].start), next));
            next += 1;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(start: u64, end: u64, moved: u64) -> Piece {
        Piece { start, end, moved }
    }

    #[test]
    fn the_longest_of_overlapping_pieces_has_its_way() {
        let mut pieces = [piece(0, 10, 1), piece(5, 40, 2), piece(20, 30, 3), piece(60, 70, 4), piece(60, 65, 5)];
        pieces.sort();
        assert_eq!(disjoint(&pieces), [piece(0, 5, 1), piece(5, 40, 2), piece(60, 70, 4)]);
        assert!(disjoint(&[]).is_empty());
    }

    #[test]
    fn what_no_match_holds_goes_with_the_nearest() {
        let map = Map { pieces: vec![piece(10, 20, 100), piece(50, 60, 200)] };
        let mut cursor = 0;
        for (address, moved, held) in [
            (5, 100, false),
            (10, 100, true),
            (19, 100, true),
            (30, 100, false),
            (40, 200, false),
            (99, 200, false),
            (12, 100, true),
        ] {
            assert_eq!(map.find(address), (address + moved, held), "{address}");
            assert_eq!(map.find_next(address, &mut cursor), (address + moved, held), "{address}");
        }
    }
}
