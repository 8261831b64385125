//! The vocabulary of Upstep as types, and the arithmetic over them.
//!
//! Nothing in here reads a file, opens a socket, asks a clock or the environment: every function
//! is a function of its arguments. Strings become types at the edge ([`AppName`], [`Channel`],
//! [`Platform`], [`Version`], [`Digest`]), and only those travel inside.

#![forbid(unsafe_code)]

pub mod digest;
pub mod executable;
pub mod index;
pub mod marker;
pub mod name;
pub mod paths;
pub mod plan;
pub mod platform;
pub mod rollout;
pub mod version;
mod ways;

pub use digest::{Digest, Digester};
pub use index::{Artifact, Codec, Full, Index, Kind, Patch, Release};
pub use name::{AppName, Channel};
pub use plan::{Base, Limits, Plan, Step, StepKind};
pub use platform::Platform;
pub use rollout::Rollout;
pub use version::Version;

/// A string that is not what it should be: what was expected, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {expected}, found {found:?}")]
pub struct Invalid {
    /// What was read, in the vocabulary: "version", "platform".
    pub what: &'static str,
    /// The form that it must have.
    pub expected: &'static str,
    /// The beginning of what was found.
    pub found: String,
}

impl Invalid {
    /// Keeps at most 80 characters of `found`, so that hostile input can't flood a log.
    pub fn new(what: &'static str, expected: &'static str, found: &str) -> Self {
        Invalid { what, expected, found: found.chars().take(80).collect() }
    }
}

/// `FromStr`, `TryFrom<String>` and `Display` for a string newtype `$type(String)` with `$parse`.
macro_rules! string_type {
    ($type:ident) => {
        impl std::str::FromStr for $type {
            type Err = crate::Invalid;
            fn from_str(text: &str) -> Result<Self, crate::Invalid> {
                Self::parse(text)
            }
        }
        impl TryFrom<String> for $type {
            type Error = crate::Invalid;
            fn try_from(text: String) -> Result<Self, crate::Invalid> {
                Self::parse(&text)
            }
        }
        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }
    };
}
pub(crate) use string_type;
