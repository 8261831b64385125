//! The header of a patch file: who it is for, what it makes, what decoding it takes.
//!
//! It travels with every patch, so it tells files apart and proves nothing: whoever knows whole digests, from a signed
//! index, compares them with those that [`crate::apply`] computes.

use crate::coding::Coding;
use crate::error::classify;
use crate::{CodecError, Prefix, number};
use std::io::{self, Read};
use upstep_model::Codec;

/// The first bytes of every patch. The first is no ASCII and no start of UTF-8 text, so that no
/// tool takes a patch for text.
pub const MAGIC: [u8; 3] = [0x8f, b'U', b'P'];

/// The format that this code writes, and the only one that it reads.
pub const FORMAT: u8 = 1;

/// The unit of `memory`.
const KIB: u64 = 1024;

/// What a patch says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How the body is coded.
    pub codec: Codec,
    /// How the digest of the file begins that the patch is for.
    pub from: Prefix<4>,
    /// Length of that file in bytes.
    pub from_size: u64,
    /// How the digest of the file begins that it makes.
    pub to: Prefix<8>,
    /// Length of that file in bytes.
    pub to_size: u64,
    /// Memory that decoding needs, in bytes; it is told in units of 1,024, rounded up.
    pub memory: u64,
}

/// Reads the header and leaves `patch` at the beginning of the body.
pub fn read_header(patch: &mut impl Read) -> Result<Header, CodecError> {
    read(patch).map(|(header, _)| header)
}

pub(crate) fn read(patch: &mut dyn Read) -> Result<(Header, Coding), CodecError> {
    let magic = array(patch)?;
    if magic != MAGIC {
        return Err(CodecError::NotAPatch { expected: MAGIC, found: magic });
    }
    let [format] = array(patch)?;
    if format != FORMAT {
        return Err(CodecError::Format { found: format, supported: FORMAT });
    }
    let [coding] = array(patch)?;
    let coding = Coding::from_number(coding).ok_or(CodecError::UnknownCodec { found: coding })?;
    let from = Prefix::from_bytes(array(patch)?);
    let to = Prefix::from_bytes(array(patch)?);
    let from_size = number(patch, "from_size")?;
    let grown = number(patch, "grown")?;
    let to_size = from_size.checked_add_signed(number::unzigzag(grown)).ok_or(CodecError::Field {
        field: "grown",
        expected: "what makes a length from 0 to 2^64 - 1 of from_size",
        found: grown,
    })?;
    let kib = number(patch, "memory")?;
    let memory =
        kib.checked_mul(KIB).ok_or(CodecError::Field { field: "memory", expected: "below 2^54 KiB", found: kib })?;
    Ok((Header { codec: coding.codec(), from, from_size, to, to_size, memory }, coding))
}

#[cfg(feature = "encode")]
pub(crate) fn write(header: &Header, coding: Coding) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    bytes.extend(MAGIC);
    bytes.extend([FORMAT, coding.number()]);
    bytes.extend(header.from.as_bytes());
    bytes.extend(header.to.as_bytes());
    let grown = header.to_size.wrapping_sub(header.from_size).cast_signed();
    for number in [header.from_size, number::zigzag(grown), header.memory.div_ceil(KIB)] {
        number::write(&mut bytes, number);
    }
    bytes
}

fn array<const N: usize>(patch: &mut dyn Read) -> Result<[u8; N], CodecError> {
    let mut bytes = [0; N];
    patch.read_exact(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn number(mut patch: &mut dyn Read, field: &'static str) -> Result<u64, CodecError> {
    number::read(&mut patch, field).map_err(failed)
}

fn failed(error: io::Error) -> CodecError {
    match classify("header of the patch", error) {
        // Nothing is decoded here: what is no end is the file's trouble.
        CodecError::Damaged { source, .. } => CodecError::Io { operation: "read the patch", source },
        error => error,
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;
    use upstep_model::Digest;

    #[test]
    fn a_header_survives_its_own_bytes() {
        let sizes = [0, 127, 128, 1 << 31, u64::MAX / 2];
        for (from_size, to_size) in sizes.into_iter().flat_map(|from| sizes.map(|to| (from, to))) {
            let memory = to_size / 3 / KIB * KIB;
            let header = Header { from_size, to_size, memory, ..sample() };
            let bytes = write(&header, Coding::Bidiff);
            let mut rest = &bytes[..];
            assert_eq!(read_header(&mut rest).expect("its own bytes"), header);
            assert!(rest.is_empty(), "{from_size} {to_size}");
        }
    }

    #[test]
    fn memory_is_told_in_kib_and_never_less_than_is_needed() {
        let bytes = write(&Header { memory: 2049, ..sample() }, Coding::Bidiff);
        assert_eq!(read_header(&mut &bytes[..]).expect("its own bytes").memory, 3072);
    }

    #[test]
    fn lengths_and_memory_out_of_bounds_are_named() {
        let head = &write(&sample(), Coding::Bidiff)[..FIELDS];
        // LEB128 of 3; of 7, zigzag of -4; of 2^54.
        let [length, less, memory] = [&[3][..], &[7], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40]];
        let error = read_header(&mut &[head, length, less, &[0]].concat()[..]).expect_err("a length below 0");
        assert!(error.to_string().starts_with("grown of the patch must be"), "{error}");
        let error = read_header(&mut &[head, length, &[0], memory].concat()[..]).expect_err("too much memory");
        assert!(error.to_string().starts_with("memory of the patch must be"), "{error}");
    }

    #[test]
    fn other_files_other_formats_and_other_codecs_are_told_apart() {
        let mut bytes = write(&sample(), Coding::Bidiff);
        bytes[4] = 99;
        assert!(matches!(read_header(&mut &bytes[..]), Err(CodecError::UnknownCodec { found: 99 })));
        bytes[3] = 2;
        assert!(matches!(read_header(&mut &bytes[..]), Err(CodecError::Format { found: 2, supported: FORMAT })));
        bytes[0] = b'#';
        assert!(matches!(read_header(&mut &bytes[..]), Err(CodecError::NotAPatch { .. })));
        assert!(matches!(read_header(&mut &bytes[..2]), Err(CodecError::Truncated { .. })));
    }

    /// Where the numbers begin.
    const FIELDS: usize = 3 + 1 + 1 + 4 + 8;

    fn sample() -> Header {
        let (from, to) = (Prefix::of(&Digest::of(b"old")), Prefix::of(&Digest::of(b"new")));
        Header { codec: Codec::Bidiff, from, from_size: 3, to, to_size: 3, memory: 1 << 21 }
    }
}
