//! The header of a patch file: who it is for, what it makes, what decoding it takes.

use crate::coding::Coding;
use crate::error::classify;
use crate::{CodecError, number};
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
    let [coding] = array(patch)?;
    let coding = Coding::from_number(coding).ok_or(CodecError::UnknownCodec { found: coding })?;
    let from = Digest::from_bytes(array(patch)?);
    let to = Digest::from_bytes(array(patch)?);
    let from_size = number(patch, "from_size")?;
    let to_size = number(patch, "to_size")?;
    let memory = number(patch, "memory")?;
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

    #[test]
    fn a_header_survives_its_own_bytes() {
        for number in [0, 127, 128, 1 << 31, u64::MAX] {
            let header = Header {
                codec: Codec::Bidiff,
                from: Digest::of(b"old"),
                from_size: number,
                to: Digest::of(b"new"),
                to_size: number / 2,
                memory: number / 3,
            };
            let bytes = write(&header, Coding::Bidiff);
            let mut rest = &bytes[..];
            assert_eq!(read_header(&mut rest).expect("its own bytes"), header);
            assert!(rest.is_empty(), "{number}");
        }
    }

    #[test]
    fn other_files_other_formats_and_other_codecs_are_told_apart() {
        let mut bytes = write(&read_header(&mut &sample()[..]).expect("a header"), Coding::Bidiff);
        bytes[5] = 99;
        assert!(matches!(read_header(&mut &bytes[..]), Err(CodecError::UnknownCodec { found: 99 })));
        bytes[4] = 2;
        assert!(matches!(read_header(&mut &bytes[..]), Err(CodecError::Format { found: 2, supported: FORMAT })));
        bytes[0] = b'#';
        assert!(matches!(read_header(&mut &bytes[..]), Err(CodecError::NotAPatch { .. })));
        assert!(matches!(read_header(&mut &bytes[..3]), Err(CodecError::Truncated { .. })));
    }

    fn sample() -> Vec<u8> {
        let (from, to) = (Digest::of(b"old"), Digest::of(b"new"));
        write(&Header { codec: Codec::Bidiff, from, from_size: 3, to, to_size: 3, memory: 1 << 21 }, Coding::Bidiff)
    }
}
