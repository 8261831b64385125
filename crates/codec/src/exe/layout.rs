//! What a patch says about the two files: where they are loaded, and what lies where.
//!
//! All knowledge of ELF, PE and Mach-O is the encoder's. The decoder is told of segments and
//! regions, and takes no more from the old file's headers.

use super::bit::Bit;
use super::coder::{Coder, Stream, damaged};
use super::number::Number;
use crate::CodecError;
use crate::number::zigzag;

/// Bytes of the file that are loaded at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) address: u64,
    pub(crate) length: u64,
}

/// What a region holds. The number is part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Content {
    Other,
    X86,
    Arm64,
    /// `.gcc_except_table`: tables that `.eh_frame` points to.
    Exceptions,
    /// `.eh_frame` with addresses of 4 and of 8 bytes.
    Frames32,
    Frames64,
    FrameIndex,
    /// `.pdata` of x86-64 and of arm64.
    Functions12,
    Functions8,
    /// `__unwind_info`.
    Unwind,
    GoLines,
    Relocations,
    /// Read-only and other data with addresses of 8 bytes.
    Pointers,
    /// Data without.
    Data,
    Symbols24,
    Symbols16,
    /// `.rdata` of PE: pointers, and unwind information that the function table points to.
    UnwindData,
    /// Digests of the pages before it, of a signature of Mach-O.
    PageDigests,
    FindFunction,
    /// `.reloc` of PE.
    BaseRelocations,
    /// Opcodes of Mach-O, in the form that Go writes.
    Rebases,
    /// Of Mach-O.
    FunctionStarts,
    /// Data of Mach-O with addresses that are chained for the loader.
    ChainedPointers,
}

pub(crate) const CONTENTS: [Content; 23] = [
    Content::Other,
    Content::X86,
    Content::Arm64,
    Content::Exceptions,
    Content::Frames32,
    Content::Frames64,
    Content::FrameIndex,
    Content::Functions12,
    Content::Functions8,
    Content::Unwind,
    Content::GoLines,
    Content::Relocations,
    Content::Pointers,
    Content::Data,
    Content::Symbols24,
    Content::Symbols16,
    Content::UnwindData,
    Content::PageDigests,
    Content::FindFunction,
    Content::BaseRelocations,
    Content::Rebases,
    Content::FunctionStarts,
    Content::ChainedPointers,
];

impl Content {
    fn from_number(number: u64) -> Option<Content> {
        usize::try_from(number).ok().and_then(|number| CONTENTS.get(number)).copied()
    }

    /// Whether it may be made from other regions.
    pub(crate) fn is_derivable(self) -> bool {
        (Content::PageDigests..=Content::FunctionStarts).contains(&self)
            || matches!(self, Content::FrameIndex | Content::Functions12 | Content::Functions8 | Content::Unwind)
    }

    /// Whether two numbers more are needed for that.
    pub(crate) fn has_parameters(self) -> bool {
        matches!(self, Content::PageDigests | Content::Functions12 | Content::Functions8)
    }

    /// The class of its bytes for the model of literals, from 0 to 8.
    pub(crate) fn class(self) -> usize {
        match self {
            Content::X86 => 1,
            Content::Arm64 => 2,
            Content::Exceptions => 3,
            Content::FrameIndex | Content::Functions12 | Content::Functions8 => 4,
            Content::Frames32 | Content::Frames64 | Content::Unwind => 5,
            Content::GoLines => 6,
            Content::Pointers | Content::ChainedPointers | Content::UnwindData | Content::Data => 7,
            _ => 8,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) content: Content,
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

impl Region {
    pub(crate) fn end(&self) -> usize {
        self.offset + self.length
    }
}

/// Addresses that the tables of a Go program are relative to; 0 where there is none.
pub(crate) const GO: usize = 7;

/// Their places in [`Layout::go`].
#[derive(Debug, Clone, Copy)]
#[repr(usize)]
pub(crate) enum Go {
    Text,
    Types,
    TypesEnd,
    /// Length of the descriptors that lie one behind the other, of Go 1.27.
    TypesContiguous,
    TypeLinks,
    TypeLinkCount,
    FunctionData,
}

/// One of the two files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Layout {
    /// Ascending by offset.
    pub(crate) segments: Vec<Segment>,
    /// Addresses without bytes in the file, and their number.
    pub(crate) zeroed: Vec<(u64, u64)>,
    /// Ascending and disjoint.
    pub(crate) regions: Vec<Region>,
    /// What `Image32` fields are relative to.
    pub(crate) image_base: u64,
    /// Addresses that tables are relative to. The n-th of the old file is the n-th of the new.
    pub(crate) bases: Vec<u64>,
    pub(crate) go: Option<[u64; GO]>,
}

/// Most segments, regions and bases; no program has as many.
const MOST: u64 = 512;

impl Layout {
    /// The lowest address, and the first behind the highest.
    pub(crate) fn range(&self) -> (u64, u64) {
        let segments = self.segments.iter().map(|segment| (segment.address, segment.length));
        let all = || segments.clone().chain(self.zeroed.iter().copied());
        let low = self.segments.iter().map(|segment| segment.address).min().unwrap_or(0);
        (low, all().map(|(address, length)| address.saturating_add(length)).max().unwrap_or(0))
    }

