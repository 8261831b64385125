//! Why the command failed, with the exit code and a hint.

use crate::{FailureKind, UpdateError};
use std::borrow::Cow;
use std::path::PathBuf;

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// Something that the command must be told.
    #[error("{what} is needed: {found}")]
    Needed { what: &'static str, found: String, hint: &'static str },
    /// A file that the command was given.
    #[error("cannot {operation} {}", path.display())]
    File { operation: &'static str, path: PathBuf, source: std::io::Error },
    /// An update that failed.
    #[error(transparent)]
    Update(#[from] UpdateError),
}

impl From<upstep_swap::SwapError> for CommandError {
    fn from(error: upstep_swap::SwapError) -> Self {
        CommandError::Update(crate::engine::swap(error))
    }
}

impl From<upstep_model::Invalid> for CommandError {
    fn from(error: upstep_model::Invalid) -> Self {
        CommandError::Update(error.into())
    }
}

impl CommandError {
    /// The documented exit code.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            CommandError::Needed { .. } | CommandError::File { .. } => 2,
            CommandError::Update(error) => match error.kind() {
                FailureKind::Usage => 2,
                FailureKind::Refused => 20,
                FailureKind::Network => 21,
                FailureKind::Write => 22,
            },
        }
    }

    /// What the user can do.
    pub(super) fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            CommandError::Needed { hint, .. } => Some(*hint),
            CommandError::File { .. } => None,
            CommandError::Update(error) => match error {
                UpdateError::Place(_) => return error.hint().map(Cow::Owned),
                UpdateError::NoAddress => Some("name the server or file host with --url"),
                UpdateError::Address { .. } => Some("--allow-http takes updates over http from other machines"),
                UpdateError::NotPublished { .. } => Some("--channel and --platform choose another stream of releases"),
                UpdateError::Busy => Some("try again when the other process, or the trial of a new version, is over"),
                UpdateError::NoWay { .. } => Some("--memory-limit allows more memory"),
                UpdateError::Trust(error) => match **error {
                    upstep_trust::TrustError::StateBroken { .. } | upstep_trust::TrustError::StateTooNew { .. } => {
                        Some("upstep doctor --reset-trust begins from the root of trust again")
                    }
                    _ => None,
                },
                _ => None,
            },
        };
        hint.map(Cow::Borrowed)
    }
}
