//! Adds releases to a store, with their patches and their signatures.
//!
//! [`publish::publish`] is the heart: it reads a program, makes the full and the patches from
//! older releases, applies each again, and commits. The other modules are the commands of
//! `differ` and what they share. Nothing in here prints, but for the commands in [`command`].

#![forbid(unsafe_code)]

pub mod artifact;
pub mod change;
pub mod choice;
pub mod command;
pub mod commit;
mod duration;
pub mod error;
pub mod file;
pub mod init;
pub mod judge;
pub mod keys;
pub mod list;
pub mod make;
pub mod measure;
pub mod names;
pub mod probe;
pub mod progress;
pub mod project;
pub mod prune;
pub mod publish;
pub mod published;
pub mod report;
pub mod resign;
pub mod room;
mod secrets;
pub mod status;
pub mod verify;
pub mod work;

pub use error::DifferError;

/// A runtime for one command.
pub fn runtime() -> Result<tokio::runtime::Runtime, DifferError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| DifferError::System { operation: "start the runtime", source })
}

/// Runs `work` to its end on a thread of its own: the caller may be inside another runtime.
pub fn block_on<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> Result<T, DifferError> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| Ok(runtime()?.block_on(work())));
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
