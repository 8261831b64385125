//! A part that is no program and is smaller by the plain codec: that codec's bytes, as they are,
//! in the midst of the range-coded stream.

use super::coder::{Coder, Decoder, damaged};
use super::parts::Part;
use super::stored::length;
use crate::error::{carry, classify};
use crate::old::OldFile;
use crate::{CodecError, Header, bidiff};
use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

/// What the stream around it takes: its buffer, and zstd's decoder.
pub(crate) const AROUND: u64 = 2 << 20;

/// Writes what the plain codec made of a part.
#[cfg(feature = "encode")]
pub(crate) fn write(coder: &mut super::coder::Encoder, body: &[u8]) {
    length(coder, body.len() as u64);
    for given in body {
        coder.byte(*given);
    }
    coder.account(super::coder::Stream::Literal);
}

/// A part that is being read.
pub(crate) struct Plain<'a> {
    made: Box<dyn Read + 'a>,
    source: Rc<RefCell<Source<'a>>>,
    /// Bytes of the new file that are still to come.
    left: usize,
}

impl<'a> Plain<'a> {
    pub(crate) fn new(
        mut coder: Decoder<'a>,
        header: &Header,
        old: OldFile<'a>,
        part: &Part,
    ) -> Result<Self, CodecError> {
        let left = length(&mut coder, 0);
        coder.check()?;
        let source = Rc::new(RefCell::new(Source { coder, left }));
        let memory = header.memory.saturating_sub(AROUND);
        let (from_size, to_size) = (part.old.len() as u64, part.new.len() as u64);
        let header = Header { from_size, to_size, memory, ..header.clone() };
        let made = bidiff::decode(&header, Box::new(Bytes(Rc::clone(&source))), old)?;
        Ok(Plain { made, source, left: part.new.len() })
    }

    /// Reads at least a byte, unless the part is whole.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.left.min(buffer.len());
        let length = self.made.read(&mut buffer[..most])?;
        if length == 0 && most > 0 {
            return Err(carry(damaged("a part ends too early")));
        }
        self.left -= length;
        Ok(length)
    }

    /// The coder, behind the part.
    pub(crate) fn into_coder(mut self) -> Result<Decoder<'a>, CodecError> {
        let more = self.made.read(&mut [0]).map_err(|error| classify("patch", error))?;
        drop(self.made);
        let source = Rc::into_inner(self.source).map(RefCell::into_inner);
        match source {
            Some(source) if more == 0 && source.left == 0 => Ok(source.coder),
            _ => Err(damaged("a part has bytes behind its end")),
        }
    }
}

struct Source<'a> {
    coder: Decoder<'a>,
    /// Bytes of the plain codec that are still to be read.
    left: u64,
}

struct Bytes<'a>(Rc<RefCell<Source<'a>>>);

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Source { coder, left } = &mut *self.0.borrow_mut();
        let length = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
        buffer[..length].iter_mut().for_each(|place| *place = coder.byte(0));
        *left -= length as u64;
        coder.check().map_err(carry)?;
        Ok(length)
    }
}
