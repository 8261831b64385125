//! The ways in which the body of a patch may be coded.
//!
//! To add one: a module with the two functions of [`crate::bidiff`], a variant here with its
//! number, a name in `upstep_model::Codec`. Header, limits, digests and the choice of the
//! smallest are not its business.

use crate::old::OldFile;
use crate::{CodecError, Header, bidiff, exe};
#[cfg(feature = "encode")]
use crate::{Level, matching::Pair};
use std::io::Read;
use std::thread::Scope;
use upstep_model::Codec;

/// A way to code the body of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// The stream of the crates bidiff and bipatch in zstd frames.
    Bidiff,
    /// Our own, for programs.
    Exe,
}

/// A coded body, and what decoding it takes.
#[cfg(feature = "encode")]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) memory: u64,
}

impl Coding {
    #[cfg(feature = "encode")]
    pub(crate) const ALL: [Coding; 2] = [Coding::Bidiff, Coding::Exe];

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Coding::Bidiff),
            2 => Some(Coding::Exe),
            _ => None,
        }
    }

    #[cfg(feature = "encode")]
    pub(crate) fn number(self) -> u8 {
        match self {
            Coding::Bidiff => 1,
            Coding::Exe => 2,
        }
    }

    pub(crate) fn codec(self) -> Codec {
        match self {
            Coding::Bidiff => Codec::Bidiff,
            Coding::Exe => Codec::Exe,
        }
    }

    /// A reader of the new file. It may yield anything: the caller checks length and digest. It
    /// takes no more memory than the header declares and no more time than the header's lengths
    /// justify. It may start threads in `threads`, which end when it is dropped.
    pub(crate) fn decode<'a>(
        self,
        header: &Header,
        body: Box<dyn Read + 'a>,
        old: OldFile<'a>,
        threads: &'a Scope<'a, '_>,
    ) -> Result<Box<dyn Read + 'a>, CodecError> {
        match self {
            Coding::Bidiff => bidiff::decode(header, body, old),
            Coding::Exe => exe::decode(header, body, old, threads),
        }
    }

    /// The body that makes the new file of the old one; `None` if this way does not apply to such files.
    #[cfg(feature = "encode")]
    pub(crate) fn encode(self, pair: &Pair<'_>, level: Level) -> Result<Option<Body>, CodecError> {
        match self {
            Coding::Bidiff => bidiff::encode(pair, level.zstd()).map(Some),
            Coding::Exe => exe::encode(pair, level),
        }
    }
}
