//! Code: one pass over all of it, for the targets that it names and for places to begin again.

use super::super::arm64;
use super::super::field::Use;
use super::super::image::Image;
use super::super::instruction::{self, LONGEST};
use super::super::keys::Keys;
use super::super::layout::{Content, Layout, Region};
use super::super::memory::{Budget, push};
use super::super::reference::Reference;
use crate::CodecError;

const CHUNK: usize = 32 << 10;

/// Bytes of code that share a checkpoint.
const BLOCK: usize = 64;

const NONE: u8 = 0xff;

/// For each block of x86-64 code, where its first instruction begins.
pub(crate) struct Checkpoints {
    /// By region of the layout.
    regions: Vec<Vec<u8>>,
}

pub(super) struct Code {
    pub(super) checkpoints: Checkpoints,
    /// Targets, relative to the lowest address: of calls, and of code that names data.
    pub(super) calls: Vec<u32>,
    pub(super) data: Vec<u32>,
    /// Addresses that LEA takes: perhaps of jump tables.
    pub(super) taken: Vec<u64>,
}

pub(super) fn scan(
    image: &mut Image<'_>,
    layout: &Layout,
    keys: &mut Keys,
    budget: &mut Budget,
) -> Result<Code, CodecError> {
    let mut code = Code {
        checkpoints: Checkpoints { regions: Vec::new() },
        calls: Vec::new(),
        data: Vec::new(),
        taken: Vec::new(),
    };
    for region in &layout.regions {
        let mut blocks = Vec::new();
        match region.content {
            Content::X86 => {
                let count = region.length.div_ceil(BLOCK);
                budget.take(count as u64)?;
                blocks = vec![NONE; count];
                code.x86(image, layout, region, &mut blocks, keys, budget)?;
            }
            Content::Arm64 => code.arm64(image, layout, region, keys, budget)?,
            _ => {}
        }
        code.checkpoints.regions.push(blocks);
    }
    code.taken.sort_unstable();
    code.taken.dedup();
    Ok(code)
}

impl Code {
    fn x86(
        &mut self,
        image: &mut Image<'_>,
        layout: &Layout,
        region: &Region,
        blocks: &mut [u8],
        keys: &mut Keys,
        budget: &mut Budget,
    ) -> Result<(), CodecError> {
        let range = layout.range();
        let span = range.1.wrapping_sub(range.0);
        let mut bytes = vec![0; CHUNK + LONGEST];
        let mut result = Ok(());
        let mut start = region.offset;
        while start < region.end() {
            let length = CHUNK.min(region.end() - start);
            image.read(start, &mut bytes)?;
            let address = layout.address(start).unwrap_or(0);
            let mut on_start = |at: usize| {
                let place = start - region.offset + at;
                let block = &mut blocks[place / BLOCK];
                if *block == NONE {
                    *block = (place % BLOCK) as u8;
                }
            };
            let mut on_field = |found: Reference, is_taken: bool| {
                let place = found.target.wrapping_sub(range.0);
                if place >= span || result.is_err() {
                    return;
                }
                result = self.put(&found, place, is_taken, keys, budget);
            };
            start +=
                instruction::scan::<false>(&bytes, length, (start, address), &mut [], &mut on_start, &mut on_field);
        }
        result
    }

    /// Keeps what a field of x86-64 code says, whose target is `place` behind the lowest address.
    #[inline(always)]
    fn put(
        &mut self,
        found: &Reference,
        place: u64,
        is_taken: bool,
        keys: &mut Keys,
        budget: &mut Budget,
    ) -> Result<(), CodecError> {
        keys.add(found.target, budget)?;
        match (found.usage, u32::try_from(place)) {
            (Use::Call, Ok(place)) => push(&mut self.calls, place, budget)?,
            (Use::Data, Ok(place)) => push(&mut self.data, place, budget)?,
            _ => {}
        }
        if is_taken { push(&mut self.taken, found.target, budget) } else { Ok(()) }
    }

    fn arm64(
        &mut self,
        image: &mut Image<'_>,
        layout: &Layout,
        region: &Region,
        keys: &mut Keys,
        budget: &mut Budget,
    ) -> Result<(), CodecError> {
        let range = layout.range();
        let mut references = Vec::new();
        let mut bytes = vec![0; CHUNK + 2 * arm64::REACH];
        let mut start = region.offset;
        while start < region.end() {
            let end = (start + CHUNK).min(region.end());
            let (first, last) = reach(region, start, end);
            let bytes = &mut bytes[..last - first];
            image.read(first, bytes)?;
            references.clear();
            arm64::scan(bytes, (first, layout.address(first).unwrap_or(0)), &mut references);
            for found in references.iter().filter(|found| (start..end).contains(&found.start())) {
                keys.add(found.target, budget)?;
                if let Ok(place) = u32::try_from(found.target.wrapping_sub(range.0)) {
                    match found.usage {
                        Use::Call => push(&mut self.calls, place, budget)?,
                        Use::Data => push(&mut self.data, place, budget)?,
                        _ => {}
                    }
                }
            }
            start = end;
        }
        Ok(())
    }
}

/// What must be scanned of an arm64 region for all references from `start` to `end`.
pub(crate) fn reach(region: &Region, start: usize, end: usize) -> (usize, usize) {
    let words = start.saturating_sub(region.offset) & !3;
    (region.offset + words.saturating_sub(arm64::REACH), (end + arm64::REACH).min(region.end()))
}

/// Where an instruction begins at or before `offset`, which lies in the region of this number.
pub(crate) fn instructions_from(checkpoints: &Checkpoints, number: usize, region: &Region, offset: usize) -> usize {
    let place = offset.saturating_sub(region.offset);
    let Some(blocks) = checkpoints.regions.get(number) else { return region.offset };
    for block in (0..=place / BLOCK).rev() {
        match blocks.get(block) {
            Some(&start) if start != NONE && block * BLOCK + usize::from(start) <= place => {
                return region.offset + block * BLOCK + usize::from(start);
            }
            _ => {}
        }
    }
    region.offset
}