    pub(crate) fn address(&self, offset: usize) -> Option<u64> {
        let offset = offset as u64;
        let segment = self.segments.iter().find(|segment| offset.wrapping_sub(segment.offset) < segment.length)?;
        Some(segment.address.wrapping_add(offset.wrapping_sub(segment.offset)))
    }

    pub(crate) fn offset(&self, address: u64) -> Option<usize> {
        let segment = self.segments.iter().find(|segment| address.wrapping_sub(segment.address) < segment.length)?;
        usize::try_from(segment.offset.wrapping_add(address.wrapping_sub(segment.address))).ok()
    }

    /// The first region with this content.
    pub(crate) fn find(&self, content: Content) -> Option<Region> {
        self.regions.iter().find(|region| region.content == content).copied()
    }

    /// The region at `offset`, or the next one behind it.
    pub(crate) fn region_from(&self, offset: usize) -> usize {
        self.regions.partition_point(|region| region.end() <= offset)
    }

    pub(crate) fn go(&self, which: Go) -> u64 {
        self.go.map_or(0, |go| go[which as usize])
    }

    /// Fails unless everything lies inside of a file of `size` bytes, in order.
    fn check(&self, size: usize) -> Result<(), CodecError> {
        let sound = |offset: u64, length: u64, address: u64| {
            offset.checked_add(length).is_some_and(|end| end <= size as u64) && address.checked_add(length).is_some()
        };
        let mut end = 0;
        let ordered = self.regions.iter().all(|region| {
            let follows = region.offset >= end;
            end = region.offset.saturating_add(region.length);
            follows && end <= size
        });
        let segments = self.segments.iter().all(|segment| sound(segment.offset, segment.length, segment.address));
        let zeroed = self.zeroed.iter().all(|(address, length)| address.checked_add(*length).is_some());
        if ordered && segments && zeroed { Ok(()) } else { Err(damaged("its layout lies outside of the files")) }
    }
}

/// Numbers that are guessed: the guess, the guess plus a recent difference, or the difference.
struct Guessed<'a, C> {
    coder: &'a mut C,
    right: Bit,
    recent: [Bit; 3],
    differences: [u64; 3],
    numbers: Number,
}

impl<C: Coder> Guessed<'_, C> {
    const LIMIT: u32 = 60;

    fn code(&mut self, value: u64, guess: u64) -> u64 {
        let difference = value.wrapping_sub(guess);
        if self.right.code(self.coder, difference == 0, Self::LIMIT) {
            return guess;
        }
        let mut place = 0;
        let mut found = None;
        while place < 3 && found.is_none() {
            if self.recent[place].code(self.coder, difference == self.differences[place], Self::LIMIT) {
                found = Some(self.differences[place]);
            }
            place += 1;
        }
        let difference = found.unwrap_or_else(|| {
            crate::number::unzigzag(self.numbers.code(self.coder, 0, zigzag(difference as i64))) as u64
        });
        self.differences[..place].rotate_right(1);
        self.differences[0] = difference;
        guess.wrapping_add(difference)
    }

    fn count(&mut self, count: usize) -> Result<usize, CodecError> {
        let count = self.numbers.code(self.coder, 1, count as u64);
        if count > MOST { Err(self.coder.refuse("its layout has too many parts")) } else { Ok(count as usize) }
    }
}

/// An offset or a length; what is too large for one lies outside of any file.
fn clipped(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX).min(isize::MAX as usize)
}

fn part<T: Copy>(parts: &[T], at: usize) -> Option<T> {
    parts.get(at).copied()
}

