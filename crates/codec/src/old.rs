//! Reading the old file at any position, through a bounded cache.

use crate::error::{carry, carry_io};
use crate::{CodecError, Header};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use upstep_model::{Digest, Digester};

/// A file that is read at any position without a cursor. A memory map would be faster and is
/// not used: it needs unsafe code, and the process dies of SIGBUS when somebody shortens the file.
/// Two threads may read it at once.
pub trait ReadAt: Sync {
    /// Reads some bytes at `offset`; 0 at the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// The length in bytes.
    fn size(&self) -> io::Result<u64>;
}

impl ReadAt for File {
    #[cfg(unix)]
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buf, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        // At the end of a file this answers 0 like `read`: std maps ERROR_HANDLE_EOF.
        std::os::windows::fs::FileExt::seek_read(self, buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let length = rest.len().min(buf.len());
        buf[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.as_slice().read_at(buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.as_slice().size()
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        (**self).size()
    }
}

const BLOCK: usize = 32 << 10;
const BLOCKS: usize = 32;

/// Memory that the cache takes at most.
pub(crate) const CACHE: u64 = (BLOCK * BLOCKS) as u64;

/// The old file as decoders read it: with a cursor, through a cache of the blocks that were read
/// last. A `BufReader` is of no use here: bipatch seeks at every record, mostly by a few bytes,
/// and each seek would throw the buffer away.
pub(crate) struct OldFile<'a> {
    file: &'a dyn ReadAt,
    /// Where the part that is read begins, and its length.
    start: u64,
    size: u64,
    position: u64,
    /// The blocks in memory, the one used last at the end.
    blocks: Vec<Block>,
}

fn io(source: io::Error) -> CodecError {
    CodecError::Io { operation: "read the old file", source }
}

fn wrong(header: &Header, found: Option<Digest>, found_size: u64) -> CodecError {
    CodecError::WrongOld { expected: header.from, expected_size: header.from_size, found, found_size }
}

struct Block {
    number: u64,
    bytes: Vec<u8>,
}

impl<'a> OldFile<'a> {
    /// Takes `file` if it is as long as the header says.
    pub(crate) fn open(file: &'a dyn ReadAt, header: &Header) -> Result<Self, CodecError> {
        let size = file.size().map_err(io)?;
        if size != header.from_size {
            return Err(wrong(header, None, size));
        }
        Ok(OldFile { file, start: 0, size, position: 0, blocks: Vec::new() })
    }

    /// The digest of `file`, if it is the one that the header names; reads it once from end to end.
    pub(crate) fn check(file: &dyn ReadAt, header: &Header) -> Result<Digest, CodecError> {
        let size = header.from_size;
        let mut digester = Digester::new();
        let mut buffer = vec![0; BLOCK];
        let mut position = 0;
        while position < size {
            let want = buffer.len().min(usize::try_from(size - position).unwrap_or(usize::MAX));
            match file.read_at(&mut buffer[..want], position) {
                Ok(0) => return Err(wrong(header, None, position)),
                Ok(length) => {
                    digester.update(&buffer[..length]);
                    position += length as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io(error)),
            }
        }
        let found = digester.finish();
        if header.from.is_of(&found) { Ok(found) } else { Err(wrong(header, Some(found), size)) }
    }

    /// Takes bytes that need no check.
    #[cfg(feature = "encode")]
    pub(crate) fn trusted(bytes: &'a &'a [u8]) -> Self {
        OldFile { file: bytes, start: 0, size: bytes.len() as u64, position: 0, blocks: Vec::new() }
    }

    /// A part of the file as if it were all of it. What lies outside of the file can't be read.
    pub(crate) fn part(&self, part: &Range<usize>) -> OldFile<'a> {
        let (start, size) = (self.start + part.start as u64, part.len() as u64);
        OldFile { file: self.file, start, size, position: 0, blocks: Vec::new() }
    }

