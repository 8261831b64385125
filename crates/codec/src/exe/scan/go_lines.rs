//! The line table of a Go program: functions, and tables of files, lines and inlined calls.
//!
//! Layout of Go 1.18 to 1.27: `src/internal/abi/symtab.go` and `src/runtime/symtab.go` there.

use super::super::field::Kind;
use super::super::layout::{Go, Region};
use super::super::memory::push;
use super::super::targets::{BEFORE_LINES, LINES, NO_LINE};
use super::Scanner;
use crate::number::unzigzag;
use std::collections::BTreeSet;

/// What the offsets in the table's head are relative to.
struct Head {
    /// Offsets in the file.
    units: usize,
    files: usize,
    tables: usize,
    functions: usize,
    end: usize,
    /// Addresses.
    text: u64,
    names: u64,
    unit_base: u64,
    file_base: u64,
    table_base: u64,
    function_base: u64,
    data: u64,
}

/// A row of a table: a value from a distance to the function's beginning on.
struct Row {
    at: u32,
    size: u32,
    value: i64,
    from: u64,
}

/// What is kept while the functions are gone through.
#[derive(Default)]
struct Source {
    /// Tables that were read.
    seen: BTreeSet<usize>,
    /// Rows of the last one.
    rows: Vec<Row>,
    /// Files of a function, by the distance that they begin at.
    by_place: Vec<(u64, u64)>,
}

/// An index of inlined calls has no more entries.
const MOST: usize = 4096;

/// A line that is no farther from the one before is told better as it is.
const NEAR: u64 = 2;

impl Scanner<'_, '_> {
    pub(super) fn go_lines(&mut self, region: &Region) -> Option<()> {
        const FIELDS: usize = 8;
        let base = self.layout.address(region.offset)?;
        let field = |scanner: &mut Self, number: usize| scanner.image.u64(region.offset + FIELDS + 8 * number);
        let count = usize::try_from(field(self, 0)?).unwrap_or(usize::MAX);
        let text = field(self, 2)?;
        self.put(region.offset + FIELDS + 16, Kind::Absolute64, 0, text, 0)?;
        let mut parts = [0u64; 5];
        for (number, part) in parts.iter_mut().enumerate() {
            *part = field(self, number + 3)?;
            self.field(region.offset + FIELDS + 8 * (number + 3), Kind::Based32, base)?;
        }
        let offset = |part: u64| {
            usize::try_from(part).ok().filter(|part| *part <= region.length).map(|part| region.offset + part)
        };
        let head = Head {
            units: offset(parts[1])?,
            files: offset(parts[2])?,
            tables: offset(parts[3])?,
            functions: offset(parts[4])?,
            end: region.end(),
            text: self.layout.go(Go::Text),
            names: base.wrapping_add(parts[0]),
            unit_base: base.wrapping_add(parts[1]),
            file_base: base.wrapping_add(parts[2]),
            table_base: base.wrapping_add(parts[3]),
            function_base: base.wrapping_add(parts[4]),
            data: self.layout.go(Go::FunctionData),
        };
        let mut at = head.units;
        while at + 4 <= head.files {
            self.unless(at, u32::MAX, head.file_base)?;
            at += 4;
        }
        let mut source = Source::default();
        for number in 0..=count {
            let row = head.functions + 8 * number;
            if row + 8 > head.end {
                break;
            }
            self.field(row, Kind::Based32, head.text)?;
            if number < count {
                self.field(row + 4, Kind::Based32, head.function_base)?;
                let function = head.functions.saturating_add(self.image.u32(row + 4)? as usize);
                // A function of another form is left alone.
                let _ = self.go_function(&head, function, &mut source);
            }
        }
        Some(())
    }

    /// A field relative to `base`, unless it holds `none`.
    fn unless(&mut self, at: usize, none: u32, base: u64) -> Option<()> {
        self.step()?;
        if self.image.u32(at)? != none {
            self.field(at, Kind::Based32, base)?;
        }
        Some(())
    }

    fn go_function(&mut self, head: &Head, at: usize, source: &mut Source) -> Option<()> {
        const SIZE: usize = 44;
        if at > head.end.saturating_sub(SIZE) {
            return None;
        }
        self.field(at, Kind::Based32, head.text)?;
        self.field(at + 4, Kind::Based32, head.names)?;
        for table in [16, 20, 24] {
            self.unless(at + table, 0, head.table_base)?;
        }
        let unit = self.image.u32(at + 32)?;
        let target = head.unit_base.wrapping_add(4 * u64::from(unit));
        self.put(at + 32, Kind::Based32, 2, target, head.unit_base)?;
        let tables = self.image.u32(at + 28)? as usize;
        let data = usize::from(self.image.u8(at + 43)?);
        let behind = at + SIZE;
        if tables > MOST || behind + 4 * (tables + data) > head.end {
            return None;
        }
        for table in 0..tables {
            self.unless(behind + 4 * table, 0, head.table_base)?;
        }
        for number in 0..data {
            self.unless(behind + 4 * (tables + number), u32::MAX, head.data)?;
        }
        self.go_source(head, at, (tables, data), source)
    }

