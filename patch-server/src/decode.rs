//! Decodes a full on its way out: zstd in, the program out, piece by piece.

use crate::body::ByteStream;
use bytes::{Buf as _, Bytes};
use futures::{Stream, StreamExt as _, stream};
use std::io;
use upstep_model::{Artifact, Digest, Digester};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

/// Bytes of program that are sent at once.
const PIECE: usize = 64 << 10;

/// The largest window of a full.
const MAX_WINDOW_LOG: u32 = 25;

/// Why a full can't be sent decoded. The connection is cut before the last piece: the length that
/// was announced is not reached, so no client takes what it got for the program.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It could not be read, or is no zstd.
    #[error("cannot decode the full download")]
    Io(#[from] io::Error),
    /// It ends in the middle.
    #[error("the full download ends in the middle")]
    Truncated,
    /// It holds another length than the artifact's.
    #[error("the full download must hold {expected} bytes, found {found}")]
    Size {
        /// The artifact's length.
        expected: u64,
        /// What was decoded until then.
        found: u64,
    },
    /// It holds something else than the artifact.
    #[error("the full download must hold the artifact {expected}, found {found}")]
    Digest {
        /// The artifact's digest.
        expected: Digest,
        /// What it holds.
        found: Digest,
    },
}

/// The artifact of which `full` is the download. The last piece is handed out only when the digest
/// of all is known to be right.
pub fn decoded(
    full: ByteStream,
    artifact: &Artifact,
) -> io::Result<impl Stream<Item = Result<Bytes, DecodeError>> + use<>> {
    let mut decoder = Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))?;
    let decoding = Decoding {
        full,
        decoder,
        unread: Bytes::new(),
        has_more: false,
        is_frame_done: false,
        digester: Digester::new(),
        length: 0,
        artifact: artifact.clone(),
        held: None,
    };
    Ok(stream::try_unfold(decoding, |mut decoding| async move {
        loop {
            match decoding.piece().await? {
                Some(piece) => {
                    if let Some(before) = decoding.held.replace(piece) {
                        return Ok(Some((before, decoding)));
                    }
                }
                None => {
                    decoding.verify()?;
                    return Ok(decoding.held.take().map(|last| (last, decoding)));
                }
            }
        }
    }))
}

struct Decoding {
    full: ByteStream,
    decoder: Decoder<'static>,
    /// What was read and not yet decoded.
    unread: Bytes,
    /// The decoder may hold output that found no room.
    has_more: bool,
    is_frame_done: bool,
    digester: Digester,
    length: u64,
    artifact: Artifact,
    /// The piece that waits until it is known whether it is the last.
    held: Option<Bytes>,
}

impl Decoding {
    /// The next bytes of the artifact; `None` at its end.
    async fn piece(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let mut piece: Vec<u8> = Vec::with_capacity(PIECE);
        while piece.len() < PIECE {
            if self.unread.is_empty() && !self.has_more {
                match self.full.next().await {
                    Some(chunk) => self.unread = chunk?,
                    None if !self.is_frame_done => return Err(DecodeError::Truncated),
                    None => break,
                }
                continue;
            }
            let mut input = InBuffer::around(&self.unread);
            let at = piece.len();
            let mut output = OutBuffer::around_pos(&mut piece, at);
            let hint = self.decoder.run(&mut input, &mut output)?;
            let (read, is_full) = (input.pos(), output.pos() == PIECE);
            self.unread.advance(read);
            self.is_frame_done = hint == 0;
            self.has_more = is_full && hint != 0;
        }
        if piece.is_empty() {
            return Ok(None);
        }
        self.length += piece.len() as u64;
        if self.length > self.artifact.size {
            return Err(DecodeError::Size { expected: self.artifact.size, found: self.length });
        }
        self.digester.update(&piece);
        Ok(Some(piece.into()))
    }

    fn verify(&self) -> Result<(), DecodeError> {
        if self.length != self.artifact.size {
            return Err(DecodeError::Size { expected: self.artifact.size, found: self.length });
        }
        let found = self.digester.clone().finish();
        if found != self.artifact.digest {
            return Err(DecodeError::Digest { expected: self.artifact.digest, found });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt as _;
    use futures::executor::block_on;
    use upstep_model::Kind;

    fn artifact(bytes: &[u8]) -> Artifact {
        Artifact { kind: Kind::File, digest: Digest::of(bytes), size: bytes.len() as u64 }
    }

    /// What a client gets: whole, or what it got until the connection was cut.
    fn sent(full: &[u8], artifact: &Artifact, chunk: usize) -> Result<Vec<u8>, (Vec<u8>, DecodeError)> {
        let chunks: Vec<_> = full.chunks(chunk).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let mut got = Vec::new();
        let mut pieces = Box::pin(decoded(stream::iter(chunks).boxed_local(), artifact).expect("a decoder"));
        loop {
            match block_on(pieces.try_next()) {
                Ok(Some(piece)) => got.extend_from_slice(&piece),
                Ok(None) => return Ok(got),
                Err(error) => return Err((got, error)),
            }
        }
    }

    fn program(length: usize) -> Vec<u8> {
        (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59) as u8).collect()
    }

    #[test]
    fn whatever_the_pieces_the_program_comes_out() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE, 300_001] {
            let program = program(length);
            let full = zstd::encode_all(&program[..], 3).expect("memory");
            for chunk in [1, 7, 4096, usize::MAX] {
                if chunk == 1 && length > PIECE * 2 {
                    continue;
                }
                assert!(sent(&full, &artifact(&program), chunk).expect("decodes") == program, "{length} in {chunk}");
            }
        }
        let two =
            [zstd::encode_all(&b"one"[..], 3).expect("memory"), zstd::encode_all(&b"two"[..], 3).expect("memory")];
        assert_eq!(sent(&two.concat(), &artifact(b"onetwo"), 3).expect("two frames decode"), b"onetwo");
        let zeros = vec![0; 10 << 20];
        let full = zstd::encode_all(&zeros[..], 3).expect("memory");
        assert!(sent(&full, &artifact(&zeros), usize::MAX).expect("decodes") == zeros);
    }

    #[test]
    fn what_is_not_the_program_never_reaches_the_announced_length() {
        let program = program(3 * PIECE + 5);
        let full = zstd::encode_all(&program[..], 3).expect("memory");
        let right = artifact(&program);
        let longer = Artifact { size: right.size + 1, ..right.clone() };
        let shorter = Artifact { size: right.size - 1, ..right.clone() };
        let other = Artifact { digest: Digest::of(b"other"), ..right.clone() };
        let mut flipped = full.clone();
        *flipped.last_mut().expect("not empty") ^= 1;
        let cases: [(&[u8], &Artifact); 6] = [
            (&full, &longer),
            (&full, &shorter),
            (&full, &other),
            (&full[..full.len() - 1], &right),
            (&flipped, &right),
            (b"no zstd at all", &right),
        ];
        for (at, (full, artifact)) in cases.into_iter().enumerate() {
            let (got, error) = sent(full, artifact, 1000).expect_err("not the program");
            assert!((got.len() as u64) < artifact.size, "case {at}: {error} after {}", got.len());
        }
        assert!(sent(&[], &artifact(b""), 1).is_err());
    }
}
