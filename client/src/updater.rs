//! The running program's side of its updates.

use crate::background::{self, Role};
use crate::bring::Deadline;
use crate::check::Subject;
use crate::engine::{self, Engine, swap};
use crate::environment::Environment;
use crate::{Available, Builder, Confirm, Event, UpdateError, runtime};
use std::sync::Arc;
use std::time::Duration;
use upstep_model::Limits;
use upstep_model::marker::Marker;
use upstep_swap::{Options, Program, Session};

/// The running program's side of its updates: cheap to clone, and free to cross threads.
#[derive(Clone)]
pub struct Updater {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    version: String,
    pub(crate) settings: Builder,
    pub(crate) environment: Environment,
    /// None if the program's marker can't be read: then there is nothing to update.
    session: Option<Session>,
}

impl Updater {
    pub(crate) fn start(settings: Builder) -> Self {
        let (version, environment, session) = match &settings.marker {
            Ok(marker) => {
                let session = upstep_swap::begin(&program(marker), &options(&settings));
                (marker.version.to_string(), Environment::read(&marker.app), Some(session))
            }
            Err(_) => (String::from("unknown"), Environment::default(), None),
        };
        let updater = Updater { inner: Arc::new(Inner { version, settings, environment, session }) };
        updater.inner.pass_events_on();
        updater.inner.play_background_role();
        updater
    }

    /// The version of this program, as it stands in its own bytes.
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    /// Tells the updater that this version works: its trial is over.
    pub fn confirm(&self) {
        if let Some(session) = &self.inner.session {
            session.confirm();
        }
        self.inner.pass_events_on();
    }

    /// Whether this version has just been installed and has not yet shown that it works.
    pub fn is_in_trial(&self) -> bool {
        self.inner.session.as_ref().is_some_and(Session::in_trial)
    }

    /// How long the program was away, if this is the first run of a new version: from the
    /// updater's start to this version's first library call.
    pub fn away(&self) -> Option<Duration> {
        self.inner.session.as_ref()?.away()
    }

    /// Installs what was downloaded before, and does what [`Builder::on_start`] says. Ends in here
    /// if a new version ran in the meantime; whatever goes wrong, it returns and the program runs.
    pub fn update_at_start(&self) {
        crate::on_start::run(&self.inner);
        self.inner.pass_events_on();
    }

    /// Looks for a newer release, whatever the interval says.
    ///
    /// While this version is on trial, or another process of this install is at work, it is
    /// refused with [`UpdateError::Busy`].
    pub fn check(&self) -> Result<Option<Available>, UpdateError> {
        let inner = self.inner.clone();
        runtime::start(async move || inner.check(Deadline::none()).await)?.join()?
    }

    /// [`check`](Updater::check) for async programs, in any executor.
    pub async fn check_async(&self) -> Result<Option<Available>, UpdateError> {
        let inner = self.inner.clone();
        runtime::start(async move || inner.check(Deadline::none()).await)?.finish().await?
    }
}

impl Inner {
    /// Tells the program.
    pub(crate) fn tell(&self, event: Event) {
        tracing::info!("{event}");
        for listener in &self.settings.listeners {
            listener(&event);
        }
    }

    pub(crate) fn session(&self) -> Result<&Session, UpdateError> {
        match (&self.settings.marker, &self.session) {
            (_, Some(session)) => Ok(session),
            (Err(invalid), None) => Err(UpdateError::Setting(invalid.clone())),
            (Ok(_), None) => Err(UpdateError::NoAddress),
        }
    }

    /// What this program's settings come to; a wrong one is found here.
    pub(crate) fn engine(&self) -> Result<Engine, UpdateError> {
        let settings = &self.settings;
        if let Some(variable) = &self.environment.opted_out {
            return Err(UpdateError::OptedOut { variable: variable.clone() });
        }
        let marker = settings.marker.clone()?;
        Ok(Engine {
            subject: Subject { app: marker.app, channel: settings.channel.clone()?, platform: marker.platform },
            version: Some(marker.version),
            root: settings.root.clone(),
            addresses: Engine::addresses(&settings.urls, settings.allow_http)?,
            allow_http: settings.allow_http,
            limits: Limits { memory: settings.memory_limit, ..Limits::default() },
            patience: settings.patience.clone(),
            pin: settings.pin.clone().transpose()?,
        })
    }

    async fn check(self: Arc<Self>, deadline: Deadline) -> Result<Option<Available>, UpdateError> {
        let engine = self.engine()?;
        let session = self.session()?;
        let place = engine::place(session)?;
        let mut locked = engine::lock(session)?;
        let checked = engine.check(&place, &mut locked, deadline).await?;
        drop(locked);
        Ok(Available::of(self, engine, checked))
    }

    /// Tells the program what happened to its install.
    pub(crate) fn pass_events_on(&self) {
        let events = self.session.iter().flat_map(Session::events);
        events.filter_map(Event::of_install).for_each(|event| self.tell(event));
    }

    /// Ends this process if it was started to work in the background.
    fn play_background_role(self: &Arc<Self>) {
        let Ok(place) = self.session().and_then(engine::place) else { return };
        match background::role(self.environment.background.as_deref(), &place) {
            None => {}
            Some(Role::Launch(token)) => {
                background::launch(&place, &token);
                std::process::exit(0);
            }
            Some(Role::Work) => {
                crate::on_start::work_in_background(self);
                std::process::exit(0);
            }
        }
    }
}

fn program(marker: &Marker) -> Program {
    Program { app: marker.app.clone(), version: marker.version.clone(), platform: marker.platform.clone() }
}

fn options(settings: &Builder) -> Options {
    Options {
        confirm: match settings.confirm {
            Confirm::Default => upstep_swap::Confirm::Default,
            Confirm::Manual => upstep_swap::Confirm::Manual,
        },
        rerun_after_rollback: settings.rerun_after_rollback,
        ..Options::default()
    }
}

/// Hands over to the updater: on success this returns only where the caller must end.
pub(crate) fn install(
    inner: &Inner,
    engine: &Engine,
    locked: upstep_swap::Locked,
    version: upstep_model::Version,
) -> Result<upstep_swap::HandedOver, UpdateError> {
    let place = engine::place(inner.session()?)?;
    inner.tell(Event::UpdaterStarted { version });
    locked.install(&|digest| engine.is_still_signed(&place, digest)).map_err(swap)
}
