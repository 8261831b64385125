//! Which pieces of the new file come from where: the cheapest way through all alignments that
//! are worth a look, by rough costs of what coding them takes.
//!
//! Once or several times over: on images with references as the matches found so far say, at first those of
//! the plain codec. Those matches are proposed again, so that searches are needed only where
//! they do not fit.

use super::Files;
use super::effort::{self, MOST, Pass};
use super::normal::References;
use crate::CodecError;
use crate::matched::Match;
use crate::suffixes::{Suffixes, UNKNOWN, common};

/// Costs, in tenths of a literal byte.
const LITERAL: i32 = 10;
const DIFFERENT: i32 = 17;
/// To go over to another alignment, at most.
const SWITCH: i32 = 110;
/// To go over to one near a recent one: the first, and more for each bit of the distance.
const NEAR: i32 = 45;
const NEAR_OTHER: i32 = 5;
const NEAR_BIT: i32 = 4;
/// To go over to just a recent one.
const RECENT: i32 = 50;
/// To end an alignment.
const END: i32 = 24;

/// Shortest piece that begins an alignment, and one on a recent diagonal.
const SHORTEST: usize = 4;
const SHORTEST_RECENT: usize = 3;

/// An alignment with as many different bytes of late (of 4,096) is asked about others.
const BAD: u32 = 300;

/// One with as many equal bytes in a row is not.
const RUN: u32 = 16;

/// Bytes of the needle of a search, suffixes that are looked at on each side, and an alignment
/// this long is not asked about others for a while.
const NEEDLE: usize = 4096;
const REACH: usize = 3;
const LONG: usize = 64;

const DIAGONALS: usize = 16;

/// A larger file has a table of 64 MB, and a third of the steps less.
const LARGE: usize = 8 << 20;

/// Alignments and bytes that are looked at for each byte of the new file, at most: one search and all
/// alignments, however much the files repeat themselves.
const WORK: u64 = (2 * REACH * NEEDLE + MOST + DIAGONALS + 2 * REACH) as u64;

/// The diagonal (old less new) of bytes that have none.
const NONE: i32 = i32::MIN;

/// No node.
const START: u32 = u32::MAX;

/// Where an alignment begins, and what came before.
#[derive(Clone, Copy)]
struct Node {
    start: u32,
    diagonal: i32,
    before: u32,
}

#[derive(Clone, Copy)]
struct State {
    diagonal: i32,
    cost: i32,
    node: u32,
    /// Equal bytes in a row, and how many of late were different.
    run: u32,
    bad: u32,
}

/// `seeds` are asked for when they are needed: somebody else may look for them meanwhile.
pub(super) fn matches(files: &Files<'_>, seeds: impl FnOnce() -> Vec<Match>) -> Result<Vec<Match>, CodecError> {
    let references = References::of(files)?;
    let old = references.old_image(files);
    let mut index = Index::new(&old, files.new.len());
    let mut found = seeds();
    for pass in effort::passes(files.level) {
        let new = references.new_image(files, &found);
        let mut search = Search::new(*pass, (&old, &new), &mut index, &found);
        let path = search.run();
        debug_assert!(search.work <= WORK * new.len() as u64, "{} steps for {} bytes", search.work, new.len());
        found = tidy(path, &old, &new);
    }
    Ok(found)
}

/// The suffixes of the old image, and where those of the new one belong among them, as far as was
/// looked.
struct Index {
    suffixes: Suffixes,
    places: Vec<u32>,
}

impl Index {
    fn new(old: &[u8], new: usize) -> Self {
        let bits = if old.len() > LARGE { 24 } else { 16 };
        Index { suffixes: Suffixes::new(old, bits), places: vec![UNKNOWN; new] }
    }
}

struct Search<'a> {
    pass: Pass,
    old: &'a [u8],
    new: &'a [u8],
    index: &'a mut Index,
    /// Matches of the pass before that are still to come.
    seeds: &'a [Match],
    nodes: Vec<Node>,
    /// Nodes that were left when they were last cleared out.
    live: usize,
    states: Vec<State>,
    literal: State,
    /// The cheapest of all these.
    best: State,
    recent: [i32; DIAGONALS],
    /// The diagonal of the best way so far, when last looked.
    current: i32,
    /// No search before this position.
    quiet: usize,
    /// Alignments and bytes that were looked at.
    work: u64,
}

