//! The install place of a program, and the swap of one release for the next in it.
//!
//! This crate has no network and no async. It is synchronous, never prints, and whatever happens
//! to it, the program runs: an error is an [`Event`] or a [`SwapError`], never a panic.
//! States, files, locks and recovery are written down in `docs/formats.md` ('Journal', 'Roles',
//! 'Lock', 'States and recovery').

#![warn(missing_docs)]

mod error;
mod event;
mod foreign;
mod locked;
mod options;
mod place;
pub mod probe;
mod session;
mod sys;
mod target;

pub use error::{Refusal, SwapError, Unavailable};
pub use event::Event;
pub use foreign::{Ended, ForeignProbe, attach, rollback, supervise, swap_foreign};
pub use locked::{HandedOver, Locked};
pub use options::{Confirm, Mode, Options, Program, Timing};
pub use place::Place;
pub use session::{Session, begin};
pub use target::{Base, Content, Quarantined, Target};
