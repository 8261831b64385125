//! The first library call, and what the program can ask afterwards.

use crate::held::{Held, Install};
use crate::journal::State;
use crate::recovery::{self, Next};
use crate::role::{Kind, Obeyed, Role, new_token};
use crate::tried::{Events, Tried};
use crate::{Event, Locked, Options, Place, Program, Refusal, SwapError, Unavailable, error::Context as _};
use crate::{cleanup, probe, sys, updater};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

/// The program's side of its install place.
#[derive(Debug)]
pub struct Session {
    place: Result<Place, Refusal>,
    options: Options,
    events: Events,
    tried: Option<Arc<Tried>>,
    away: Option<Duration>,
    /// An updater has given this start back: it must not begin an update.
    is_plain: bool,
}

/// The first library call: in the roles of probe and updater the process ends in here. Recovers an
/// update that was cut off, and notes a trial. Never fails and never panics: what is wrong is an
/// [`Event`].
pub fn begin(program: &Program, options: &Options) -> Session {
    match Role::given().and_then(Role::obey) {
        Some(Obeyed::Probe { token }) => probe::answer(program, &token),
        Some(Obeyed::Updater { install, token, is_own_pid }) => {
            updater::run(&install, &token, sys::is_detached(is_own_pid, options), options)
        }
        // The first process sees the end and runs on.
        Some(Obeyed::Stranded { is_own_pid: false, .. }) => sys::exit(1),
        Some(Obeyed::Stranded { place, .. }) => updater::run_instead(&place),
        Some(Obeyed::Trial { install, token }) => Session::on_trial(program, options, install, token),
        Some(Obeyed::Plain) => Session { is_plain: true, ..Session::new(Place::current(), options) },
        None => {
            let mut session = Session::new(Place::current(), options);
            session.recover();
            session
        }
    }
}

impl Session {
    pub(crate) fn new(place: Result<Place, Refusal>, options: &Options) -> Self {
        let session = Session {
            place,
            options: options.clone(),
            events: Events::default(),
            tried: None,
            away: None,
            is_plain: false,
        };
        if let Err(refusal) = &session.place {
            session.push([Event::Refused { reason: refusal.with_hint() }]);
        }
        session
    }

    fn on_trial(program: &Program, options: &Options, install: Arc<Install>, token: String) -> Self {
        let mut session = Session::new(Ok(install.place.clone()), options);
        if let Ok(State::Trial { n, .. }) = install.read().map(|journal| journal.state) {
            session.push([Event::Trial { version: program.version.clone(), run: n }]);
        }
        let began = install.folder.modified(&format!("{token}.{}", Kind::Updater.as_str()));
        session.away = began.and_then(|began| SystemTime::now().duration_since(began).ok());
        let tried = Tried::new(install, token, program.version.clone(), Arc::clone(&session.events));
        tried.first_call(options);
        session.tried = Some(tried);
        session
    }

    /// Whether this process runs a release whose trial is open.
    pub fn in_trial(&self) -> bool {
        self.tried.as_ref().is_some_and(|tried| tried.is_open())
    }

    /// What happened since the last call.
    pub fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The release works: ends its trial. Does nothing outside of one.
    pub fn confirm(&self) {
        if let Some(tried) = &self.tried {
            tried.confirm();
        }
    }

    /// The install place, or why there are no updates in it.
    pub fn place(&self) -> Result<&Place, &Refusal> {
        self.place.as_ref()
    }

    /// In a trial: how long the program was away, from the updater's start to this one's first
    /// library call.
    pub fn away(&self) -> Option<Duration> {
        self.away
    }

    /// Takes the lock of the install, to check, download and stage.
    pub fn lock(&self) -> Result<Locked, Unavailable> {
        let place = self.place.as_ref().map_err(Clone::clone)?;
        if self.in_trial() {
            return Err(Unavailable::Busy);
        }
        if self.is_plain {
            return Err(Unavailable::Held);
        }
        let install = Arc::new(Install::create(place)?);
        match Held::try_take(&install)? {
            Some(held) if held.state().is_open() => Err(Unavailable::Busy),
            Some(held) => Ok(Locked::new(held, self.options.clone())?),
            None if install.read()?.state.is_open() => Err(Unavailable::Busy),
            None => Err(Unavailable::Held),
        }
    }

    pub(crate) fn push(&self, events: impl IntoIterator<Item = Event>) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).extend(events);
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.push([Event::Refused { reason: refusal.with_hint() }]);
        self.place = Err(refusal);
    }

    /// Settles what was left, for a program that is not this process.
    pub(crate) fn settle(&mut self) {
        if let Some(held) = self.take() {
            let (_, held) = self.settle_held(held);
            cleanup::clean(&held);
        }
    }

    /// The lock, if there is anything to settle and nobody else has it.
    pub(crate) fn take(&mut self) -> Option<Held> {
        let taken = match Install::open(self.place.as_ref().ok()?) {
            Ok(install) => install.map(Arc::new).map_or(Ok(None), |install| Held::try_take(&install)),
            Err(refusal) => Err(refusal),
        };
        taken.unwrap_or_else(|refusal| {
            self.refuse(refusal);
            None
        })
    }

    fn settle_held(&mut self, mut held: Held) -> (Next, Held) {
        let mut events = Vec::new();
        let next = recovery::settle(&mut held, &mut events);
        self.push(events);
        (next, held)
    }

    fn recover(&mut self) {
        let Some(held) = self.take() else { return };
        let (next, held) = self.settle_held(held);
        let failed = match next {
            Next::Run => return cleanup::clean(&held),
            Next::RunOld => {
                let program = held.install.place.program().to_owned();
                drop(held);
                format!("the old program could not be run: {}", sys::become_program(&program, None))
            }
            Next::Try => match self.hand_over(held) {
                Ok(handed_over) => handed_over.exit(),
                Err(error) => format!("the trial goes on at the next start: {error}"),
            },
        };
        self.push([Event::Recovered { reason: failed }]);
    }

    /// The release on trial gets another run, under an updater.
    fn hand_over(&self, mut held: Held) -> Result<sys::HandOver, SwapError> {
        let State::Trial { to, base, n, mut tokens } = held.state().clone() else {
            return Err(SwapError::NoBackup("no release is on trial".to_owned()));
        };
        if let Err(error) = held.install.must_keep(base) {
            self.push([recovery::forget_trial(&mut held, &error)]);
            return Err(error);
        }
        let program = held.install.place.program().to_owned();
        let token = new_token().context("make a token for", &program)?;
        tokens.push(token.clone());
        held.enter(State::Trial { to, base, n, tokens })?;
        start_updater(held, &base.digest, &token, &self.options)
    }
}

/// Unlocks and starts the updater. Attached on Unix it returns only on failure.
pub(crate) fn start_updater(
    held: Held,
    base: &upstep_model::Digest,
    token: &str,
    options: &Options,
) -> Result<sys::HandOver, SwapError> {
    let install = Arc::clone(&held.install);
    drop(held);
    let path = install.place.kept(base);
    let role = Role::new(Kind::Updater, token, install.place.program()).value();
    sys::hand_over(&path, &role, options.effective_mode(), &install.folder, token)
        .map_err(|error| SwapError::Updater { path, reason: error.to_string() })
}