impl<'a> Search<'a> {
    fn new(pass: Pass, (old, new): (&'a [u8], &'a [u8]), index: &'a mut Index, seeds: &'a [Match]) -> Self {
        let nodes = vec![Node { start: 0, diagonal: NONE, before: START }];
        let literal = State { diagonal: NONE, cost: 0, node: 0, run: 0, bad: 0 };
        Search {
            pass,
            old,
            new,
            index,
            seeds,
            nodes,
            live: 1,
            states: Vec::new(),
            literal,
            best: literal,
            recent: [NONE; DIAGONALS],
            current: NONE,
            quiet: 0,
            work: 0,
        }
    }

    /// The matches of the cheapest way.
    fn run(&mut self) -> Vec<Match> {
        let mut at = 0;
        while at < self.new.len() {
            at = self.step(at);
        }
        self.path()
    }

    fn node(&mut self, at: usize, diagonal: i32, before: u32) -> u32 {
        self.nodes.push(Node { start: at as u32, diagonal, before });
        self.nodes.len() as u32 - 1
    }

    /// Passes the byte at `at`, and those behind it while nothing happens. Returns where it stopped.
    fn step(&mut self, at: usize) -> usize {
        if self.best.cost > 1 << 28 {
            let cost = self.best.cost;
            self.states.iter_mut().chain([&mut self.literal, &mut self.best]).for_each(|state| state.cost -= cost);
        }
        let best = self.best;
        if self.literal.cost > best.cost + END {
            self.literal.cost = best.cost + END;
            self.literal.node = self.node(at, NONE, best.node);
        }
        if best.diagonal != self.current {
            self.current = best.diagonal;
            if best.diagonal != NONE {
                let known = self.recent.iter().position(|diagonal| *diagonal == best.diagonal);
                self.recent[..=known.unwrap_or(DIAGONALS - 1)].rotate_right(1);
                self.recent[0] = best.diagonal;
            }
        }
        while let Some((seed, others)) = self.seeds.split_first().filter(|(seed, _)| seed.new as usize <= at) {
            self.seeds = others;
            let diagonal = (i64::from(seed.old) - i64::from(seed.new)) as i32;
            if !self.is_open(diagonal) {
                self.open(at, diagonal, best.cost + self.switch(diagonal), best.node);
            }
        }
        if best.run >= RUN {
            self.forget(best);
            if let [State { diagonal, .. }] = self.states[..]
                && diagonal == best.diagonal
            {
                let length = self.pass_by(at, best);
                if length > 0 {
                    return at + length;
                }
            }
        } else if (best.diagonal == NONE || best.bad > BAD) && at >= self.quiet {
            self.look(at, best);
        }
        self.consume(at, best.cost);
        if self.nodes.len() > 2 * self.live + (1 << 16) {
            self.clear();
        }
        at + 1
    }

    /// Drops other alignments after a long run of equal bytes.
    fn forget(&mut self, best: State) {
        let most = match best.run {
            run if run >= self.pass.calmer => 0,
            run if run >= self.pass.calm => SWITCH / 2,
            _ => return,
        };
        self.states.retain(|state| state.diagonal == best.diagonal || state.cost < best.cost + most);
    }

    /// Passes all equal bytes of the only alignment at once, up to the next seed, and returns their number.
    fn pass_by(&mut self, at: usize, best: State) -> usize {
        let end = self.seeds.first().map_or(self.new.len(), |seed| seed.new as usize);
        let from = (at as i64 + i64::from(best.diagonal)) as usize;
        let length = common(&self.old[from..], &self.new[at..end]);
        if length == 0 {
            return 0;
        }
        self.work += length as u64;
        let state = &mut self.states[0];
        state.run += length as u32;
        // It does not change any more after so many bytes.
        (0..length.min(128)).for_each(|_| state.bad -= state.bad >> 4);
        self.best = *state;
        // Literals may begin at the last of them.
        self.literal.node = self.node(at + length - 1, NONE, best.node);
        self.literal.cost = best.cost + END + LITERAL;
        length
    }

