//! Answers with the cheapest plan for a client and serves its blobs.
//!
//! All that the newest commits of a store say is held in memory, in a catalog that is replaced as a
//! whole when a commit appears. What is signed is not the server's to
//! change: who controls it can withhold updates and no more.

#![forbid(unsafe_code)]

mod access;
mod base_url;
mod body;
mod catalog;
mod config;
mod decode;
mod error;
mod frame;
mod latest;
mod load;
mod logs;
mod offer;
mod range;
mod refresh;
mod refusal;
mod resign;
mod routes;
#[cfg(test)]
mod samples;
mod server;
mod settings;
mod signal;
mod tls;

pub use base_url::BaseUrl;
pub use config::{Config, Resign, TlsFiles};
pub use error::{ServerError, TlsProblem};
pub use logs::{LogFormat, init as init_logs};
pub use refresh::RefreshError;
pub use server::{run, run_with_signals};
pub use settings::{Process, Settings};
pub use signal::{Signal, of_process as signals_of_process};
