//! Why the server does not start, or ends.

use crate::refresh::RefreshError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use upstep_store::StoreError;

/// Why the server does not start, or ends.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address can't be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The store is not there, or does not answer.
    #[error("cannot read the store {location}")]
    Store {
        /// Where it should be.
        location: String,
        /// What the store says.
        #[source]
        source: Box<RefreshError>,
    },
    /// A certificate or key can't be used.
    #[error("cannot use {what} {}", path.display())]
    Tls {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: TlsProblem,
    },
    /// The keys to sign with can't be used.
    #[error("cannot use the keys in {}", path.display())]
    Keys {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The configuration file can't be used.
    #[error("cannot use the configuration file {}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The log filter can't be read.
    #[error("cannot use the log filter {filter:?}")]
    LogFilter {
        /// The filter.
        filter: String,
        /// What is wrong.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Two settings contradict each other, or one needs another.
    #[error("{0}")]
    Settings(&'static str),
    /// The system failed.
    #[error("cannot {operation} on {address}")]
    Serve {
        /// What was tried.
        operation: &'static str,
        /// The address of the listener.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The system failed before there was a listener.
    #[error("cannot {operation}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// What is wrong with a certificate or a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// The file can't be read, or is no PEM.
    #[error("it is not readable as PEM")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// No certificate in it.
    #[error("it holds no certificate")]
    Empty,
    /// The key is of no known kind, or is another certificate's.
    #[error("key and certificate do not go together")]
    Rustls(#[from] rustls::Error),
}

impl ServerError {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            ServerError::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some("another program listens there; choose another --port, or 0 for a free one")
            }
            ServerError::Bind { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("ports below 1024 need a privilege; choose a higher --port")
            }
            ServerError::Store { source, .. }
                if matches!(**source, RefreshError::Store(StoreError::NoFolder { .. })) =>
            {
                Some("`differ publish` makes the store; --store says where it is")
            }
            ServerError::Tls { .. } => {
                Some("--tls-cert and --tls-key name PEM files, the certificate first in its chain")
            }
            _ => None,
        }
    }
}

/// An error with all that caused it, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