    fn is_open(&self, diagonal: i32) -> bool {
        self.states.iter().any(|state| state.diagonal == diagonal)
    }

    fn open(&mut self, at: usize, diagonal: i32, cost: i32, before: u32) {
        let node = self.node(at, diagonal, before);
        self.states.push(State { diagonal, cost, node, run: 0, bad: 0 });
    }

    /// Looks for other alignments.
    fn look(&mut self, at: usize, best: State) {
        let (old, new) = (self.old, self.new);
        for diagonal in self.recent {
            let from = usize::try_from(at as i64 + i64::from(diagonal)).ok();
            let from = from.filter(|_| diagonal != NONE && diagonal != best.diagonal);
            let pieces = from.and_then(|from| Some((old.get(from..from + 8)?, new.get(at..at + 8)?)));
            let is_like = pieces.is_some_and(|(old, new)| common(old, new) >= SHORTEST_RECENT);
            if is_like && !self.is_open(diagonal) {
                self.open(at, diagonal, best.cost + RECENT, best.node);
            }
        }
        if best.diagonal != NONE && best.run > 0 && !self.pass.is_thorough {
            return;
        }
        let needle = &new[at..new.len().min(at + NEEDLE)];
        let Index { suffixes, places } = &mut *self.index;
        let mut near = [0; 2 * REACH];
        let found = suffixes.near(old, needle, REACH, &mut places[at]);
        near[..found.len()].copy_from_slice(found);
        let count = found.len();
        let mut longest = 0;
        for from in &near[..count] {
            let length = common(&old[*from as usize..], needle);
            longest = longest.max(length);
            self.work += length as u64;
            let diagonal = (i64::from(*from) - at as i64) as i32;
            if length >= SHORTEST && !self.is_open(diagonal) {
                let cost = best.cost + self.switch(diagonal);
                self.open(at, diagonal, cost, best.node);
            }
        }
        if longest > LONG {
            self.quiet = at + 16;
        }
    }

    /// What it costs to go over to a diagonal: less near those of late.
    fn switch(&self, diagonal: i32) -> i32 {
        let near = self.recent[..4].iter().enumerate().filter(|(_, recent)| **recent != NONE).map(|(place, recent)| {
            let distance = (i64::from(diagonal) - i64::from(*recent)).unsigned_abs();
            let bits = (u64::BITS - distance.leading_zeros()) as i32;
            NEAR + if place > 0 { NEAR_OTHER } else { 0 } + NEAR_BIT * bits
        });
        near.min().unwrap_or(SWITCH).min(SWITCH)
    }

    /// Counts the byte at `at` into each way, and finds the cheapest.
    fn consume(&mut self, at: usize, best: i32) {
        let (old, byte) = (self.old, self.new[at]);
        self.work += self.states.len() as u64;
        self.literal.cost += LITERAL;
        let mut next = self.literal;
        self.states.retain_mut(|state| {
            let from = (at as u32).wrapping_add_signed(state.diagonal) as usize;
            let Some(old) = old.get(from) else { return false };
            if *old == byte {
                state.run += 1;
                state.bad -= state.bad >> 4;
            } else {
                state.cost += DIFFERENT;
                state.run = 0;
                state.bad += 256 - (state.bad >> 4);
                // To go over to it again would be cheaper.
                if state.cost > best + SWITCH {
                    return false;
                }
            }
            if state.cost < next.cost || (state.cost == next.cost && state.run > next.run) {
                next = *state;
            }
            true
        });
        let Pass { most, kept, .. } = self.pass;
        if self.states.len() > most {
            self.states.select_nth_unstable_by_key(kept, |state| state.cost);
            self.states.truncate(kept);
        }
        self.best = next;
    }

