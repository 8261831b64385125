//! Why something could not be done to the install.

use crate::Package;
use std::io;
use std::path::{Path, PathBuf};
use upstep_model::Digest;

/// Why there are no updates in an install place: found before any request is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The path of the program can't be told, or nothing is there any more.
    #[error("the program's own file can't be found: {0}")]
    Unknown(String),
    /// The process runs from a base or a staged file.
    #[error("{} is a copy that an update keeps, not the installed program", .0.display())]
    KeptCopy(PathBuf),
    /// Not a regular file.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The folder can't be written.
    #[error("{} can't be written: {reason}", .folder.display())]
    ReadOnly {
        /// The program's folder.
        folder: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The program belongs to somebody else.
    #[error("{} belongs to user {owner}, this process runs as user {user}", .path.display())]
    OtherOwner {
        /// The program.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The effective user.
        user: u32,
    },
    /// The file is locked against changes (macOS).
    #[error("{} is locked against changes", .0.display())]
    Locked(PathBuf),
    /// The file runs with privileges of its own.
    #[error("{} has {what}: such programs are not updated", .path.display())]
    Privileged {
        /// The program.
        path: PathBuf,
        /// `the setuid bit`, `the setgid bit`, `file capabilities`.
        what: &'static str,
    },
    /// A package manager owns the file.
    #[error("{} belongs to {package}", .path.display())]
    PackageManager {
        /// The program.
        path: PathBuf,
        /// The package, and what updates it.
        package: Package,
    },
    /// An AppImage that was unpacked for this start alone: what is written there goes with it.
    #[error("{} runs from a temporary copy of its AppImage's content", .0.display())]
    Unpacked(PathBuf),
    /// macOS runs the app from a random read-only place until it is moved.
    #[error("macOS runs {} from a temporary place", .0.display())]
    Translocated(PathBuf),
    /// The program is the main part of a signed bundle, whose seal covers all of its files.
    #[error("{} is sealed in the bundle {}, whose signature a single new file would break", .path.display(), .bundle.display())]
    Sealed {
        /// The program.
        path: PathBuf,
        /// The bundle.
        bundle: PathBuf,
    },
    /// A state folder, or a file in it, that others could have planted or could change.
    #[error("{} is not trusted: {reason}", .path.display())]
    Untrusted {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The journal was written by a newer version that this one does not understand.
    #[error("{} needs a reader of version {min_reader} or newer, this one is version {ours}", .path.display())]
    JournalTooNew {
        /// The journal.
        path: PathBuf,
        /// What it asks for.
        min_reader: u32,
        /// What this code is.
        ours: u32,
    },
    /// The state folder can't be read or written.
    #[error("{} can't be used: {reason}", .path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl Refusal {
    /// What the user can do about it. Nothing in here asks for more rights by itself: who wants to
    /// give them types the command.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Refusal::PackageManager { package, .. } => return Some(package.update.to_string()),
            Refusal::ReadOnly { .. } if cfg!(windows) => {
                "update it as administrator with `upstep update --exe PATH`, or install it in a folder of your own, \
                 such as %LOCALAPPDATA%\\Programs"
            }
            Refusal::ReadOnly { folder, .. } if cfg!(target_os = "macos") && folder.starts_with("/Volumes") => {
                "move it from the disk image to another folder, such as Applications, and start it there"
            }
            Refusal::ReadOnly { .. } => {
                "update it as a user who may write there with `sudo upstep update --exe PATH`, or install it in a \
                 folder of your own"
            }
            Refusal::OtherOwner { .. } => {
                "its owner can update it, or an administrator with `sudo upstep update --exe PATH`"
            }
            Refusal::Locked(_) => "unlock it with `chflags nouchg PATH`, or in the Finder",
            Refusal::Privileged { .. } => "update it the way it was installed: its privileges must be given anew",
            Refusal::Unpacked(_) => "start the AppImage itself, without --appimage-extract-and-run: that needs FUSE",
            Refusal::Translocated(_) => "move the app to another folder, such as Applications, and start it there",
            Refusal::Sealed { .. } => "update it the way it was installed: bundles are replaced as a whole",
            Refusal::KeptCopy(_) => "start the installed program",
            Refusal::Untrusted { .. } => "if you know who made it and nobody needs it, delete it",
            Refusal::JournalTooNew { .. } => "a newer version of the program has been here: install that one again",
            Refusal::Unknown(_) | Refusal::NotAFile(_) | Refusal::Unusable { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// The reason, and what the user can do, in one line.
    pub(crate) fn with_hint(&self) -> String {
        self.hint().map_or_else(|| self.to_string(), |hint| format!("{self}: {hint}"))
    }
}

/// Why the lock of the install can't be had now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// A release is on trial: nothing is checked, downloaded or staged until the verdict.
    #[error("a release is on trial")]
    Busy,
    /// Another process works on the install.
    #[error("another process works on this install")]
    Held,
    /// There are no updates in this place.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Why a step of an update failed. The old program is in place and the journal is consistent.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// The system refused an operation on a file.
    #[error("can't {operation} {}: {source}", .path.display())]
    Io {
        /// What was tried: "rename", "read".
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} does not hold what it should: expected {expected}, found {found}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The digest that it should have.
        expected: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// The journal says that no release is staged.
    #[error("no release is staged")]
    NothingStaged,
    /// The release is installed already.
    #[error("{0} is installed already")]
    Installed(Digest),
    /// The release failed its trial here.
    #[error("{0} is in quarantine: it failed its trial here")]
    Quarantined(Digest),
    /// The signed index no longer offers the release.
    #[error("{0} is no longer in the signed index")]
    NotSigned(Digest),
    /// The staged program can't be started, or did not answer its probe.
    #[error(transparent)]
    Probe(#[from] crate::probe::ProbeError),
    /// There is nothing to go back to.
    #[error("there is no version to go back to: {0}")]
    NoBackup(String),
    /// The lock can't be had, or there are no updates in this place.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The updater process did not take over.
    #[error("the updater process {} did not take over: {reason}", .path.display())]
    Updater {
        /// The base that it was started from.
        path: PathBuf,
        /// What happened instead.
        reason: String,
    },
}

impl From<Refusal> for SwapError {
    fn from(refusal: Refusal) -> Self {
        SwapError::Unavailable(Unavailable::Refused(refusal))
    }
}

/// Names operation and path of an I/O error.
pub(crate) trait Context<T> {
    fn context(self, operation: &'static str, path: &Path) -> Result<T, SwapError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, operation: &'static str, path: &Path) -> Result<T, SwapError> {
        self.map_err(|source| SwapError::Io { operation, path: path.to_owned(), source: source.into() })
    }
}
