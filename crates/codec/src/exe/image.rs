//! A part of the old file as scanners and matches read it: anywhere, a few bytes at a time, through a cache
//! of pages.

use super::memory::WORD;
use crate::CodecError;
use crate::error::classify;
use crate::old::OldFile;

const PAGE: usize = 8 << 10;

/// Pages for scanners, which look here and there; and for who looks at one place after the other.
pub(crate) const MANY: usize = 512;
pub(crate) const FEW: usize = 64;

/// Memory of a page in an [`Image`].
pub(crate) const PAGE_MEMORY: u64 = (PAGE + WORD) as u64;

pub(crate) struct Image<'a> {
    file: OldFile<'a>,
    size: usize,
    /// Each page has one slot where it may lie.
    pages: Vec<u8>,
    numbers: Vec<usize>,
    failed: Option<CodecError>,
}

impl<'a> Image<'a> {
    /// With a cache of so many pages, a power of two.
    pub(crate) fn new(file: OldFile<'a>, size: usize, slots: usize) -> Self {
        Image { file, size, pages: vec![0; PAGE * slots], numbers: vec![usize::MAX; slots], failed: None }
    }

    /// The same, with another cache.
    pub(crate) fn again(&self, slots: usize) -> Self {
        Image::new(self.file.part(&(0..self.size)), self.size, slots)
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Why bytes were not read. What could not be read looks as if the file ended there.
    pub(crate) fn check(&mut self) -> Result<(), CodecError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Reads `buffer.len()` bytes; those behind the end are zero.
    pub(crate) fn read(&mut self, offset: usize, buffer: &mut [u8]) -> Result<(), CodecError> {
        let length = self.size.saturating_sub(offset).min(buffer.len());
        let (mut rest, behind) = buffer.split_at_mut(length);
        behind.fill(0);
        let mut at = offset;
        while !rest.is_empty() {
            let inside = at % PAGE;
            let page = self.page(at / PAGE)?;
            let (now, later) = rest.split_at_mut(rest.len().min(PAGE - inside));
            now.copy_from_slice(&page[inside..inside + now.len()]);
            at += now.len();
            rest = later;
        }
        Ok(())
    }

    /// A page; where the file ends in it, zeros follow.
    #[inline(always)]
    fn page(&mut self, number: usize) -> Result<&[u8], CodecError> {
        let slot = number & (self.numbers.len() - 1);
        if self.numbers[slot] != number {
            self.load(number, slot)?;
        }
        Ok(&self.pages[slot * PAGE..][..PAGE])
    }

    #[cold]
    fn load(&mut self, number: usize, slot: usize) -> Result<(), CodecError> {
        let page = &mut self.pages[slot * PAGE..][..PAGE];
        self.numbers[slot] = usize::MAX;
        let length = self.size.saturating_sub(number * PAGE).min(PAGE);
        page[length..].fill(0);
        let read = self.file.read_at(number as u64 * PAGE as u64, &mut page[..length]);
        read.map_err(|error| classify("patch", error))?;
        self.numbers[slot] = number;
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn bytes<const N: usize>(&mut self, offset: usize) -> Option<[u8; N]> {
        let (number, inside) = (offset / PAGE, offset % PAGE);
        let slot = number & (self.numbers.len() - 1);
        let end = offset.checked_add(N)?;
        if end <= self.size && inside + N <= PAGE && self.numbers[slot] == number {
            return self.pages[slot * PAGE + inside..].first_chunk().copied();
        }
        self.bytes_slowly(offset)
    }

    #[inline(never)]
    fn bytes_slowly<const N: usize>(&mut self, offset: usize) -> Option<[u8; N]> {
        if offset.checked_add(N)? > self.size {
            return None;
        }
        let mut bytes = [0; N];
        for (at, byte) in bytes.iter_mut().enumerate() {
            match self.page((offset + at) / PAGE) {
                Ok(page) => *byte = page[(offset + at) % PAGE],
                Err(error) => {
                    self.failed.get_or_insert(error);
                    return None;
                }
            }
        }
        Some(bytes)
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self, offset: usize) -> Option<u8> {
        self.bytes::<1>(offset).map(|[byte]| byte)
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self, offset: usize) -> Option<u16> {
        self.bytes(offset).map(u16::from_le_bytes)
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self, offset: usize) -> Option<u32> {
        self.bytes(offset).map(u32::from_le_bytes)
    }

    #[inline(always)]
    pub(crate) fn u64(&mut self, offset: usize) -> Option<u64> {
        self.bytes(offset).map(u64::from_le_bytes)
    }

    /// A LEB128 of at most 9 bytes that ends before `end`; moves `offset` behind it.
    #[inline(always)]
    pub(crate) fn leb(&mut self, offset: &mut usize, end: usize) -> Option<u64> {
        let mut value = 0;
        for place in 0..9 {
            if *offset >= end {
                return None;
            }
            let byte = self.u8(*offset)?;
            *offset += 1;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}
