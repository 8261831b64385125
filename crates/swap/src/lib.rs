//! The install place of a program, and the swap of one release for the next in it.
//!
//! This crate has no network and no async. It is synchronous, never prints, and whatever happens
//! to it, the program runs: an error is an [`Event`] or a [`SwapError`], never a panic.
//! States, files, locks and recovery are written down in `docs/formats.md` ('Journal', 'Roles',
//! 'Lock', 'States and recovery').

#![warn(missing_docs)]

#[cfg(target_os = "linux")]
mod appimage;
mod base;
#[cfg(all(unix, any(test, not(target_os = "linux"))))]
mod bundle;
mod cleanup;
mod content;
mod error;
mod event;
mod foreign;
mod held;
mod journal;
mod launch;
mod locked;
mod options;
mod packaged;
mod place;
pub mod probe;
mod recovery;
mod role;
mod rollback;
mod session;
mod swap;
mod sys;
mod target;
mod trial;
mod tried;
mod updater;
mod verdict;

pub use error::{Refusal, SwapError, Unavailable};
pub use event::Event;
pub use foreign::{Ended, ForeignProbe, attach, rollback, supervise, swap_for_trial, swap_foreign};
pub use locked::{HandedOver, Locked};
pub use options::{Confirm, Mode, Options, Program, Timing};
pub use packaged::{Package, Update};
pub use place::Place;
pub use session::{Session, begin};
pub use target::{Base, Content, Quarantined, Target};

/// Random bytes of the system as hex digits.
fn random_hex<const N: usize>() -> std::io::Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(hex::encode(bytes))
}
