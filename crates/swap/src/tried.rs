//! The trial, as the new program's own library sees it: it notes its first library call, counts
//! its time and takes `confirm()`, so that the verdict does not depend on the updater's survival.

use crate::held::{Held, Install};
use crate::journal::State;
use crate::{Confirm, Event, Options, sys, trial};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use upstep_model::Version;

/// What happened, for the program to fetch.
pub(crate) type Events = Arc<Mutex<Vec<Event>>>;

/// Nobody reads the program's output any more.
const OUTPUT_BROKEN: &str = "output-broken";

/// This process's trial.
#[derive(Debug)]
pub(crate) struct Tried {
    install: Arc<Install>,
    token: String,
    version: Version,
    is_decided: AtomicBool,
    events: Events,
}

impl Tried {
    /// A trial whose role this process has claimed.
    pub(crate) fn new(install: Arc<Install>, token: String, version: Version, events: Events) -> Arc<Self> {
        Arc::new(Tried { install, token, version, is_decided: AtomicBool::new(false), events })
    }

    /// The first library call is about to return: notes it, and begins to count the time.
    pub(crate) fn first_call(self: &Arc<Self>, options: &Options) {
        let is_manual = options.confirm == Confirm::Manual;
        let note = if is_manual { "first-manual" } else { "first" };
        self.note(note);
        let at_exit = Arc::clone(self);
        sys::at_exit(Box::new(move || {
            if !at_exit.is_decided.load(Ordering::Acquire) && sys::is_output_broken() {
                at_exit.note(OUTPUT_BROKEN);
            }
        }));
        let (trial, timing) = (Arc::clone(self), options.timing);
        sys::spawn_quiet("upstep-trial", move || {
            // Each sleep is one tick, however long it was: a stopped or suspended program gains
            // nothing by that.
            let mut ticks = timing.ticks(timing.confirm_after);
            let mut is_broken = false;
            while ticks > 0 && !trial.is_decided.load(Ordering::Acquire) {
                if is_broken {
                    std::thread::sleep(timing.tick);
                } else if sys::sleep_until_output_breaks(timing.tick) {
                    is_broken = true;
                    trial.note(OUTPUT_BROKEN);
                }
                ticks -= u64::from(!is_manual);
            }
            if !is_manual {
                trial.confirm();
            }
        });
    }

    /// Whether the trial is still open, as far as this process knows.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_decided.load(Ordering::Acquire) && self.is_named()
    }

    /// The release works.
    pub(crate) fn confirm(&self) {
        if self.is_decided.load(Ordering::Acquire) || !self.is_named() {
            return;
        }
        self.note("confirmed");
        if !self.is_decided.swap(true, Ordering::AcqRel) {
            let event = Event::Confirmed { version: self.version.clone() };
            self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        }
        // The updater holds the lock and writes the journal. Where it has died, this process does.
        if let Ok(Some(mut held)) = Held::try_take(&self.install)
            && names(held.state(), &self.token)
            && let Err(error) = trial::settle_confirmed(&mut held)
        {
            tracing::warn!(%error, "the journal could not be written");
        }
    }

    fn is_named(&self) -> bool {
        self.install.read().is_ok_and(|journal| names(&journal.state, &self.token))
    }

    fn note(&self, what: &str) {
        if let Err(error) = self.install.folder.create_new(&format!("{}.{what}", self.token)) {
            tracing::warn!(%error, what, "the trial's file could not be created");
        }
    }
}

/// Whether the journal says that a run with this token is on trial.
fn names(state: &State, token: &str) -> bool {
    matches!(state, State::Trial { tokens, .. } if tokens.iter().any(|named| named == token))
}
