//! Patches: a file that turns one artifact into another, and the full, the artifact itself.
//!
//! [`apply`] and [`full::decompress`] stream: download in, artifact out, in the memory that the
//! header declares. They never trust what they read: every length is checked, every loop is
//! bounded, the output stops at the size that was announced, and its digest is compared.
//! `diff` and `full::compress` (feature `encode`) make what they read.
//!
//! The bytes of a patch file are written down in `docs/formats.md` and `docs/exe`, why they are as they are in
//! `docs/codec.md`.

#![forbid(unsafe_code)]

mod apply;
mod bidiff;
mod coding;
#[cfg(feature = "encode")]
mod diff;
mod error;
mod exe;
pub mod frame;
pub mod full;
mod header;
mod level;
pub mod limit;
mod matched;
#[cfg(feature = "encode")]
mod matching;
mod number;
mod old;
mod output;
mod prefix;
#[cfg(feature = "encode")]
mod suffixes;
mod window;
mod worker;
mod zeros;

pub use apply::{Applied, ApplyLimits, Patch, apply};
#[cfg(feature = "encode")]
pub use diff::{DiffOptions, Diffed, MAX_SIZE, compare, diff, diff_memory, streams};
pub use error::CodecError;
#[cfg(feature = "encode")]
pub use exe::StreamSize;
pub use header::{FORMAT, Header, MAGIC, read_header};
pub use level::Level;
pub use old::ReadAt;
pub use prefix::Prefix;
