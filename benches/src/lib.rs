//! Measures what patches cost, ours and those of other tools, on programs that are in use.
//!
//! `cargo bench -p upstep-benches` measures every pair that is there; the command of this package
//! fetches the corpus and writes the README's tables.

#![forbid(unsafe_code)]

pub mod child;
pub mod corpus;
pub mod error;
pub mod fetch;
pub mod measure;
pub mod ours;
pub mod pair;
pub mod plain;
pub mod plot;
pub mod readme;
pub mod report;
pub mod scaling;
pub mod tool;

pub use error::BenchError;

use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Where results and scratch files go: `target/bench`.
pub fn output() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    target.join("bench")
}
