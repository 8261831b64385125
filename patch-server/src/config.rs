//! What the server is told: everything below the command line takes it from here.

use crate::BaseUrl;
use std::path::PathBuf;
use std::time::Duration;
use upstep_model::AppName;

/// What the server is told. The listener is handed over beside it.
#[derive(Debug, Clone)]
pub struct Config {
    /// The store: a folder, or `s3://bucket/prefix`.
    pub store: String,
    /// The app of `/latest.json`, where the store has several.
    pub default_app: Option<AppName>,
    /// What absolute URLs begin with; without it they are made from the request's own headers.
    pub public_url: Option<BaseUrl>,
    /// Serves HTTPS instead of HTTP.
    pub tls: Option<TlsFiles>,
    /// Signs snapshot and timestamp anew before they expire.
    pub resign: Option<Resign>,
    /// How often the store is asked for new commits.
    pub poll_interval: Duration,
    /// How long downloads in flight may go on after a stop was asked for.
    pub shutdown_timeout: Duration,
    /// How long a client may take to send a request's head.
    pub request_timeout: Duration,
    /// Threads that answer requests; as many as there are cores, unless it is said.
    pub workers: Option<usize>,
    /// Most connections of one worker at a time.
    pub max_connections: usize,
}

/// Where certificate and key are; both are read again on `SIGHUP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the certificate, then those that lead to the root.
    pub certificate: PathBuf,
    /// PEM: the private key.
    pub key: PathBuf,
}

/// With which keys metadata is signed anew, and for how long.
#[derive(Debug, Clone)]
pub struct Resign {
    /// The folder of the keys.
    pub keys: PathBuf,
    /// The passphrase of keys that have one.
    pub passphrase: Option<String>,
    /// How long the new metadata is valid.
    pub lifetime: Duration,
}

impl Config {
    /// The defaults over `store`.
    pub fn new(store: impl Into<String>) -> Self {
        Config {
            store: store.into(),
            default_app: None,
            public_url: None,
            tls: None,
            resign: None,
            poll_interval: Duration::from_secs(1),
            shutdown_timeout: Duration::from_secs(120),
            request_timeout: Duration::from_secs(10),
            workers: None,
            max_connections: 10_000,
        }
    }
}
