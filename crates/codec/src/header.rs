//! The header of a patch file: who it is for, what it makes, what decoding it takes.

use crate::CodecError;
use crate::coding::Coding;
use std::io::{self, Read};
use upstep_model::{Codec, Digest};

/// The first bytes of every patch. The first is no ASCII and no start of UTF-8 text, so that no
/// tool takes a patch for text.
pub const MAGIC: [u8; 4] = [0x8f, b'U', b'P', b'S'];

/// The format that this code writes, and the only one that it reads.
pub const FORMAT: u8 = 1;

/// What a patch says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How the body is coded.
    pub codec: Codec,
    /// Digest of the file that the patch is for.
    pub from: Digest,
    /// Length of that file in bytes.
    pub from_size: u64,
    /// Digest of the file that it makes.
    pub to: Digest,
    /// Length of that file in bytes.
    pub to_size: u64,
    /// Memory that decoding needs, in bytes.
    pub memory: u64,
}

/// Reads the header and leaves `patch` at the beginning of the body.
pub fn read_header(patch: &mut impl Read) -> Result<Header, CodecError> {
    read(patch).map(|(header, _)| header)
}

pub(crate) fn read(patch: &mut dyn Read) -> Result<(Header, Coding), CodecError> {
    let magic: [u8; 4] = array(patch)?;
    if magic != MAGIC {
        return Err(CodecError::NotAPatch { expected: MAGIC, found: magic });
    }
    let [format] = array(patch)?;
    if format != FORMAT {
        return Err(CodecError::Format { found: format, supported: FORMAT });
    }
    let [number] = array(patch)?;
    let coding = Coding::from_number(number).ok_or(CodecError::UnknownCodec { found: number })?;
    let from = Digest::from_bytes(array(patch)?);
    let to = Digest::from_bytes(array(patch)?);
    let from_size = varint(patch, "from_size")?;
    let to_size = varint(patch, "to_size")?;
    let memory = varint(patch, "memory")?;
    Ok((Header { codec: coding.codec(), from, from_size, to, to_size, memory }, coding))
}

#[cfg(feature = "encode")]
pub(crate) fn write(header: &Header, coding: Coding) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(88);
    bytes.extend(MAGIC);
    bytes.extend([FORMAT, coding.number()]);
    bytes.extend(header.from.as_bytes());
    bytes.extend(header.to.as_bytes());
    for number in [header.from_size, header.to_size, header.memory] {
        let mut rest = number;
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes
}

pub(crate) fn array<const N: usize>(patch: &mut dyn Read) -> Result<[u8; N], CodecError> {
    let mut bytes = [0; N];
    patch.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => CodecError::Truncated { what: "header of the patch" },
        _ => CodecError::Io { operation: "read the patch", source: error },
    })?;
    Ok(bytes)
}

/// LEB128, unsigned, the shortest form alone: a number has one spelling.
fn varint(patch: &mut dyn Read, field: &'static str) -> Result<u64, CodecError> {
    let mut value = 0u64;
    for place in 0..10 {
        let [byte] = array(patch)?;
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
    Err(CodecError::Field { field, expected: "a number of at most 64 bits in its shortest form", found: value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(number: u64) -> Header {
        Header {
            codec: Codec::Bidiff,
            from: Digest::of(b"old"),
            from_size: number,
            to: Digest::of(b"new"),
            to_size: number / 2,
            memory: number / 3,
        }
    }

    #[cfg(feature = "encode")]
    #[test]
    fn numbers_of_every_length_survive() {
        for number in (0..64).map(|bits| 1u64 << bits).chain([0, 127, 128, 16_383, 16_384, u64::MAX]) {
            let bytes = write(&header(number), Coding::Bidiff);
            let mut rest = &bytes[..];
            assert_eq!(read_header(&mut rest).expect("its own bytes"), header(number));
            assert!(rest.is_empty(), "{number}");
        }
    }

    #[test]
    fn a_number_has_one_spelling_and_an_end() {
        for bad in [&[0x80, 0][..], &[0xff; 10], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2]] {
            assert!(
                matches!(varint(&mut &bad[..], "memory"), Err(CodecError::Field { field: "memory", .. })),
                "{bad:x?}"
            );
        }
        assert!(matches!(varint(&mut &[0x80][..], "memory"), Err(CodecError::Truncated { .. })));
    }
}
