//! Finds the tables of a Go program: the line table by section or by its head, and the module's
//! description by the pointers to the line table in it.

use super::formats::Described;
use crate::exe::derive;
use crate::exe::layout::{Content, GO, Go, Region};

/// Numbers in the head of the line table, from the 8th byte on.
const FIELDS: usize = 8;

/// Numbers of the module's description that are read.
const MODULE: usize = 50;

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

impl Described {
    /// Notes what was found. What looks wrong is left out: the decoder knows no better, and a
    /// wrong address costs bytes.
    pub(super) fn go(&mut self, bytes: &[u8]) {
        let _ = Program { bytes, described: self }.find();
    }
}

struct Program<'a> {
    bytes: &'a [u8],
    described: &'a mut Described,
}

impl Program<'_> {
    fn head(&self, table: usize, number: usize) -> Option<u64> {
        long(self.bytes, table + FIELDS + 8 * number)
    }

    /// Whether a line table of Go 1.18 or later begins here.
    fn is_table(&self, at: usize) -> bool {
        let Some(bytes) = self.bytes.get(at..at + 8) else { return false };
        let is_head = matches!(bytes, [0xf0 | 0xf1, 0xff, 0xff, 0xff, 0, 0, _, 8]);
        let parts: Option<Vec<u64>> = (3..8).map(|number| self.head(at, number)).collect();
        is_head
            && parts.is_some_and(|parts| {
                parts[0] == 0x48
                    && parts.windows(2).all(|pair| pair[0] < pair[1])
                    && parts[4] < (self.bytes.len() - at) as u64
            })
    }

    fn table(&self) -> Option<(usize, usize)> {
        let named = self.described.regions.iter().find(|(_, region)| region.content == Content::GoLines);
        if let Some((_, region)) = named {
            return self.is_table(region.offset).then_some((region.offset, region.end()));
        }
        let data = self
            .described
            .regions
            .iter()
            .filter(|(_, region)| matches!(region.content, Content::Pointers | Content::UnwindData));
        data.flat_map(|(_, region)| {
            (region.offset.next_multiple_of(32)..region.end()).step_by(32).map(|at| (at, region.end()))
        })
        .find(|(at, _)| self.is_table(*at))
    }

    /// The module's description: pointers to the line table, to its names, and to its units.
    fn module(&self, table: usize, base: u64) -> Option<Vec<u64>> {
        let (names, units) = (base.wrapping_add(self.head(table, 3)?), base.wrapping_add(self.head(table, 4)?));
        let mut segments = self.described.layout.segments.clone();
        segments.sort_by_key(|segment| std::cmp::Reverse(segment.address));
        for segment in segments {
            let start = (segment.offset as usize).next_multiple_of(8);
            let end = (segment.offset + segment.length) as usize;
            let found = (start..end.saturating_sub(8 * MODULE)).step_by(8).find(|at| {
                long(self.bytes, *at) == Some(base)
                    && long(self.bytes, at + 8) == Some(names)
                    && long(self.bytes, at + 32) == Some(units)
            });
            if let Some(at) = found {
                return (0..MODULE).map(|number| long(self.bytes, at + 8 * number)).collect();
            }
        }
        None
    }

    fn find(&mut self) -> Option<()> {
        let (table, mut end) = self.table()?;
        let base = self.described.layout.address(table)?;
        let module = self.module(table, base)?;
        let is_inside = |address: u64| address > base && address <= base.wrapping_add((end - table) as u64);
        // From 1.26 on the functions' data and the table's end stand side by side.
        let data =
            (38..47).find(|at| is_inside(module[*at]) && is_inside(module[at + 1]) && module[at + 1] > module[*at]);
        let function_data = module[data.unwrap_or(40)];
        if let Some(at) = data {
            end = table + (module[at + 1] - base) as usize;
        }
        let types = module[37];
        self.described.layout.offset(types).filter(|_| types != 0)?;
        self.described.layout.offset(function_data)?;
        let (types_end, contiguous) = if module[38] > types {
            (module[38], 0)
        } else {
            // From 1.27 on a length stands here.
            let least = types.wrapping_add(module[38]);
            let next = module[39..42].iter().find(|end| **end > least && self.described.layout.offset(**end).is_some());
            (next.copied().unwrap_or(least), module[38])
        };
        let links = (41..MODULE - 2).find(|at| contiguous == 0 && self.are_links(&module, *at, types, types_end));
        let mut go = [0; GO];
        for (which, value) in [
            (Go::Text, module[22]),
            (Go::Types, types),
            (Go::TypesEnd, types_end),
            (Go::TypesContiguous, contiguous),
            (Go::TypeLinks, links.map_or(0, |at| module[at])),
            (Go::TypeLinkCount, links.map_or(0, |at| module[at + 1])),
            (Go::FunctionData, function_data),
        ] {
            go[which as usize] = value;
        }
        self.described.layout.go = Some(go);
        let parts: Option<Vec<u64>> = (3..8).map(|number| Some(base.wrapping_add(self.head(table, number)?))).collect();
        let bases = parts?.into_iter().chain([function_data, base, types, module[22]]);
        // The last base is that of the symbols' names.
        self.described.layout.bases.splice(0..0, bases);
        let lines = Region { content: Content::GoLines, offset: table, length: end - table };
        self.described.regions.retain(|(_, region)| region.content != Content::GoLines);
        self.described.carve("go lines", lines);
        let length = self.bytes.get(table..end).and_then(derive::find_function_length);
        if let (Some(offset), Some(length)) = (self.described.layout.offset(module[19]), length)
            && offset + length <= self.bytes.len()
        {
            self.described.carve("go find", Region { content: Content::FindFunction, offset, length });
        }
        Some(())
    }

    fn are_links(&self, module: &[u64], at: usize, types: u64, types_end: u64) -> bool {
        let (links, count) = (module[at], module[at + 1]);
        if module[at + 2] != count || !(2..1 << 24).contains(&count) || links <= types {
            return false;
        }
        let Some(start) = self.described.layout.offset(links) else { return false };
        let most = types_end.saturating_sub(types).max(1 << 28);
        let bytes = self.bytes.get(start..start + 4 * count as usize);
        bytes.is_some_and(|bytes| bytes.chunks_exact(4).all(|link| u64::from(crate::exe::field::word(link)) < most))
    }
}
