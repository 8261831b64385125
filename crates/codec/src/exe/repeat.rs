//! What comes again: where the last bytes of gaps were there before, the next ones are guessed to be, too.
//!
//! One bit says whether a guess is right, and then it is all that a byte or a word takes; the
//! models of literals see only what is left.

use super::bit::{Mixed, hash};
use super::coder::Coder;

/// Bytes that must be equal before a guess is made, and those that make a better one.
const SHORT: u32 = 3;
const LONG: u32 = 6;

/// A guess that follows so many equal bytes is not looked for anew; and so many are compared, as two words.
const SURE: u32 = 2 * WORD;
const WORD: u32 = 8;

/// Wrong guesses in a row after which the bytes before a guess must be equal again.
const MISSES: u32 = 8;

/// History, as a power of two: at most and at least.
const MAX_LOG: u32 = 22;
const MIN_LOG: u32 = 12;

/// Counters for each context.
const WIDTH: u32 = 13;

/// Bytes of the history for each entry of a table.
const ENTRY_LOG: u32 = 3;

pub(crate) struct Repeats {
    /// The last bytes of gaps, around a ring.
    history: Vec<u8>,
    at: u32,
    /// The last 8 bytes, the last one lowest.
    last: u64,
    /// Where the last bytes were there last, by hash.
    short: Vec<u32>,
    long: Vec<u32>,
    guess: Guess,
    flags: Mixed<3>,
}

/// Where what comes next was before.
#[derive(Debug, Clone, Copy, Default)]
struct Guess {
    from: u32,
    /// Equal bytes behind it.
    length: u32,
    /// Wrong ones of late.
    misses: u32,
}

impl Guess {
    fn is_made(self) -> bool {
        self.length > 0 || (1..=MISSES).contains(&self.misses)
    }

    /// How good it is, of 64.
    fn worth(self, unit: u32) -> usize {
        ((self.length / unit).min(15) + 16 * self.misses.min(3)) as usize
    }

    fn learn(&mut self, is_right: bool, unit: u32) {
        if is_right {
            self.length += unit;
            if self.length >= SURE {
                self.misses = 0;
            }
        } else {
            self.length = 0;
            self.misses += 1;
        }
    }
}

fn log(gaps: usize) -> u32 {
    gaps.max(1).next_power_of_two().ilog2().clamp(MIN_LOG, MAX_LOG)
}

impl Repeats {
    /// For so many bytes in gaps.
    pub(crate) fn new(gaps: usize) -> Self {
        let log = log(gaps);
        let table = vec![0; 1 << (log - ENTRY_LOG)];
        Repeats {
            history: vec![0; 1 << log],
            at: 0,
            last: 0,
            short: table.clone(),
            long: table,
            guess: Guess::default(),
            flags: Mixed::new(WIDTH, 64),
        }
    }

    /// Memory that it takes.
    pub(crate) fn memory(gaps: usize) -> u64 {
        (1 << log(gaps)) + 2 * (4 << (log(gaps) - ENTRY_LOG)) + 3 * (4 << WIDTH)
    }

    /// Begins a gap behind these bytes, the last one lowest.
    pub(crate) fn begin(&mut self, recent: u64) {
        recent.to_be_bytes().into_iter().for_each(|byte| self.push(byte));
        self.guess = Guess::default();
    }

    #[inline(always)]
    fn get(&self, at: u32) -> u8 {
        self.history[at as usize & (self.history.len() - 1)]
    }

    #[inline(always)]
    fn push(&mut self, byte: u8) {
        let at = self.at as usize & (self.history.len() - 1);
        self.history[at] = byte;
        self.last = self.last << 8 | u64::from(byte);
        self.at = self.at.wrapping_add(1);
        self.guess.from = self.guess.from.wrapping_add(1);
    }

    /// The 8 bytes before a place, the last one lowest.
    #[inline(always)]
    fn before(&self, at: u32) -> u64 {
        let end = at as usize & (self.history.len() - 1);
        match self.history.get(end.wrapping_sub(8)..end).map(<[u8; 8]>::try_from) {
            Some(Ok(bytes)) => u64::from_be_bytes(bytes),
            _ => (1..=8).rev().fold(0, |word, back| word << 8 | u64::from(self.get(at.wrapping_sub(back)))),
        }
    }

    /// How many bytes before `from` are those before the end, as far as it matters.
    #[inline(always)]
    fn equal(&self, from: u32) -> u32 {
        let equal = |words: u64| words.trailing_zeros() / 8;
        match equal(self.before(from) ^ self.last) {
            WORD => WORD + equal(self.before(from.wrapping_sub(WORD)) ^ self.before(self.at.wrapping_sub(WORD))),
            less => less,
        }
    }

    /// Notes that the last bytes are here, and looks for a better guess, unless there is one that is sure.
    #[inline(always)]
    fn look(&mut self) {
        if self.guess.length >= SURE {
            return;
        }
        let place = |bytes: u32| hash(self.last & ((1 << (8 * bytes)) - 1), 3) as usize & (self.long.len() - 1);
        let (long, short) = (place(LONG), place(SHORT));
        let from = std::mem::replace(&mut self.long[long], self.at);
        self.improve(from, LONG);
        let from = std::mem::replace(&mut self.short[short], self.at);
        if self.guess.length == 0 {
            self.improve(from, SHORT);
        }
    }

