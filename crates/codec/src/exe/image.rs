//! The old file as scanners read it: small numbers at any offset.

use crate::CodecError;
use crate::error::classify;
use crate::old::OldFile;
use std::io::{Read, Seek, SeekFrom};

const PAGE: usize = 4 << 10;
const SLOTS: usize = 64;

/// Memory that an [`Image`] takes beside the cache of the old file.
pub(crate) const IMAGE_MEMORY: u64 = (PAGE * SLOTS) as u64;

pub(crate) struct Image<'a> {
    file: OldFile<'a>,
    size: usize,
    /// Each page has one slot where it may lie.
    pages: Vec<u8>,
    numbers: [usize; SLOTS],
    failed: Option<CodecError>,
}

impl<'a> Image<'a> {
    pub(crate) fn new(file: OldFile<'a>, size: usize) -> Self {
        Image { file, size, pages: vec![0; PAGE * SLOTS], numbers: [usize::MAX; SLOTS], failed: None }
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
        let (inside, behind) = buffer.split_at_mut(length);
        behind.fill(0);
        if inside.is_empty() {
            return Ok(());
        }
        let sought = self.file.seek(SeekFrom::Start(offset as u64));
        sought.and_then(|_| self.file.read_exact(inside)).map_err(|error| classify("patch", error))
    }

    #[inline(always)]
    pub(crate) fn bytes<const N: usize>(&mut self, offset: usize) -> Option<[u8; N]> {
        let (number, inside) = (offset / PAGE, offset % PAGE);
        let slot = number % SLOTS;
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
            let (number, inside) = ((offset + at) / PAGE, (offset + at) % PAGE);
            let slot = number % SLOTS;
            if self.numbers[slot] != number {
                let mut page = [0; PAGE];
                if let Err(error) = self.read(number * PAGE, &mut page) {
                    self.failed.get_or_insert(error);
                    return None;
                }
                self.pages[slot * PAGE..][..PAGE].copy_from_slice(&page);
                self.numbers[slot] = number;
            }
            *byte = self.pages[slot * PAGE + inside];
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