/// Codes the layouts of the old and the new file. Their regions are paired: each has as many, of
/// the same contents, some of them empty, and only those of `old` are in order.
pub(crate) fn code<C: Coder>(
    coder: &mut C,
    old: &Layout,
    new: &Layout,
    sizes: (usize, usize),
) -> Result<(Layout, Layout), CodecError> {
    let mut guessed =
        Guessed { coder, right: Bit::EVEN, recent: [Bit::EVEN; 3], differences: [0; 3], numbers: Number::new(2) };
    let mut known_old = addresses(&mut guessed, old, &Layout::default())?;
    let mut known_new = addresses(&mut guessed, new, &known_old)?;
    regions(&mut guessed, (old, new), (&mut known_old, &mut known_new))?;
    guessed.coder.account(Stream::Layout);
    guessed.coder.check()?;
    known_old.check(sizes.0)?;
    known_new.check(sizes.1)?;
    Ok((known_old, known_new))
}

/// Everything but the regions; each number is guessed to be the one of the layout `before`.
fn addresses<C: Coder>(guessed: &mut Guessed<'_, C>, given: &Layout, before: &Layout) -> Result<Layout, CodecError> {
    let mut known = Layout::default();
    let mut last = Segment::default();
    for at in 0..guessed.count(given.segments.len())? {
        let segment = part(&given.segments, at).unwrap_or_default();
        let like = part(&before.segments, at);
        let offset =
            guessed.code(segment.offset, like.map_or(last.offset.wrapping_add(last.length), |like| like.offset));
        let next = last.address.wrapping_add(offset.wrapping_sub(last.offset));
        let address = guessed.code(segment.address, like.map_or(next, |like| like.address));
        let length = guessed.code(segment.length, like.map_or(0, |like| like.length));
        last = Segment { offset, address, length };
        known.segments.push(last);
    }
    for at in 0..guessed.count(given.zeroed.len())? {
        let (address, length) = part(&given.zeroed, at).unwrap_or_default();
        let like = part(&before.zeroed, at).unwrap_or((last.address.wrapping_add(last.length), 0));
        let address = guessed.code(address, like.0);
        known.zeroed.push((address, guessed.code(length, like.1)));
    }
    known.image_base = guessed.code(given.image_base, before.image_base);
    let mut last = 0;
    for at in 0..guessed.count(given.bases.len())? {
        let base = part(&given.bases, at).unwrap_or_default();
        last = guessed.code(base, part(&before.bases, at).unwrap_or(last));
        known.bases.push(last);
    }
    if guessed.code(u64::from(given.go.is_some()), u64::from(before.go.is_some())) != 0 {
        let (values, like) = (given.go.unwrap_or_default(), before.go.unwrap_or_default());
        known.go = Some(std::array::from_fn(|at| guessed.code(values[at], like[at])));
    }
    Ok(known)
}

fn regions<C: Coder>(
    guessed: &mut Guessed<'_, C>,
    given: (&Layout, &Layout),
    known: (&mut Layout, &mut Layout),
) -> Result<(), CodecError> {
    let count = guessed.count(given.0.regions.len())?;
    let (mut old_end, mut new_end) = (0u64, 0u64);
    let empty = Region { content: Content::Other, offset: 0, length: 0 };
    for at in 0..count {
        let old = part(&given.0.regions, at).unwrap_or(empty);
        let new = part(&given.1.regions, at).unwrap_or(empty);
        let content = guessed.numbers.code(guessed.coder, 1, old.content as u64);
        let content =
            Content::from_number(content).ok_or_else(|| guessed.coder.refuse("a region has an unknown content"))?;
        let offset = guessed.code(old.offset as u64, old_end);
        let length = guessed.code(old.length as u64, 0);
        let moved = offset.wrapping_sub(old_end);
        known.0.regions.push(Region { content, offset: clipped(offset), length: clipped(length) });
        old_end = offset.saturating_add(length);
        let offset = guessed.code(new.offset as u64, new_end.wrapping_add(moved));
        let length = guessed.code(new.length as u64, length);
        known.1.regions.push(Region { content, offset: clipped(offset), length: clipped(length) });
        new_end = offset.saturating_add(length);
    }
    for layout in [known.0, known.1] {
        layout.regions.retain(|region| region.length > 0);
        layout.regions.sort_unstable_by_key(|region| region.offset);
    }
    Ok(())
}
