//! What the coder was told, stream by stream, to see what zstd would make of it.

use super::Files;
use crate::CodecError;
use crate::exe::coder::{STREAMS, Stream};
use crate::matched::Match;

/// zstd's highest level.
const LEVEL: i32 = 22;

/// The decisions of one stream.
#[derive(Default)]
struct Told {
    /// A byte for each.
    bits: Vec<u8>,
    /// Symbols of 4 bits, a byte for each.
    nibbles: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Decisions {
    streams: [Told; STREAMS.len()],
    /// Those that no stream was named for yet.
    recent: Told,
    /// The bytes that no match holds, as they are: their decisions are another coder's.
    literals: Vec<u8>,
}

impl Decisions {
    pub(crate) fn bit(&mut self, bit: bool) {
        self.recent.bits.push(bit.into());
    }

    pub(crate) fn symbol(&mut self, symbol: usize) {
        self.recent.nibbles.push(symbol as u8);
    }

    pub(crate) fn account(&mut self, stream: Stream) {
        let told = &mut self.streams[stream as usize];
        told.bits.append(&mut self.recent.bits);
        told.nibbles.append(&mut self.recent.nibbles);
    }

    pub(super) fn note_literals(&mut self, files: &Files<'_>, matches: &[Match]) {
        let mut held = vec![false; files.new.len()];
        matches.iter().for_each(|found| held[found.new as usize..found.new_end()].fill(true));
        files.derived.iter().for_each(|derived| held[derived.region.offset..derived.region.end()].fill(true));
        self.literals.extend(files.new.iter().zip(&held).filter(|(_, held)| !**held).map(|(byte, _)| *byte));
    }

    /// What zstd makes of a stream. That of literals holds the references in them, too.
    pub(super) fn by_zstd(&self, stream: usize) -> Result<usize, CodecError> {
        if stream == Stream::Literal as usize {
            return zstd(&self.literals);
        }
        if stream == Stream::LiteralReference as usize {
            return Ok(0);
        }
        let Told { bits, nibbles } = &self.streams[stream];
        Ok(smallest(bits, 1)? + smallest(nibbles, 4)?)
    }
}

/// Of numbers of so many bits the smaller one: a byte for each, or without room between them.
fn smallest(numbers: &[u8], bits: usize) -> Result<usize, CodecError> {
    let dense: Vec<u8> =
        numbers.chunks(8 / bits).map(|numbers| numbers.iter().fold(0, |byte, number| byte << bits | number)).collect();
    Ok(zstd(numbers)?.min(zstd(&dense)?))
}

fn zstd(bytes: &[u8]) -> Result<usize, CodecError> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let compressed = zstd::bulk::compress(bytes, LEVEL);
    compressed.map(|bytes| bytes.len()).map_err(|source| CodecError::Io { operation: "compress a stream", source })
}
