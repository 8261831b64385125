//! Descriptors of Go's types: their names, their pointers and their methods are told by
//! distances of 4 bytes. Found from one another, beginning with a list of some.
//!
//! Layout: `src/internal/abi/type.go` of Go 1.26 and 1.27.

use super::super::field::Kind;
use super::super::layout::Go;
use super::super::memory::push;
use super::Scanner;
use std::collections::BTreeSet;

/// Kinds of types.
const ARRAY: u8 = 17;
const CHAN: u8 = 18;
const FUNC: u8 = 19;
const INTERFACE: u8 = 20;
const MAP: u8 = 21;
const POINTER: u8 = 22;
const SLICE: u8 = 23;
const STRUCT: u8 = 25;
const LAST: u8 = 26;

const MOST_METHODS: u64 = 4096;
const MOST_FIELDS: u64 = 65_536;

/// What every descriptor begins with.
const HEAD: usize = 48;

struct Types {
    base: u64,
    end: u64,
    text: u64,
    /// Offsets in the file.
    start: usize,
    stop: usize,
    seen: BTreeSet<u64>,
    found: Vec<u64>,
}

impl Scanner<'_, '_> {
    pub(super) fn go_types(&mut self) {
        let go = |which| self.layout.go(which);
        let (base, end, text) = (go(Go::Types), go(Go::TypesEnd), go(Go::Text));
        let (links, count, contiguous) = (go(Go::TypeLinks), go(Go::TypeLinkCount), go(Go::TypesContiguous));
        let Some(start) = self.layout.offset(base).filter(|_| base != 0 && end > base) else { return };
        let length = usize::try_from(end - base).unwrap_or(usize::MAX);
        let stop = start.saturating_add(length).min(self.image.size());
        let mut types = Types { base, end, text, start, stop, seen: BTreeSet::new(), found: Vec::new() };
        // Where one of them is of another form, those that it leads to are not found.
        let _ = self.go_links(&mut types, links, count);
        let _ = self.go_contiguous(&mut types, contiguous);
        while let Some(found) = types.found.pop() {
            if self.step().is_none() {
                return;
            }
            if types.seen.insert(found) && self.take(48).is_some() {
                let _ = self.go_type(&mut types, found);
            }
        }
    }

    /// Notes that there may be a descriptor at an address.
    fn lead(&mut self, types: &mut Types, to: u64) -> Option<()> {
        let is_new = (types.base..types.end).contains(&to) && to & 7 == 0 && !types.seen.contains(&to);
        if is_new {
            push(&mut types.found, to, self.budget).map_err(|error| self.failed = Some(error)).ok()?;
        }
        Some(())
    }

    fn go_links(&mut self, types: &mut Types, links: u64, count: u64) -> Option<()> {
        let at = self.layout.offset(links)?;
        for number in 0..usize::try_from(count).unwrap_or(usize::MAX) {
            let found = self.field(at + 4 * number, Kind::Based32, types.base)?;
            self.lead(types, found)?;
        }
        Some(())
    }

    /// Descriptors that lie one behind the other.
    fn go_contiguous(&mut self, types: &mut Types, length: u64) -> Option<()> {
        let end = types.start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(types.stop);
        let mut at = types.start;
        while at + HEAD <= end {
            self.step()?;
            let (flags, kind, align) = (self.image.u8(at + 20)?, self.image.u8(at + 23)? & 31, self.image.u8(at + 21)?);
            if kind == 0 || kind > LAST || flags > 63 || !(1..=64).contains(&align) {
                at += 8;
                continue;
            }
            self.lead(types, types.base.wrapping_add((at - types.start) as u64))?;
            let fixed = size(kind);
            let more = match kind {
                FUNC => 8 * self.parameters(at)?,
                INTERFACE => 8 * self.image.u64(at + 64)?.min(MOST_METHODS) as usize,
                STRUCT => 24 * self.image.u64(at + 64)?.min(MOST_FIELDS) as usize,
                _ => 0,
            };
            let methods = if flags & 1 != 0 { 16 + 16 * usize::from(self.image.u16(at + fixed + 4)?) } else { 0 };
            at = (at + fixed + more + methods).next_multiple_of(8);
        }
        Some(())
    }

