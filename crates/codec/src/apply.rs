//! Applying a patch: patch in, new file out.

use crate::coding::Coding;
use crate::old::OldFile;
use crate::output::{Download, ended, write_exactly};
use crate::worker::Worker;
use crate::{CodecError, Header, ReadAt, header};
use std::io::{Read, Write};
use upstep_model::Digest;

/// What the caller allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyLimits {
    /// Most memory that decoding may need, in bytes.
    pub memory: u64,
}

impl Default for ApplyLimits {
    /// 256 MB.
    fn default() -> Self {
        ApplyLimits { memory: 256 << 20 }
    }
}

/// What a patch was applied to, and what it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What the patch says about itself.
    pub header: Header,
    /// Digest of the old file.
    pub from: Digest,
    /// Digest of what was written.
    pub to: Digest,
}

/// A patch whose header has been read and whose body has not.
pub struct Patch<R> {
    header: Header,
    coding: Coding,
    body: R,
}

impl<R: Read> Patch<R> {
    /// Reads the header.
    pub fn open(mut patch: R) -> Result<Self, CodecError> {
        let (header, coding) = header::read(&mut patch)?;
        Ok(Patch { header, coding, body: patch })
    }

    /// What the patch says about itself. Who knows better, from a signed index, compares it
    /// before [`Patch::apply`].
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Writes the new file. What has been written is worth nothing until this returns `Ok`: then
    /// it has the length of the header and a digest that begins as there, and the whole patch was read. Who must trust
    /// it compares [`Applied::to`] with a digest that was signed.
    pub fn apply(
        self,
        old: &(impl ReadAt + ?Sized),
        new: &mut impl Write,
        limits: &ApplyLimits,
    ) -> Result<Applied, CodecError> {
        let Patch { header, coding, body } = self;
        let (from, to) = run(&header, coding, Box::new(Download(body)), &old, new, limits)?;
        Ok(Applied { header, from, to })
    }
}

/// Applies `patch` to `old`, see [`Patch::apply`].
pub fn apply(
    patch: impl Read,
    old: &(impl ReadAt + ?Sized),
    new: &mut impl Write,
    limits: &ApplyLimits,
) -> Result<Applied, CodecError> {
    Patch::open(patch)?.apply(old, new, limits)
}

// Not generic, so that it is compiled (and optimised) here and not in each caller.
fn run(
    header: &Header,
    coding: Coding,
    body: Box<dyn Read + '_>,
    old: &dyn ReadAt,
    new: &mut dyn Write,
    limits: &ApplyLimits,
) -> Result<(Digest, Digest), CodecError> {
    const WHAT: &str = "patch";
    if header.memory > limits.memory {
        return Err(CodecError::Memory { what: WHAT, needs: header.memory, limit: limits.memory });
    }
    let (from, to) = std::thread::scope(|threads| {
        let worker = Worker::new(Some(threads), "digests");
        let file = OldFile::open(old, header)?;
        let checked = worker.begin(move || OldFile::check(old, header));
        // What comes before the first byte of the new file is read meanwhile.
        let decoded = coding.decode(header, body, file, threads);
        let from = checked.recv().unwrap_or_else(|_| Err(ended()))?;
        let to = write_exactly(&mut decoded?, new, header.to_size, WHAT, &worker)?;
        Ok((from, to))
    })?;
    if !header.to.is_of(&to) {
        return Err(CodecError::WrongNew { expected: header.to, found: to });
    }
    Ok((from, to))
}
