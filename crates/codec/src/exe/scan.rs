//! Finds the references of the old file: all that its regions say they hold.

mod chained;
mod code;
mod exceptions;
mod frames;
mod go_lines;
mod go_types;
mod jump_tables;
mod pointers;
mod unwind;
mod windows;

use super::field::Kind;
use super::image::Image;
use super::keys::Keys;
use super::layout::{Content, Layout, Region};
use super::memory::Budget;
use super::reference::{Packed, Reference};
use super::runs::{Merge, Runs};
use super::tables::Tables;
use crate::CodecError;

use code::Code;
pub(crate) use code::{Checkpoints, instructions_from, reach};

/// What was found.
pub(crate) struct Scanned {
    /// Of tables and data; those of code are found again where they are needed.
    pub(crate) tables: Tables,
    pub(crate) checkpoints: Checkpoints,
}

/// All targets and bases, those of code too.
pub(crate) struct Named {
    pub(crate) keys: Keys,
    /// What code calls, and what it names as data, each as often as it does: behind the lowest address.
    pub(crate) by_code: [Vec<u32>; 2],
}

/// What is found in code, which is looked at by itself.
pub(crate) struct InCode<'f> {
    /// The file, for who reads code next.
    image: Image<'f>,
    keys: Keys,
    code: Code,
    budget: Budget,
}

/// Scans the code of the file that `image` reads.
pub(crate) fn scan_code<'f>(
    mut image: Image<'f>,
    layout: &Layout,
    mut budget: Budget,
) -> Result<InCode<'f>, CodecError> {
    let mut keys = Keys::new(layout.range(), image.size(), &mut budget)?;
    let code = code::scan(&mut image, layout, &mut keys, &mut budget)?;
    Ok(InCode { image, keys, code, budget })
}

/// Scans everything else, and puts it together with what was found in code, which comes when it is asked for.
pub(crate) fn scan<'f>(
    image: &mut Image<'_>,
    layout: &Layout,
    budget: &mut Budget,
    in_code: impl FnOnce() -> Result<InCode<'f>, CodecError>,
) -> Result<(Scanned, Named, Image<'f>), CodecError> {
    let mut scanner = Scanner::new(image, layout, budget);
    for region in &layout.regions {
        scanner.region(region);
    }
    scanner.unwind_data();
    scanner.go_types();
    scanner.exceptions();
    let InCode { image, mut keys, code, budget: taken } = in_code()?;
    scanner.budget.join(taken);
    scanner.jump_tables(&code.taken);
    let mut all = scanner.finish()?;
    budget.release(code.taken);
    let (low, mut end) = (layout.range().0, 0);
    let mut tables = Tables::new(low);
    while let Some(packed) = all.next(budget) {
        let found = packed.unpack(low);
        // Of those that overlap the first one counts.
        if found.start() < end {
            continue;
        }
        end = found.end();
        tables.push(packed.parts(), budget)?;
        keys.add(found.target, budget)?;
        if found.kind.has_moving_base() {
            keys.add(found.base, budget)?;
        }
    }
    tables.finish(budget)?;
    drop(all);
    for base in &layout.bases {
        keys.add(*base, budget)?;
    }
    keys.seal(budget);
    let Code { checkpoints, calls, data, .. } = code;
    Ok((Scanned { tables, checkpoints }, Named { keys, by_code: [calls, data] }, image))
}

/// Collects references.
struct Scanner<'a, 'f> {
    image: &'a mut Image<'f>,
    layout: &'a Layout,
    budget: &'a mut Budget,
    found: Runs,
    /// Addresses of the image.
    low: u64,
    high: u64,
    /// Addresses of code.
    code: Vec<(u64, u64)>,
    /// Of `.eh_frame`: addresses of exception tables, each with its function.
    exceptions: Vec<(u64, u64)>,
    /// Of a function table: addresses of unwind information.
    unwind: Vec<u64>,
    /// Memory of what is kept beside the references, until they are found.
    beside: u64,
    /// What may still be looked at; no honest file comes near it.
    steps: u64,
    failed: Option<CodecError>,
}

