//! What can go wrong with a patch or a full.

use crate::Prefix;
use std::io;
use upstep_model::Digest;

/// Why a patch or a full could not be read, applied or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The first bytes are not those of a patch.
    #[error("not a patch: it must begin with {expected:02x?}, found {found:02x?}")]
    NotAPatch {
        /// The magic bytes.
        expected: [u8; 3],
        /// The file's own first bytes.
        found: [u8; 3],
    },
    /// The patch was written by a newer Upstep.
    #[error("patch has format {found}, this program reads format {supported}")]
    Format {
        /// The patch's format.
        found: u8,
        /// The one that this code reads.
        supported: u8,
    },
    /// The patch is coded in a way that this code does not know.
    #[error("patch has codec number {found}, which this program does not know")]
    UnknownCodec {
        /// The number in its header.
        found: u8,
    },
    /// A field is not what it must be.
    #[error("{field} of the patch must be {expected}, found {found}")]
    Field {
        /// The field, as `docs/formats.md` calls it.
        field: &'static str,
        /// The form that it must have.
        expected: &'static str,
        /// What it is.
        found: u64,
    },
    /// Decoding needs more memory than the caller allows.
    #[error("decoding {what} needs {needs} bytes of memory, the limit is {limit}")]
    Memory {
        /// What would be decoded.
        what: &'static str,
        /// What it declares.
        needs: u64,
        /// What the caller allows.
        limit: u64,
    },
    /// The patch is for another file.
    #[error(
        "old file is not the one that the patch is for: expected {expected}... ({expected_size} bytes), found {} ({found_size} bytes)",
        shown(found)
    )]
    WrongOld {
        /// How the digest of the file begins that the patch is for.
        expected: Prefix<4>,
        /// Its length.
        expected_size: u64,
        /// Digest of the file that is there; not computed where the lengths differ.
        found: Option<Digest>,
        /// Its length.
        found_size: u64,
    },
    /// The output is not what the header promised.
    #[error("new file is not what the patch promises: expected {expected}..., found {found}")]
    WrongNew {
        /// How the digest must begin.
        expected: Prefix<8>,
        /// The digest of what came out.
        found: Digest,
    },
    /// The data ends before everything is there.
    #[error("{what} ends too early")]
    Truncated {
        /// What was read.
        what: &'static str,
    },
    /// More comes out than was announced.
    #[error("{what} is longer than {limit} bytes")]
    TooLong {
        /// What was read.
        what: &'static str,
        /// The length that was announced.
        limit: u64,
    },
    /// The data can't be decoded.
    #[error("{what} is damaged")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// What the decoder says.
        source: io::Error,
    },
    /// A file could not be read or written.
    #[error("can't {operation}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A file is too long to make a patch of.
    #[error("{what} has {size} bytes, a diff takes at most {limit}")]
    TooLarge {
        /// Which file.
        what: &'static str,
        /// Its length.
        size: u64,
        /// The most that is taken.
        limit: u64,
    },
    /// A level that zstd does not have.
    #[error("compression level must be from 1 to 22, found {found}")]
    Level {
        /// What was asked for.
        found: i32,
    },
}

fn shown(found: &Option<Digest>) -> String {
    found.map_or_else(|| "another one".to_owned(), |digest| digest.to_string())
}

/// A [`CodecError`] on its way through decoders that know [`io::Error`] alone.
///
/// Its kind is `Other`: bipatch takes `UnexpectedEof` for the regular end of a stream, and zstd
/// says just that of a truncated one.
pub(crate) fn carry(error: CodecError) -> io::Error {
    io::Error::other(error)
}

/// What an I/O error that came out of a decoder of `what` means.
pub(crate) fn classify(what: &'static str, error: io::Error) -> CodecError {
    match error.downcast::<CodecError>() {
        Ok(carried) => carried,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => CodecError::Truncated { what },
        Err(source) => CodecError::Damaged { what, source },
    }
}

/// An I/O error of a file of ours, on its way through a decoder. An interrupted call is left to
/// be tried again, and what is carried already stays what it is.
pub(crate) fn carry_io(operation: &'static str, source: io::Error) -> io::Error {
    let is_carried = source.get_ref().is_some_and(|inner| inner.is::<CodecError>());
    if is_carried || source.kind() == io::ErrorKind::Interrupted {
        return source;
    }
    carry(CodecError::Io { operation, source })
}
