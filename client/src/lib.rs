//! Keeps a program up to date by sending the few bytes that changed.
//!
//! ```no_run
//! # macro_rules! include_root { () => { &b"{}"[..] } }
//! let up = upstep::app!("hello", root = include_root!()) // or app!("hello"): upstep.root.json beside Cargo.toml
//!     .url("https://updates.example.org")
//!     .on_event(|event| eprintln!("{event}"))
//!     .run_at_start();
//! println!("Hello! I am version {}", up.version());
//! ```
//!
//! The library never prints, never panics and never fails the program: it logs with `tracing`,
//! and tells what happens by [`Event`]s. The author's guide is `docs/client.md`.

#![deny(unsafe_code)]

mod app;
mod available;
mod background;
mod bring;
mod builder;
mod check;
#[cfg(feature = "command")]
#[doc(hidden)]
pub mod command;
mod engine;
pub mod environment;
mod error;
mod event;
mod file;
mod interval;
mod network;
mod on_start;
mod patience;
mod runtime;
mod stamp;
mod updater;

pub use available::{Available, Verified};
pub use builder::{Builder, Confirm, OnStart};
pub use error::{FailureKind, UpdateError};
pub use event::Event;
pub use patience::Patience;
pub use updater::Updater;
pub use upstep_model::{Plan, Step, StepKind, Version};

#[doc(hidden)]
pub use app::private as __private;
