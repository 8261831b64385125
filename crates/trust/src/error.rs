//! What can go wrong when metadata is verified.

use crate::{Role, SourceError};
use jiff::Timestamp;
use std::io;
use std::path::PathBuf;
use upstep_model::Digest;

/// Why metadata or a target was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The source did not give a file that is needed.
    #[error("can't fetch {path}")]
    Source {
        /// The file, relative to the app's folder.
        path: String,
        /// Why not.
        source: SourceError,
    },
    /// A source that lags behind: not an attack, and no reason to change anything. Try the next.
    #[error("nothing new here: offered timestamp {offered}, version {known} is known already")]
    NothingNew {
        /// The version of the timestamp that is known.
        known: u64,
        /// The version that was offered.
        offered: u64,
    },
    /// Metadata is past its time: nobody renews it, or somebody withholds the renewal.
    #[error("the {role} metadata expired at {expired} (freeze): it is {now}")]
    Expired {
        /// The role whose metadata is past its time.
        role: Role,
        /// Until when it was valid.
        expired: Timestamp,
        /// The time that it was compared with.
        now: Timestamp,
    },
    /// Signed metadata that goes back behind what is known, or misses a part of it.
    #[error("{file} goes back behind what is known")]
    Rollback {
        /// The file.
        file: String,
        /// What is older.
        source: Box<tough::error::Error>,
    },
    /// A version that goes back behind what is known.
    #[error("the {role} metadata goes back from version {known} to {offered}")]
    OlderVersion {
        /// The role whose metadata is older.
        role: Role,
        /// The version that is known.
        known: u64,
        /// The version that was offered.
        offered: u64,
    },
    /// A signature, digest, version or form that is wrong.
    #[error("{file} is refused")]
    Refused {
        /// The file, as far as it is known.
        file: String,
        /// What is wrong with it.
        source: Box<tough::error::Error>,
    },
    /// Metadata that this crate's own look at it does not confirm.
    #[error("{file} is refused: {reason}")]
    Unverified {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More roots in a row than any author makes.
    #[error("more than {limit} new roots in one check; they go on at the next")]
    TooManyRoots {
        /// The most roots that are taken in one check.
        limit: u64,
    },
    /// The root that is built into the program is no root.
    #[error("the embedded root is no root: {reason}")]
    EmbeddedRoot {
        /// What is wrong with it.
        reason: String,
    },
    /// The signed metadata knows no target of this name.
    #[error("no target {name:?} in the signed metadata")]
    NoTarget {
        /// The name.
        name: String,
    },
    /// A target larger than the caller takes.
    #[error("{name}: {size} bytes are signed, at most {limit} are taken")]
    TargetTooLarge {
        /// The name.
        name: String,
        /// The size in the signed metadata.
        size: u64,
        /// The most that the caller takes.
        limit: u64,
    },
    /// The bytes of a target are not those that were signed.
    #[error("{path}: expected {size} bytes with SHA-256 {expected}, found {found_size} with {found}")]
    WrongTarget {
        /// The file, relative to the app's folder.
        path: String,
        /// The signed digest.
        expected: Digest,
        /// The signed size.
        size: u64,
        /// The digest found.
        found: Digest,
        /// The size found.
        found_size: u64,
    },
    /// No copy of the stored state can be used; nothing is trusted until it is reset.
    #[error("the trust state in {} can't be used: {first}; {second} (a reset mends it)", dir.display())]
    StateBroken {
        /// The folder of the two copies.
        dir: PathBuf,
        /// What is wrong with the first copy.
        first: String,
        /// What is wrong with the second.
        second: String,
    },
    /// A newer version of this library wrote the state, and says that this one can't read it.
    #[error("{} needs a reader of version {min_reader}, this is version {reader} (a reset mends it)", path.display())]
    StateTooNew {
        /// The copy.
        path: PathBuf,
        /// The oldest reader that understands it.
        min_reader: u32,
        /// The version of this reader.
        reader: u32,
    },
    /// The state can't be read or written.
    #[error("can't {operation} {}", path.display())]
    StateIo {
        /// What was tried.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A document that is not what its name says (for tools that read without verifying).
    #[error("{what} can't be read")]
    Document {
        /// Which kind of metadata was expected.
        what: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
}