impl<'a, 'f> Scanner<'a, 'f> {
    fn new(image: &'a mut Image<'f>, layout: &'a Layout, budget: &'a mut Budget) -> Self {
        let (low, high) = layout.range();
        let code = layout
            .regions
            .iter()
            .filter(|region| matches!(region.content, Content::X86 | Content::Arm64))
            .filter_map(|region| Some((layout.address(region.offset)?, region.length as u64)))
            .map(|(address, length)| (address, address.saturating_add(length)))
            .collect();
        let steps = 16 * image.size() as u64 + 4096;
        let (found, exceptions, unwind) = (Runs::default(), Vec::new(), Vec::new());
        Scanner { image, layout, budget, found, low, high, code, exceptions, unwind, beside: 0, steps, failed: None }
    }

    /// What was found, ascending.
    fn finish(self) -> Result<Merge, CodecError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.image.check()?;
        self.budget.give_back(self.beside);
        self.found.merge(self.budget)
    }

    fn region(&mut self, region: &Region) {
        // A table that ends early is no error: what was found until there is used.
        let _ = match region.content {
            Content::Pointers | Content::UnwindData => self.pointers(region),
            Content::ChainedPointers => self.chained_pointers(region),
            Content::Relocations => self.relocations(region),
            Content::Frames32 => self.frames(region, 4),
            Content::Frames64 => self.frames(region, 8),
            Content::FrameIndex => self.frame_index(region),
            Content::Functions12 => self.functions_x86(region),
            Content::Functions8 => self.functions_arm64(region),
            Content::Unwind => self.unwind(region),
            Content::Symbols24 => self.symbols(region, 24),
            Content::Symbols16 => self.symbols(region, 16),
            Content::GoLines if self.layout.find(Content::GoLines) == Some(*region) => self.go_lines(region),
            // Code was scanned before.
            _ => None,
        };
    }

    /// Counts a step of a loop; `None` when there were too many.
    fn step(&mut self) -> Option<()> {
        self.steps = self.steps.checked_sub(1)?;
        if self.failed.is_some() { None } else { Some(()) }
    }

    /// Takes memory for what is kept beside the references.
    fn take(&mut self, bytes: u64) -> Option<()> {
        self.beside += bytes;
        self.budget.take(bytes).map_err(|error| self.failed = Some(error)).ok()
    }

    fn is_code(&self, address: u64) -> bool {
        self.code.iter().any(|(start, end)| (*start..*end).contains(&address))
    }

    fn is_image(&self, address: u64) -> bool {
        self.low < address && address < self.high
    }

    fn put(&mut self, at: usize, kind: Kind, shift: i8, target: u64, base: u64) -> Option<()> {
        // What does not fit is left alone.
        self.pack(at, kind, shift, target, base).map_or(Some(()), |found| self.add(found))
    }

    fn pack(&self, at: usize, kind: Kind, shift: i8, target: u64, base: u64) -> Option<Packed> {
        let usage = super::field::Use::Other;
        Packed::new(&Reference { target, base, at: at as u32, kind, shift, usage, words: 0 }, self.low)
    }

    fn add(&mut self, found: Packed) -> Option<()> {
        self.found.push(found, self.budget).map_err(|error| self.failed = Some(error)).ok()
    }

    /// The address in a field.
    fn read(&mut self, at: usize, kind: Kind, shift: i8, base: u64) -> Option<u64> {
        let address = self.layout.address(at)?;
        let mut bytes = [0; 8];
        match kind.size() {
            8 => bytes = self.image.bytes::<8>(at)?,
            4 => bytes[..4].copy_from_slice(&self.image.bytes::<4>(at)?),
            size => {
                for (place, byte) in bytes[..size].iter_mut().enumerate() {
                    *byte = self.image.u8(at + place)?;
                }
            }
        }
        Some(kind.read(shift, base, &bytes, address))
    }

    /// Takes a field for a reference, and returns its target.
    fn field(&mut self, at: usize, kind: Kind, base: u64) -> Option<u64> {
        self.step()?;
        let target = self.read(at, kind, 0, base)?;
        self.put(at, kind, 0, target, base)?;
        Some(target)
    }
}
