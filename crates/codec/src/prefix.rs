//! How a digest begins.

use std::fmt;
use upstep_model::Digest;

/// The first `N` bytes of a SHA-256 digest; as text `2 N` hex digits.
///
/// They tell files apart that nobody made to look alike: two have the same 8 bytes by chance once in 2^64. Whoever must
/// trust what a patch makes compares the whole digest with one that was signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Prefix<const N: usize>([u8; N]);

impl<const N: usize> Prefix<N> {
    /// The beginning of `digest`.
    pub fn of(digest: &Digest) -> Self {
        const { assert!(N <= 32) };
        let mut bytes = [0; N];
        bytes.copy_from_slice(&digest.as_bytes()[..N]);
        Prefix(bytes)
    }

    pub(crate) fn from_bytes(bytes: [u8; N]) -> Self {
        Prefix(bytes)
    }

    #[cfg(feature = "encode")]
    pub(crate) fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// Whether `digest` begins so.
    pub fn is_of(&self, digest: &Digest) -> bool {
        *self == Prefix::of(digest)
    }
}

impl<const N: usize> fmt::Display for Prefix<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Prefix<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({self})")
    }
}
