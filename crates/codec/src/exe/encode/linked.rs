//! What Mach-O keeps behind its segments' contents: lists, symbols, and the signature.

use super::formats::Described;
use crate::exe::field::word;
use crate::exe::layout::{Content, Region};

const MAGIC: u32 = 0xfeed_facf;

/// Load commands.
const SYMBOLS: u32 = 0x2;
const SIGNATURE: u32 = 0x1d;
const STARTS: u32 = 0x26;
const DYNAMIC: u32 = 0x8000_0022;
const CHAINS: u32 = 0x8000_0034;

/// A code directory in a signature, and its form of digest: SHA-256.
const DIRECTORY: u32 = 0xfade_0c02;
const SHA256: [u8; 2] = [32, 2];

/// Shortest list that is worth a region.
const SHORTEST: usize = 64;

impl Described {
    pub(super) fn linked(&mut self, bytes: &[u8]) {
        let number = |at: usize| bytes.get(at..)?.get(..4).map(|bytes| word(bytes) as usize);
        if number(0) != Some(MAGIC as usize) {
            return;
        }
        let mut at = 32;
        for _ in 0..number(16).unwrap_or(0).min(1000) {
            let (Some(command), Some(size)) = (number(at), number(at.saturating_add(4))) else { return };
            let field = |place: usize| number(at.saturating_add(place)).unwrap_or(0);
            match command as u32 {
                SYMBOLS => self.symbols(field(8), field(12), field(16), bytes.len()),
                SIGNATURE => self.signature(bytes, field(8)),
                STARTS => self.link("starts", Content::FunctionStarts, field(8), field(12), bytes.len()),
                CHAINS => self.chained(),
                DYNAMIC => self.link("rebases", Content::Rebases, field(8), field(12), bytes.len()),
                _ => {}
            }
            // Numbers of a file, which add up to more than a system of 32 bits can count.
            at = at.saturating_add(size.max(8));
        }
    }

    /// Addresses are chained instead of listed.
    fn chained(&mut self) {
        for (_, region) in self.regions.iter_mut().filter(|(_, region)| region.content == Content::Pointers) {
            region.content = Content::ChainedPointers;
        }
    }

    fn link(&mut self, name: &str, content: Content, offset: usize, length: usize, size: usize) {
        let fits = offset.checked_add(length).is_some_and(|end| end <= size);
        if fits && length >= SHORTEST {
            self.carve(name, Region { content, offset, length });
        }
    }

    fn symbols(&mut self, offset: usize, count: usize, names: usize, size: usize) {
        if let (Some(names), Some(length)) = (self.layout.address(names), count.checked_mul(16)) {
            self.layout.bases.push(names);
            self.link("symbols", Content::Symbols16, offset, length, size);
        }
    }

    /// The digests of the first code directory.
    fn signature(&mut self, bytes: &[u8], start: usize) {
        let big = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes) as usize);
        let behind = |at: usize, distance: usize| big(at.saturating_add(distance));
        let count = behind(start, 8).unwrap_or(0).min(16);
        let parts = (0..count).filter_map(|part| behind(start, 16 + 8 * part).map(|at| start.saturating_add(at)));
        let is_directory =
            |at: &usize| big(*at) == Some(DIRECTORY as usize) && bytes[*at..].get(36..38) == Some(&SHA256[..]);
        let Some(directory) = parts.into_iter().find(is_directory) else { return };
        if let (Some(digests), Some(slots)) = (behind(directory, 16), behind(directory, 28)) {
            self.link(
                "digests",
                Content::PageDigests,
                directory.saturating_add(digests),
                slots.saturating_mul(32),
                bytes.len(),
            );
        }
    }
}
