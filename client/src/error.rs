//! Why there was no update. The program that links the library never has to care.

use std::io;
use std::path::PathBuf;
use std::time::Duration;
use upstep_model::{Digest, Invalid, Version};
use upstep_trust::{SourceError, TrustError};

/// Why there was no update.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// The environment switches updates off.
    #[error("updates are switched off by {variable}")]
    OptedOut {
        /// The variable.
        variable: String,
    },
    /// The program was built with something that is not of the right form.
    #[error("this program was built with a wrong setting")]
    Setting(#[from] Invalid),
    /// No address was given.
    #[error("no address to look for updates at was given")]
    NoAddress,
    /// An address that updates are not taken from.
    #[error("address {address:?} must be {expected}")]
    Address {
        /// The address.
        address: String,
        /// What it must be.
        expected: &'static str,
    },
    /// This install can't be updated.
    #[error("this install can't be updated")]
    Place(#[source] upstep_swap::Refusal),
    /// Another process of this install has the lock, or a trial is open.
    #[error("an update of this install is under way")]
    Busy,
    /// A file operation failed.
    #[error("cannot {operation} {}", path.display())]
    File {
        /// What was to be done.
        operation: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The client of HTTP can't be set up: no certificate authorities, a malformed proxy.
    #[error("cannot set up HTTPS")]
    Http {
        /// Why.
        source: reqwest::Error,
    },
    /// A request failed: no connection, or it was cut.
    #[error("cannot fetch {url}")]
    Request {
        /// The URL.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// A status that is no answer.
    #[error("{url} answered with status {status}")]
    Status {
        /// The URL.
        url: String,
        /// The status.
        status: u16,
        /// What the server asked for.
        retry_after: Option<Duration>,
    },
    /// Nothing, or too little, came within the time.
    #[error("{url} brought too little within {window:?}")]
    Stalled {
        /// The URL.
        url: String,
        /// The time.
        window: Duration,
    },
    /// More bytes than the limit.
    #[error("{url} sends more than {limit} bytes")]
    TooLarge {
        /// The URL.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// Fewer or more bytes than the index says.
    #[error("{url} must have {expected} bytes, found {found}")]
    Length {
        /// The URL.
        url: String,
        /// What the index says.
        expected: u64,
        /// What was announced, or came.
        found: u64,
    },
    /// An answer that does not go on where the download was interrupted.
    #[error("{url} must go on at byte {expected}, answered {found:?}")]
    Range {
        /// The URL.
        url: String,
        /// Where it was to go on.
        expected: u64,
        /// What the answer says.
        found: String,
    },
    /// Bytes that are not what was signed.
    #[error("{place} must have digest {expected}, found {found}")]
    Digest {
        /// A URL or a path.
        place: String,
        /// What was signed.
        expected: Digest,
        /// What was found.
        found: Digest,
    },
    /// The signed metadata was refused, or could not be had.
    #[error("the signed metadata was not accepted")]
    Trust(#[source] Box<TrustError>),
    /// The signed metadata offers nothing for this channel and platform.
    #[error("nothing is published as {target}")]
    NotPublished {
        /// The name of the index.
        target: String,
    },
    /// The signed index is not one that this program reads.
    #[error("the index {target} was not accepted")]
    Index {
        /// Its name.
        target: String,
        /// Why.
        source: upstep_model::index::IndexError,
    },
    /// A compressed document, a full or a patch can't be decoded.
    #[error("cannot decode {what}")]
    Decode {
        /// What was decoded.
        what: String,
        /// Why.
        source: upstep_codec::CodecError,
    },
    /// There is no way to the release that this program can take.
    #[error("no way leads to {to} within the memory and the codecs of this program")]
    NoWay {
        /// The release.
        to: Version,
    },
    /// The time that the program gave is over.
    #[error("not finished within {limit:?}")]
    Time {
        /// The time.
        limit: Duration,
    },
    /// The installed program changed while its update was under way.
    #[error("the installed program was changed by somebody else")]
    Changed,
    /// The swap failed.
    #[error("cannot install")]
    Swap(#[source] Box<upstep_swap::SwapError>),
    /// A thread could not be started, or ended early.
    #[error("the updater's thread did not finish")]
    Thread {
        /// Why it could not be started.
        #[source]
        source: Option<io::Error>,
    },
}

impl From<TrustError> for UpdateError {
    /// What failed because of the network is the network's failure.
    fn from(error: TrustError) -> Self {
        match error {
            TrustError::Source { source: SourceError::Other(cause), path } => match cause.downcast::<UpdateError>() {
                Ok(error) => *error,
                Err(cause) => {
                    UpdateError::Trust(Box::new(TrustError::Source { source: SourceError::Other(cause), path }))
                }
            },
            error => UpdateError::Trust(Box::new(error)),
        }
    }
}

impl UpdateError {
    /// Whether the same request may succeed a little later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            UpdateError::Request { source, .. } => !source.is_redirect() && !source.is_builder(),
            UpdateError::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            UpdateError::Stalled { .. } | UpdateError::Length { .. } => true,
            _ => false,
        }
    }

    /// Whether the fault is on this machine, so that another address would not help.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, UpdateError::File { .. } | UpdateError::Time { .. } | UpdateError::Http { .. })
    }

    /// Whether what was downloaded so far can't be gone on with.
    pub(crate) fn spoils_the_part(&self) -> bool {
        matches!(self, UpdateError::Digest { .. } | UpdateError::Range { .. } | UpdateError::TooLarge { .. })
    }

    /// What an overloaded server asked for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            UpdateError::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What the user can do, where this install can't be updated: the command of the package
    /// manager that owns it, or how a place that can't be written is.
    pub fn hint(&self) -> Option<String> {
        match self {
            UpdateError::Place(refusal) => refusal.hint(),
            _ => None,
        }
    }

    /// What kind of failure this is: the exit code of the command depends on it.
    pub fn kind(&self) -> FailureKind {
        match self {
            UpdateError::Trust(error) if matches!(**error, TrustError::Source { .. }) => FailureKind::Network,
            UpdateError::Trust(_)
            | UpdateError::Digest { .. }
            | UpdateError::Index { .. }
            | UpdateError::NotPublished { .. }
            | UpdateError::Decode { .. }
            | UpdateError::NoWay { .. } => FailureKind::Refused,
            UpdateError::Request { .. }
            | UpdateError::Http { .. }
            | UpdateError::Status { .. }
            | UpdateError::Stalled { .. }
            | UpdateError::TooLarge { .. }
            | UpdateError::Length { .. }
            | UpdateError::Range { .. }
            | UpdateError::Time { .. } => FailureKind::Network,
            UpdateError::File { .. }
            | UpdateError::Place(_)
            | UpdateError::Busy
            | UpdateError::Changed
            | UpdateError::Swap(_)
            | UpdateError::Thread { .. } => FailureKind::Write,
            UpdateError::OptedOut { .. }
            | UpdateError::Setting(_)
            | UpdateError::NoAddress
            | UpdateError::Address { .. } => FailureKind::Usage,
        }
    }
}

/// The kinds of [`UpdateError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// A wrong setting.
    Usage,
    /// What was offered is not what was signed, or not for this program.
    Refused,
    /// The network or the server.
    Network,
    /// This machine: the place can't be written, or is in use.
    Write,
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let line = error.to_string();
        if !text.ends_with(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        cause = error.source();
    }
    text
}
