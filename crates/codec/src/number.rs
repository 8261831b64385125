//! Numbers of up to 64 bits as LEB128, in the shortest form alone: a number has one spelling.

use crate::CodecError;
use crate::error::carry;
use std::io::{self, Read};

/// Reads a number; `field` names it in the error.
pub(crate) fn read(reader: &mut impl Read, field: &'static str) -> io::Result<u64> {
    let mut value = 0u64;
    for place in 0..10 {
        let mut byte = [0];
        reader.read_exact(&mut byte)?;
        let [byte] = byte;
        let bits = u64::from(byte & 0x7f);
        let fits = place < 9 || bits <= 1;
        let shortest = byte != 0 || place == 0;
        if !fits || !shortest {
            break;
        }
        value |= bits << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(carry(CodecError::Field { field, expected: "a number of at most 64 bits in its shortest form", found: value }))
}

#[cfg(feature = "encode")]
pub(crate) fn write(bytes: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// The value as a number that is small when it is near zero.
#[inline(always)]
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// What [`zigzag`] was given.
#[inline(always)]
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "encode")]
    #[test]
    fn numbers_of_every_length_survive() {
        for number in (0..64).map(|bits| 1u64 << bits).chain([0, 127, 128, 16_383, 16_384, u64::MAX]) {
            let mut bytes = Vec::new();
            write(&mut bytes, number);
            let mut rest = &bytes[..];
            assert_eq!(read(&mut rest, "number").expect("its own bytes"), number);
            assert!(rest.is_empty(), "{number}");
        }
    }

    #[test]
    fn a_number_has_one_spelling_and_an_end() {
        let overflow = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2];
        for bad in [&[0x80, 0][..], &[0xff; 10], &overflow] {
            let error = read(&mut &bad[..], "number").expect_err("a bad spelling");
            assert!(error.to_string().starts_with("number of the patch must be"), "{bad:x?}: {error}");
        }
        let cut = read(&mut &[0x80][..], "number").expect_err("cut");
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }
}