    fn block(&mut self, number: u64) -> io::Result<&Block> {
        match self.blocks.iter().rposition(|block| block.number == number) {
            Some(at) if at + 1 == self.blocks.len() => {}
            Some(at) => {
                let block = self.blocks.remove(at);
                self.blocks.push(block);
            }
            None => {
                let mut bytes = if self.blocks.len() < BLOCKS { Vec::new() } else { self.blocks.remove(0).bytes };
                self.load(number, &mut bytes)?;
                self.blocks.push(Block { number, bytes });
            }
        }
        Ok(self.blocks.last().expect("a block was just put there"))
    }

    fn load(&self, number: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        let start = number * BLOCK as u64;
        let length = (self.size - start).min(BLOCK as u64) as usize;
        bytes.resize(length, 0);
        self.read_at(start, bytes)
    }

    /// Fills `bytes` with those at `start`, past the cache.
    pub(crate) fn read_at(&self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], self.start + start + filled as u64) {
                Ok(0) => return Err(carry(CodecError::Truncated { what: "old file" })),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(carry_io("read the old file", error)),
            }
        }
        Ok(())
    }
}

impl Read for OldFile<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size || buf.is_empty() {
            return Ok(0);
        }
        let number = self.position / BLOCK as u64;
        let inside = (self.position % BLOCK as u64) as usize;
        let rest = &self.block(number)?.bytes[inside..];
        let length = rest.len().min(buf.len());
        buf[..length].copy_from_slice(&rest[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for OldFile<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        match target {
            Some(position) if position <= self.size => {
                self.position = position;
                Ok(position)
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "a position outside of the old file")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prefix;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use upstep_model::{Codec, Digest};

    struct Counted {
        bytes: Vec<u8>,
        reads: AtomicUsize,
    }

    impl ReadAt for Counted {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            self.bytes.read_at(buf, offset)
        }
        fn size(&self) -> io::Result<u64> {
            self.bytes.size()
        }
    }

    fn counted(length: usize) -> (Counted, Header) {
        let bytes: Vec<u8> = (0..length).map(|at| (at * 31 / 7) as u8).collect();
        let header = Header {
            codec: Codec::Bidiff,
            from: Prefix::of(&Digest::of(&bytes)),
            from_size: length as u64,
            to: Prefix::of(&Digest::of(b"")),
            to_size: 0,
            memory: 0,
        };
        (Counted { bytes, reads: AtomicUsize::new(0) }, header)
    }

    #[test]
    fn seeks_by_a_few_bytes_do_not_read_again() {
        let (file, header) = counted(4 * BLOCK);
        let mut old = OldFile::open(&file, &header).expect("the right file");
        file.reads.store(0, Ordering::Relaxed);
        for _ in 0..1000 {
            let mut bytes = [0; 64];
            old.read_exact(&mut bytes).expect("inside");
            assert_eq!(bytes[..], file.bytes[old.position as usize - 64..old.position as usize]);
            old.seek(SeekFrom::Current(if old.position > 2 * BLOCK as u64 { -1000 } else { 37 })).expect("inside");
        }
        let reads = file.reads.load(Ordering::Relaxed);
        assert!(reads <= 4, "{reads} reads");
    }

    #[test]
    fn the_cache_keeps_a_fixed_number_of_blocks() {
        let (file, header) = counted(2 * BLOCKS * BLOCK + 5);
        let mut old = OldFile::open(&file, &header).expect("the right file");
        let mut all = Vec::new();
        old.read_to_end(&mut all).expect("readable");
        assert!(all == file.bytes);
        assert_eq!(old.blocks.len(), BLOCKS);
    }

    #[test]
    fn no_position_outside_of_the_file_is_reached() {
        let (file, header) = counted(100);
        let mut old = OldFile::open(&file, &header).expect("the right file");
        for by in [-1, 101, i64::MIN, i64::MAX] {
            assert!(old.seek(SeekFrom::Current(by)).is_err(), "{by}");
        }
        assert_eq!(old.seek(SeekFrom::End(0)).expect("inside"), 100);
        assert_eq!(old.read(&mut [0]).expect("the end"), 0);
        let mut part = old.part(&(40..60));
        assert!(part.seek(SeekFrom::Current(21)).is_err());
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).expect("inside");
        assert!(bytes == file.bytes[40..60]);
    }
}
