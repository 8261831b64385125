//! Headers of patches that say what a test likes.

use upstep_model::Digest;

/// What a header says.
pub struct Lie<'a> {
    pub codec: u8,
    pub old: &'a [u8],
    /// The new file, whose digest is told.
    pub new: &'a [u8],
    pub to_size: u64,
    /// In bytes; told in KiB, rounded down.
    pub memory: u64,
}

impl Lie<'_> {
    pub fn header(&self) -> Vec<u8> {
        let mut header = vec![0x8f, b'U', b'P', 1, self.codec];
        header.extend(&Digest::of(self.old).as_bytes()[..4]);
        header.extend(&Digest::of(self.new).as_bytes()[..8]);
        let from_size = self.old.len() as u64;
        let grown = i64::try_from(i128::from(self.to_size) - i128::from(from_size)).expect("a length that can be told");
        for number in [from_size, ((grown << 1) ^ (grown >> 63)).cast_unsigned(), self.memory / 1024] {
            let mut rest = number;
            while rest >= 0x80 {
                header.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            header.push(rest as u8);
        }
        header
    }
}
