//! The server over real sockets, before stores that `differ` published to.
#![allow(clippy::unwrap_used, reason = "a test that can't go on ends")]

mod support;

mod downloads;
mod files;
mod health;
mod hostile;
mod latest;
mod on_s3;
mod plans;
#[cfg(unix)]
mod process;
mod refresh;
mod resigning;
mod tls;
