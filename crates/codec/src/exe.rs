//! The codec `exe`: for programs, whose addresses move.
//!
//! Most bytes that differ between two builds of a program are addresses of what moved because
//! something before it grew. The patch says which pieces of the new file come from where (the
//! matches), and from these both sides know where every address went (the map). In a match each
//! field that holds an address is written as if its target had moved with the map; only where
//! that is wrong it costs bytes. Everything is coded by adaptive models and a range coder; at level `fast` what
//! is wrong is left to zstd.
//!
//! `docs/codec.md` says why, `docs/exe` what every bit is. Whatever the models do is part
//! of the format: a change of any of them is another codec.

mod ahead;
mod arm64;
mod batch;
mod batches;
mod bit;
mod body;
mod class;
mod coder;
mod control;
mod copy;
mod decode;
mod delta;
mod derive;
mod destinations;
#[cfg(feature = "encode")]
mod encode;
mod fast;
mod field;
mod hits;
mod hole;
mod image;
mod instruction;
mod keys;
mod lanes;
mod layout;
mod lines;
mod literal;
mod map;
mod memory;
mod models;
mod nearest;
mod nibble;
mod number;
mod parts;
mod plain;
mod popular;
mod rank;
mod reference;
mod renaming;
mod repeat;
mod runs;
mod scan;
mod stored;
mod tables;
mod targets;
mod tier;
mod unit;
mod values;
mod window;
mod windows;
mod written;
mod x86;

pub(crate) use decode::decode;
#[cfg(feature = "encode")]
pub use encode::StreamSize;
#[cfg(feature = "encode")]
pub(crate) use encode::{encode, encode_memory, streams};
