//! Signed metadata: who may say what the newest release is.
//!
//! Each app is a TUF 1.0 repository with a root of its own. The verifying workflow is that of the
//! crate `tough`; this crate gives it a [`Source`] to read from and a [`State`] that survives
//! between checks, and closes what `tough` leaves open:
//!
//! - the newest *verified* root is what a check starts from, so a rotation of the online keys is
//!   seen once and not at every check (which would forget the versions known, each time);
//! - what is known lives in two checksummed copies that are written whole or not at all, and a
//!   state that can't be read refuses instead of starting from nothing;
//! - a clock that once stood in the future is believed for two days at most.
//!
//! Verifying is all that a client needs. Keys and signatures are behind the feature `sign`.

#![forbid(unsafe_code)]

mod clock;
mod document;
mod error;
mod exchange;
mod known;
mod metadata;
mod refresh;
mod role;
mod root;
#[cfg(feature = "sign")]
mod sign;
mod source;
mod state;
mod stored;
mod target;

pub use document::{
    Reference, RootDocument, SnapshotDocument, TargetsDocument, TimestampDocument, parse_root, parse_snapshot,
    parse_targets, parse_timestamp,
};
pub use error::TrustError;
pub use metadata::{Metadata, Numbers, Target, Target as TargetInfo};
pub use refresh::refresh;
pub use role::Role;
#[cfg(feature = "sign")]
pub use sign::{
    Current, Lifetimes, SignError, Signed, SigningKey, check_key, is_encrypted, new_root, resign, rotate_root, sign,
};
pub use source::{Fetched, Source, SourceError};
pub use state::State;
pub use target::read_target;
