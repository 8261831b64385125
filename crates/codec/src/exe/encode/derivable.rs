//! Which regions of the new file can be derived: those that are made just as they are.

use super::Files;
use crate::exe::derive::{self, Derived};
use crate::exe::layout::{Content, Layout, Region};
use crate::exe::written::{Pages, Written};
use crate::matched::Match;

pub(super) fn regions(files: &Files<'_>) -> Vec<Derived> {
    let mut new = files.layouts.1.clone();
    new.regions.retain(|region| region.length > 0);
    new.regions.sort_unstable_by_key(|region| region.offset);
    let whole = Written::whole(files.new.to_vec());
    let regions = new.regions.iter().filter(|region| region.content.is_derivable());
    regions.filter_map(|region| derived(files.new, &new, &whole, region)).collect()
}

fn derived(bytes: &[u8], new: &Layout, whole: &Written, region: &Region) -> Option<Derived> {
    let is = |made: Option<Vec<u8>>| made.as_deref() == bytes.get(region.offset..region.end());
    let mut parameters = [0; 2];
    let is_right = match region.content {
        Content::FrameIndex => is(derive::frame_index(whole, new, region)),
        Content::FindFunction => is(derive::find_function(bytes, new, region)),
        Content::Functions12 | Content::Functions8 => {
            let first = derive::first_unwind(bytes, new, region);
            parameters[0] = first.unwrap_or(region.offset) as u64;
            let row = if region.content == Content::Functions8 { 8 } else { 12 };
            region.length.is_multiple_of(row)
        }
        Content::Unwind => true,
        Content::PageDigests => {
            parameters = pages(bytes, region)?;
            let mut written = Written::whole(bytes.to_vec());
            written.digest(Pages::new(parameters, region.offset)?);
            is(written.digests(parameters[0] as usize))
        }
        _ => derive::is_derivable_list(bytes, new, region),
    };
    is_right.then_some(Derived { region: *region, parameters })
}

/// The magic of a code directory, and how far before its first digest it begins.
const DIRECTORY: u32 = 0xfade_0c02;

/// The limit and the page size of the code directory whose digests these are.
fn pages(bytes: &[u8], region: &Region) -> Option<[u64; 2]> {
    let big = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
    let starts = (0..region.offset).rev().take(1 << 16);
    let start = starts.into_iter().find(|start| {
        big(*start) == Some(DIRECTORY)
            && big(start + 16).is_some_and(|digests| start + digests as usize == region.offset)
    })?;
    Some([big(start + 32)?.into(), (*bytes.get(start + 39)?).into()])
}

/// The matches without what is derived.
pub(super) fn without(matches: &[Match], derived: &[Derived]) -> Vec<Match> {
    let mut kept = Vec::with_capacity(matches.len());
    for found in matches {
        let mut rest = *found;
        let (mut start, end) = (found.new as usize, found.new_end());
        for region in derived.iter().map(|derived| derived.region) {
            if region.end() <= start || region.offset >= end {
                continue;
            }
            if region.offset > start {
                kept.push(Match { length: (region.offset - start) as u32, ..rest });
            }
            start = region.end().min(end);
            let passed = (start - found.new as usize) as u32;
            rest = Match { old: found.old + passed, new: found.new + passed, length: found.length - passed };
        }
        if rest.length > 0 {
            kept.push(rest);
        }
    }
    kept
}
