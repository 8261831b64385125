//! What can go wrong when metadata is signed.

use crate::{Role, TrustError};
use tough::schema;

/// Why a key could not be read, or metadata not be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// No key was given for a role that has to sign.
    #[error("no {role} key was given")]
    MissingKey {
        /// The role.
        role: Role,
    },
    /// A key that the root does not name for the role.
    #[error("wrong {role} key: the root names {}, found {found}", expected.join(", "))]
    WrongKey {
        /// The role.
        role: Role,
        /// The ids of the keys that the root names.
        expected: Vec<String>,
        /// The id of the key that was given.
        found: String,
    },
    /// The root wants more signatures than one.
    #[error("the root asks for {threshold} {role} signatures, one key signs here")]
    Threshold {
        /// The role.
        role: Role,
        /// How many the root asks for.
        threshold: u64,
    },
    /// Text that is no key.
    #[error("not a private key: {reason}")]
    NotAKey {
        /// What was expected and found.
        reason: String,
    },
    /// The key is encrypted and no passphrase was given.
    #[error("the key is encrypted, and no passphrase was given")]
    PassphraseNeeded,
    /// The passphrase does not fit.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// The key can't be encrypted or decrypted.
    #[error("can't {operation} the key")]
    Encryption {
        /// `encrypt` or `decrypt`.
        operation: &'static str,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system gave no random bytes for a key.
    #[error("can't make a key: the system's random numbers failed")]
    Random,
    /// Metadata of the store that is not signed as it must be.
    #[error("the {role} metadata that is there already can't be used: {reason}")]
    Existing {
        /// The role.
        role: Role,
        /// What is wrong with it.
        reason: String,
    },
    /// The same, where reading it failed.
    #[error("the metadata that is there already can't be used")]
    Unreadable(#[source] Box<TrustError>),
    /// A number that does not go up.
    #[error("{role} version {number} must be above {current}")]
    Number {
        /// The role.
        role: Role,
        /// The number that was asked for.
        number: u64,
        /// The one that is there.
        current: u64,
    },
    /// A target's name that can't be one.
    #[error("target name {name:?} must be letters, digits, '.', '_' and '-'")]
    Name {
        /// The name.
        name: String,
    },
    /// A lifetime that ends before it begins, or after the calendar.
    #[error("a lifetime of {seconds} s is not possible for {role}")]
    Lifetime {
        /// The role.
        role: Role,
        /// The lifetime.
        seconds: i64,
    },
    /// The content has no canonical form.
    #[error("can't write the {role} metadata")]
    Form {
        /// The role.
        role: Role,
        /// Why not.
        source: Box<schema::Error>,
    },
}

impl From<TrustError> for SignError {
    fn from(error: TrustError) -> Self {
        SignError::Unreadable(Box::new(error))
    }
}
