//! Limits as adapters: size first, then digest; written once, wrapped around readers and writers.

use crate::CodecError;
use crate::error::carry;
use std::io::{self, Read, Write};
use upstep_model::{Digest, Digester};

/// A reader that fails as soon as more than `limit` bytes have come out of the inner one.
pub struct AtMost<R> {
    inner: R,
    what: &'static str,
    limit: u64,
    left: u64,
}

impl<R: Read> AtMost<R> {
    /// Lets at most `limit` bytes of `inner` pass; `what` names it in the error.
    pub fn new(inner: R, what: &'static str, limit: u64) -> Self {
        AtMost { inner, what, limit, left: limit }
    }
}

impl<R: Read> Read for AtMost<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buf)?;
        match self.left.checked_sub(length as u64) {
            Some(left) => {
                self.left = left;
                Ok(length)
            }
            None => Err(carry(CodecError::TooLong { what: self.what, limit: self.limit })),
        }
    }
}

/// A writer that counts what passes and computes its digest.
pub struct Digesting<W> {
    inner: W,
    written: u64,
    digester: Digester,
}

impl<W: Write> Digesting<W> {
    /// Writes to `inner`.
    pub fn new(inner: W) -> Self {
        Digesting { inner, written: 0, digester: Digester::new() }
    }

    /// How many bytes have passed, and their digest.
    pub fn finish(self) -> (u64, Digest) {
        (self.written, self.digester.finish())
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(buf)?;
        self.digester.update(&buf[..length]);
        self.written += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_passes_the_limit_and_not_one_byte_more() {
        let mut out = Vec::new();
        AtMost::new(&b"12345"[..], "digits", 5).read_to_end(&mut out).expect("just as long");
        assert_eq!(out, b"12345");
        let error = AtMost::new(&b"12345"[..], "digits", 4).read_to_end(&mut Vec::new()).expect_err("too long");
        assert_eq!(error.to_string(), "digits is longer than 4 bytes");
    }

    #[test]
    fn a_writer_digests_what_was_taken_and_no_more() {
        // Takes three bytes, however many it is given.
        let mut room = [0; 3];
        let mut writer = Digesting::new(&mut room[..]);
        assert_eq!(writer.write(b"12345").expect("room for some"), 3);
        assert_eq!(writer.finish(), (3, Digest::of(b"123")));
        assert_eq!(&room, b"123");
    }
}