    /// Parameters and results of a function type.
    fn parameters(&mut self, at: usize) -> Option<usize> {
        let (parameters, results) = (self.image.u16(at + 48)?, self.image.u16(at + 50)? & 0x7fff);
        Some(usize::from(parameters) + usize::from(results))
    }

    fn distance(&mut self, at: usize, base: u64) -> Option<u64> {
        let value = self.image.u32(at)?;
        if value == 0 || value == u32::MAX {
            return Some(0);
        }
        self.field(at, Kind::Based32, base)
    }

    fn go_type(&mut self, types: &mut Types, found: u64) -> Option<()> {
        let at = types.start.checked_add(usize::try_from(found - types.base).ok()?)?;
        if at > types.stop.saturating_sub(80) {
            return None;
        }
        let (flags, kind, align) = (self.image.u8(at + 20)?, self.image.u8(at + 23)? & 31, self.image.u8(at + 21)?);
        if kind == 0 || kind > LAST || align > 64 {
            return None;
        }
        self.distance(at + 40, types.base)?;
        let pointer = self.distance(at + 44, types.base)?;
        self.lead(types, pointer)?;
        let others: &[usize] = match kind {
            ARRAY => &[48, 56],
            CHAN | POINTER | SLICE => &[48],
            MAP => &[48, 56, 64],
            _ => &[],
        };
        for other in others {
            let to = self.image.u64(at + other)?;
            self.lead(types, to)?;
        }
        if kind == INTERFACE {
            let methods = self.layout.offset(self.image.u64(at + 56)?);
            let count = self.image.u64(at + 64)?.min(MOST_METHODS) as usize;
            for method in methods.iter().flat_map(|first| (0..count).map(move |number| first + 8 * number)) {
                self.step()?;
                self.distance(method, types.base)?;
                let other = self.distance(method + 4, types.base)?;
                self.lead(types, other)?;
            }
        }
        if kind == STRUCT {
            let fields = self.layout.offset(self.image.u64(at + 56)?);
            let count = self.image.u64(at + 64)?.min(MOST_FIELDS) as usize;
            for field in fields.iter().flat_map(|first| (0..count).map(move |number| first + 24 * number)) {
                self.step()?;
                let to = self.image.u64(field + 8)?;
                self.lead(types, to)?;
            }
        }
        let behind = at + size(kind);
        let mut methods_size = 0;
        if flags & 1 != 0 {
            methods_size = 16;
            self.go_methods(types, behind)?;
        }
        if kind == FUNC {
            for number in 0..self.parameters(at)? {
                let parameter = behind + methods_size + 8 * number;
                if parameter + 8 <= types.stop {
                    let to = self.image.u64(parameter)?;
                    self.lead(types, to)?;
                }
            }
        }
        Some(())
    }

    /// The methods of a named type: name, type, and two entries each.
    fn go_methods(&mut self, types: &mut Types, at: usize) -> Option<()> {
        self.distance(at, types.base)?;
        let count = self.image.u16(at + 4)?;
        let first = at.checked_add(self.image.u32(at + 8)? as usize).filter(|first| *first < types.stop)?;
        for number in 0..usize::from(count) {
            let method = first + 16 * number;
            if method + 16 > types.stop {
                break;
            }
            self.distance(method, types.base)?;
            let other = self.distance(method + 4, types.base)?;
            self.lead(types, other)?;
            self.distance(method + 8, types.text)?;
            self.distance(method + 12, types.text)?;
        }
        Some(())
    }
}

/// The size of a descriptor without what its length depends on.
fn size(kind: u8) -> usize {
    match kind {
        ARRAY => 72,
        CHAN => 64,
        FUNC | POINTER | SLICE => 56,
        INTERFACE | STRUCT => 80,
        MAP => 112,
        _ => HEAD,
    }
}
