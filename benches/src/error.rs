//! What can go wrong while measuring.

use std::io;
use std::path::{Path, PathBuf};
use upstep_model::Digest;

/// Why something could not be fetched or measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file could not be read or written.
    #[error("can't {operation} {path}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The corpus's list is malformed.
    #[error("{path} is no list of programs")]
    Corpus {
        /// The list.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// A result file is malformed.
    #[error("{path} is no result of cargo bench")]
    Report {
        /// The result file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A command could not be started.
    #[error("can't run {command}")]
    Start {
        /// The command line.
        command: String,
        /// What the system says.
        source: io::Error,
    },
    /// A command failed.
    #[error("{command} ended with {status}: {stderr}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// The last line of what it said.
        stderr: String,
    },
    /// A package does not hold the file that is asked for.
    #[error("{package} holds no file whose path ends with {file}")]
    Missing {
        /// The package.
        package: String,
        /// The end of the file's path.
        file: String,
    },
    /// A file is not the one that the list pins.
    #[error("{path} has SHA-256 {found}, expected {expected}")]
    Digest {
        /// The file.
        path: PathBuf,
        /// The pinned digest.
        expected: Digest,
        /// Its own.
        found: Digest,
    },
    /// The README has no place for the tables.
    #[error("{path} has no line {marker}")]
    Marker {
        /// The README.
        path: PathBuf,
        /// The line that is missing.
        marker: &'static str,
    },
    /// A plot can't be drawn.
    #[error("can't draw a plot: {0}")]
    Plot(String),
    /// Nothing matches what was asked for.
    #[error("no program of the corpus matches {pattern:?}")]
    NoMatch {
        /// What was asked for.
        pattern: String,
    },
    /// A patch of ours can't be made or applied.
    #[error("can't {operation}")]
    Codec {
        /// What was tried.
        operation: &'static str,
        /// What the codec says.
        source: upstep_codec::CodecError,
    },
}

impl BenchError {
    /// Tells it with its causes; the exit code of what failed.
    pub fn report(&self) -> std::process::ExitCode {
        eprintln!("error: {self}");
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            eprintln!("caused by: {error}");
            cause = error.source();
        }
        std::process::ExitCode::FAILURE
    }

    /// For `map_err` after an operation with `path`.
    pub fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BenchError {
        let path = path.to_owned();
        move |source| BenchError::Io { operation, path, source }
    }
}