    #[inline(always)]
    fn improve(&mut self, from: u32, least: u32) {
        let length = self.equal(from);
        if from > 0 && length >= least && length >= self.guess.length {
            self.guess = Guess { from, length, misses: self.guess.misses.min(1) };
        }
    }

    /// Codes a byte by the guess, or else by its model. `state` is one of 64.
    #[inline(always)]
    pub(crate) fn byte<C: Coder>(
        &mut self,
        coder: &mut C,
        state: usize,
        wanted: u8,
        model: impl FnOnce(&mut C) -> u8,
    ) -> u8 {
        let last = self.last & 0xff;
        self.look();
        let mut byte = None;
        if self.guess.is_made() {
            let (guess, worth) = (self.get(self.guess.from), self.guess.worth(1));
            let contexts =
                [(worth << 8) as u64 | u64::from(guess), (state << 6 | worth) as u64, hash(guess.into(), last)];
            let is_right = self.flags.code(coder, contexts, worth, guess == wanted);
            self.guess.learn(is_right, 1);
            byte = is_right.then_some(guess);
        }
        let byte = byte.unwrap_or_else(|| model(coder));
        self.push(byte);
        byte
    }

    /// The same for a word of 4 bytes.
    #[inline(always)]
    pub(crate) fn word<C: Coder>(&mut self, coder: &mut C, wanted: u32, model: impl FnOnce(&mut C) -> u32) -> u32 {
        let last = self.last & 0xff;
        self.look();
        let mut word = None;
        if self.guess.is_made() {
            let from = self.guess.from;
            let guess = u32::from_le_bytes(std::array::from_fn(|at| self.get(from.wrapping_add(at as u32))));
            let (worth, top) = (self.guess.worth(4), u64::from(guess >> 24));
            let contexts = [(worth << 8) as u64 | top, hash(guess.into(), 1), hash(top, last)];
            let is_right = self.flags.code(coder, contexts, worth, guess == wanted);
            self.guess.learn(is_right, 4);
            word = is_right.then_some(guess);
        }
        let word = word.unwrap_or_else(|| model(coder));
        word.to_le_bytes().into_iter().for_each(|byte| self.push(byte));
        word
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;
    use crate::exe::coder::{Decoder, Encoder};

    /// What bytes take that no model knows, in bytes.
    fn coded(bytes: &[u8]) -> Vec<u8> {
        let (mut coder, mut repeats) = (Encoder::new(), Repeats::new(bytes.len()));
        for byte in bytes {
            repeats.byte(&mut coder, 0, *byte, |coder| coder.byte(*byte));
        }
        coder.finish().0
    }

    fn noise(length: u32) -> Vec<u8> {
        (0..length).map(|at| (at.wrapping_mul(at | 1).wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    #[test]
    fn what_comes_again_costs_little_and_what_does_not_hardly_more() {
        let noise = noise(5000);
        let again = [&noise[..], &noise].concat();
        let (once, twice) = (coded(&noise).len(), coded(&again).len());
        assert!(once < 5050, "{once} bytes");
        assert!(twice < once + 100, "{twice} bytes for two of {once}");
        let mut amended = again.clone();
        amended.iter_mut().skip(5000).step_by(50).for_each(|byte| *byte ^= 1);
        let amended = coded(&amended).len();
        assert!(amended < once + 600, "{amended} bytes with 100 that differ");
    }

    #[test]
    fn words_and_bytes_are_decoded_however_long_ago_they_were() {
        // Longer than the history, so that it goes around.
        let bytes: Vec<u8> = noise(3000).into_iter().cycle().take(20_000).collect();
        let (mut coder, mut repeats) = (Encoder::new(), Repeats::new(1));
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|k| bytes[at + k]));
        for at in (0..bytes.len()).step_by(5) {
            repeats.word(&mut coder, word(at), |coder| word_by_bytes(coder, word(at)));
            repeats.byte(&mut coder, 1, bytes[at + 4], |coder| coder.byte(bytes[at + 4]));
        }
        let (coded, _) = coder.finish();
        assert!(coded.len() < 3500, "{} bytes", coded.len());
        let (mut coder, mut repeats) = (Decoder::new(Box::new(&coded[..])), Repeats::new(1));
        for at in (0..bytes.len()).step_by(5) {
            assert_eq!(repeats.word(&mut coder, 0, |coder| word_by_bytes(coder, 0)), word(at));
            assert_eq!(repeats.byte(&mut coder, 1, 0, |coder| coder.byte(0)), bytes[at + 4]);
        }
        coder.end().expect("the end");
    }

    fn word_by_bytes<C: Coder>(coder: &mut C, word: u32) -> u32 {
        u32::from_le_bytes(word.to_le_bytes().map(|byte| coder.byte(byte)))
    }
}