    /// The lines of a function.
    fn go_source(&mut self, head: &Head, at: usize, (tables, data): (usize, usize), source: &mut Source) -> Option<()> {
        let (files, lines, unit) = (self.image.u32(at + 20)?, self.image.u32(at + 24)?, self.image.u32(at + 32)?);
        let table = |offset: u32| head.tables.saturating_add(offset as usize);
        let Source { seen, rows, by_place } = source;
        by_place.clear();
        if files != 0 {
            self.go_table(table(files), head.end, rows)?;
            for row in rows.iter() {
                let file = self.go_file(head, unit, row.value);
                self.keep(by_place, (row.from, file))?;
            }
        }
        let file_at = |place: u64| {
            let behind = by_place.partition_point(|(from, _)| *from <= place);
            behind.checked_sub(1).map_or(NO_LINE, |at| by_place[at].1)
        };
        if lines != 0 && seen.insert(table(lines)) {
            self.take(24)?;
            let (mut last, mut last_file, mut last_line) = (BEFORE_LINES, u64::MAX, -1i64);
            self.go_table(table(lines), head.end, rows)?;
            for row in rows.iter() {
                let file = file_at(row.from);
                let line = key(file, row.value);
                if (file != last_file || row.value.abs_diff(last_line) > NEAR)
                    && let Some(kind) = Kind::line_leb(row.size as usize)
                {
                    self.put(row.at as usize, kind, 0, line, last)?;
                }
                (last, last_file, last_line) = (line, file, row.value);
            }
        }
        let first = self.image.u32(at + 36)?;
        if first != 0 {
            self.put(at + 36, Kind::Line32, 0, key(file_at(0), first.into()), 0)?;
        }
        if tables > 2 && data > 3 && head.data != 0 {
            let indices = self.image.u32(at + 44 + 8)?;
            let tree = self.image.u32(at + 44 + 4 * tables + 12)?;
            if indices != 0 && tree != u32::MAX {
                let tree = self.layout.offset(head.data.wrapping_add(tree.into()))?;
                if seen.insert(tree) {
                    self.take(24)?;
                    let mut by_index: Vec<u64> = Vec::new();
                    self.go_table(table(indices), head.end, rows)?;
                    for row in rows.iter() {
                        let Ok(index) = usize::try_from(row.value) else { continue };
                        if index < MOST {
                            by_index.resize(by_index.len().max(index + 1), NO_LINE);
                            if by_index[index] == NO_LINE {
                                by_index[index] = file_at(row.from);
                            }
                        }
                    }
                    self.go_inlined(head, tree, &by_index)?;
                }
            }
        }
        Some(())
    }

    /// Inlined calls: a name and a line each.
    fn go_inlined(&mut self, head: &Head, tree: usize, files: &[u64]) -> Option<()> {
        for (number, file) in files.iter().enumerate() {
            let at = tree + 16 * number;
            self.field(at + 4, Kind::Based32, head.names)?;
            let line = self.image.u32(at + 12)?;
            self.put(at + 12, Kind::Line32, 0, key(*file, line.into()), 0)?;
        }
        Some(())
    }

    /// The file of this number of a unit, by its place among the names of files.
    fn go_file(&mut self, head: &Head, unit: u32, number: i64) -> u64 {
        let place = i64::from(unit).checked_add(number).and_then(|place| usize::try_from(place).ok());
        let at = place.and_then(|place| place.checked_mul(4)?.checked_add(head.units));
        match at.filter(|at| number >= 0 && *at <= head.files.saturating_sub(4)) {
            Some(at) => self.image.u32(at).map_or(NO_LINE, |file| u64::from(file) & NO_LINE),
            None => NO_LINE,
        }
    }

    /// The rows of a table.
    fn go_table(&mut self, mut at: usize, end: usize, rows: &mut Vec<Row>) -> Option<()> {
        rows.clear();
        let (mut value, mut from) = (-1i64, 0u64);
        while at < end {
            self.step()?;
            let start = at;
            let change = self.image.leb(&mut at, end)?;
            if change == 0 && !rows.is_empty() {
                break;
            }
            value = value.wrapping_add(unzigzag(change));
            self.keep(rows, Row { at: start as u32, size: (at - start) as u32, value, from })?;
            let distance = self.image.leb(&mut at, end)?;
            if distance == 0 {
                break;
            }
            from = from.saturating_add(distance);
        }
        Some(())
    }

    fn keep<T>(&mut self, items: &mut Vec<T>, item: T) -> Option<()> {
        push(items, item, self.budget).map_err(|error| self.failed = Some(error)).ok()
    }
}

fn key(file: u64, line: i64) -> u64 {
    LINES | (file & NO_LINE) << 24 | (line as u64 & NO_LINE)
}
