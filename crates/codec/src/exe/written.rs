//! The end of the new file, as far as it is made: what models look back at, and what the reader
//! has not taken yet.

pub(crate) struct Written {
    bytes: Vec<u8>,
    /// Offset of the first of them in the file.
    start: usize,
    /// How many were taken.
    taken: usize,
}

/// Models look back no farther.
const BACK: usize = 1 << 10;

/// Bytes are dropped when there are so many more than needed.
const SLACK: usize = 64 << 10;

impl Written {
    pub(crate) fn new() -> Self {
        Written { bytes: Vec::with_capacity(SLACK * 2 + BACK), start: 0, taken: 0 }
    }

    /// Length of the file so far.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.start + self.bytes.len()
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The `distance`-th byte from the end; 0 before the beginning of the file.
    #[inline(always)]
    pub(crate) fn back(&self, distance: usize) -> u8 {
        self.bytes.len().checked_sub(distance).and_then(|at| self.bytes.get(at)).copied().unwrap_or(0)
    }

    /// The bytes from `offset` on; none if they were dropped.
    #[inline(always)]
    pub(crate) fn from(&self, offset: usize) -> &[u8] {
        offset.checked_sub(self.start).and_then(|at| self.bytes.get(at..)).unwrap_or_default()
    }

    #[inline(always)]
    pub(crate) fn tail_mut(&mut self, offset: usize) -> &mut [u8] {
        offset.checked_sub(self.start).and_then(|at| self.bytes.get_mut(at..)).unwrap_or_default()
    }

    /// Hands out bytes that were not taken before.
    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.bytes[self.taken..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        if self.taken > SLACK + BACK {
            let dropped = self.taken - BACK;
            self.bytes.drain(..dropped);
            self.start += dropped;
            self.taken -= dropped;
        }
        length
    }
}