    /// Drops the nodes that no way leads through.
    fn clear(&mut self) {
        let mut places = vec![START; self.nodes.len()];
        let ends = self.states.iter().map(|state| state.node).chain([self.literal.node, self.best.node]);
        for end in ends {
            let mut node = end;
            while node != START && places[node as usize] == START {
                places[node as usize] = 0;
                node = self.nodes[node as usize].before;
            }
        }
        let mut kept = 0;
        for number in 0..self.nodes.len() {
            if places[number] != START {
                places[number] = kept;
                let mut node = self.nodes[number];
                if node.before != START {
                    node.before = places[node.before as usize];
                }
                self.nodes[kept as usize] = node;
                kept += 1;
            }
        }
        self.nodes.truncate(kept as usize);
        self.live = kept as usize;
        for state in self.states.iter_mut().chain([&mut self.literal, &mut self.best]) {
            state.node = places[state.node as usize];
        }
    }

    /// The matches of the best way.
    fn path(&self) -> Vec<Match> {
        let mut matches = Vec::new();
        let mut end = self.new.len() as u32;
        let mut node = self.best.node;
        while node != START {
            let Node { start, diagonal, before } = self.nodes[node as usize];
            if diagonal != NONE && end > start {
                let old = (i64::from(start) + i64::from(diagonal)) as u32;
                matches.push(Match { old, new: start, length: end - start });
            }
            (end, node) = (start, before);
        }
        matches.reverse();
        matches
    }
}

/// Moves the ends of matches to where they fit best, and joins what belongs together.
fn tidy(mut matches: Vec<Match>, old: &[u8], new: &[u8]) -> Vec<Match> {
    let mut end = 0;
    for found in &mut matches {
        while found.new > end && found.old > 0 && old[found.old as usize - 1] == new[found.new as usize - 1] {
            (found.old, found.new, found.length) = (found.old - 1, found.new - 1, found.length + 1);
        }
        end = found.new + found.length;
    }
    for number in 1..matches.len() {
        let (before, found) = (matches[number - 1], matches[number]);
        if before.new + before.length != found.new {
            continue;
        }
        // Give bytes to the later one while it explains them better.
        let (mut score, mut best, mut moved) = (0, 0, 0);
        for back in 1..before.length.min(found.old + 1).min(64) {
            let byte = new[(found.new - back) as usize];
            score += i32::from(old[(found.old - back) as usize] == byte);
            score -= i32::from(old[before.old_end() - back as usize] == byte);
            if score > best {
                (best, moved) = (score, back);
            }
            if score < -4 {
                break;
            }
        }
        matches[number - 1].length -= moved;
        let found = &mut matches[number];
        (found.old, found.new, found.length) = (found.old - moved, found.new - moved, found.length + moved);
    }
    let mut joined: Vec<Match> = Vec::with_capacity(matches.len());
    for found in matches {
        match joined.last_mut() {
            Some(last) if last.old_end() == found.old as usize && last.new_end() == found.new as usize => {
                last.length += found.length;
            }
            _ => joined.push(found),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    fn work(pass: Pass, old: &[u8], new: &[u8]) -> u64 {
        let mut index = Index::new(old, new.len());
        let mut search = Search::new(pass, (old, new), &mut index, &[]);
        let seeds = search.run();
        let first = search.work;
        let mut search = Search::new(pass, (old, new), &mut index, &seeds);
        search.run();
        first.max(search.work)
    }

    #[test]
    fn long_repetitions_take_no_more_than_others() {
        let length = 30_000;
        let every = |step: usize| (0..length).map(|at| u8::from(at % step == 0)).collect::<Vec<u8>>();
        // A word that repeats itself at every scale.
        let (mut last, mut word) = (vec![0], vec![0, 1]);
        while word.len() < length {
            let next = [&word[..], &last].concat();
            (last, word) = (word, next);
        }
        let mixed: Vec<u8> = (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 31) as u8).collect();
        let files = [vec![0; length], every(2), every(3), every(1000), every(1001), every(20_007), word, mixed];
        for (a, old) in files.iter().enumerate() {
            for (b, new) in files.iter().enumerate() {
                for level in [Level::Balanced, Level::Small] {
                    let pass = effort::passes(level)[0];
                    let work = work(pass, old, new) / new.len() as u64;
                    assert!(work < 200, "{work} steps for each byte, {a} to {b}, {level:?}");
                }
            }
        }
    }
}
