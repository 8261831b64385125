//! The first library call, and what the program can ask afterwards.

use crate::{Event, Locked, Options, Place, Program, Refusal, Unavailable};
use std::time::Duration;

/// The program's side of its install place.
#[derive(Debug)]
pub struct Session {
    place: Result<Place, Refusal>,
}

/// The first library call: in the roles of probe and updater the process ends in here. Recovers an
/// update that was cut off, and notes a trial. Never fails and never panics: what is wrong is an
/// [`Event`].
pub fn begin(program: &Program, options: &Options) -> Session {
    let _ = (program, options);
    Session { place: Place::current() }
}

impl Session {
    /// Whether this process runs a release whose trial is open.
    pub fn in_trial(&self) -> bool {
        false
    }
    /// What happened since the last call.
    pub fn events(&self) -> Vec<Event> {
        Vec::new()
    }
    /// The release works: ends its trial. Does nothing outside of one.
    pub fn confirm(&self) {}
    /// The install place, or why there are no updates in it.
    pub fn place(&self) -> Result<&Place, &Refusal> {
        self.place.as_ref()
    }
    /// In a trial: how long the program was away, from the updater's start to this one's first
    /// library call.
    pub fn away(&self) -> Option<Duration> {
        None
    }
    /// Takes the lock of the install, to check, download and stage.
    pub fn lock(&self) -> Result<Locked, Unavailable> {
        Err(Unavailable::Held)
    }
}
