//! What happens at the program's start. Nothing in here fails the program.

use crate::bring::Deadline;
use crate::check::Checked;
use crate::engine::{self, Engine, Staged};
use crate::stamp::Stamp;
use crate::updater::{Inner, install};
use crate::{Event, OnStart, UpdateError, background, interval, runtime};
use std::sync::Arc;
use std::time::{Duration, Instant};
use upstep_swap::{Locked, Place};

/// How long the background process waits for the program that started it to give up the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Installs what was downloaded before, then does what the program's settings say.
pub(crate) fn run(inner: &Arc<Inner>) {
    match at_start(inner) {
        Ok(()) => {}
        // Neither is news: the user asked for it, or another process is at work.
        Err(UpdateError::OptedOut { .. } | UpdateError::Busy) => tracing::debug!("no update at this start"),
        // Told when the session began.
        Err(UpdateError::Place(refusal)) => tracing::debug!("no update: {refusal}"),
        Err(error) => inner.tell(Event::NotUpdated { reason: crate::error::chain(&error) }),
    }
}

fn at_start(inner: &Arc<Inner>) -> Result<(), UpdateError> {
    let began = Instant::now();
    let engine = inner.engine()?;
    let session = inner.session()?;
    let place = engine::place(session)?;
    let mut locked = engine::lock(session)?;
    if let Some(staged) = locked.staged().cloned() {
        if engine.is_still_signed(&place, &staged.digest) {
            return install(inner, &engine, locked, staged.version).map(|handed_over| handed_over.exit());
        }
        locked.abandon().map_err(engine::swap)?;
    }
    match inner.settings.on_start.clone() {
        OnStart::Manual => Ok(()),
        OnStart::NextStart => {
            if is_due(inner, &place, &mut locked, Some(interval::DAY))? {
                background::start(&place)?;
            }
            Ok(())
        }
        OnStart::UpdateNow { budget, max_hold } => {
            if !is_due(inner, &place, &mut locked, None)? {
                return Ok(());
            }
            let work = Work { inner: inner.clone(), engine: engine.clone(), place: place.clone() };
            let held = runtime::start(async move || {
                let limits = Limits { check: Deadline::from(began, budget), all: Deadline::from(began, max_hold) };
                work.run(locked, limits).await
            })?
            .join()??;
            match held {
                Outcome::Nothing => Ok(()),
                Outcome::Staged(locked, staged) => {
                    install(inner, &engine, locked, staged.target.version).map(|handed_over| handed_over.exit())
                }
                Outcome::TakesLonger(locked, version) => {
                    background::start(&place)?;
                    drop(locked);
                    inner.tell(Event::GoingOnInBackground { version });
                    Ok(())
                }
            }
        }
    }
}

/// Whether a check is due: the environment has the last word, then the program, then the policy.
fn is_due(inner: &Inner, place: &Place, locked: &mut Locked, policy: Option<Duration>) -> Result<bool, UpdateError> {
    let every = inner.environment.check_every.or(inner.settings.check_every).or(policy);
    let (Some(every), Some(stamp)) = (every, Stamp::read(&place.state_folder())) else { return Ok(true) };
    let install = locked.install_id().map_err(engine::swap)?;
    Ok(stamp.is_due_again(every, &install))
}

struct Work {
    inner: Arc<Inner>,
    engine: Engine,
    place: Place,
}

struct Limits {
    check: Deadline,
    all: Deadline,
}

enum Outcome {
    Nothing,
    Staged(Locked, Staged),
    TakesLonger(Locked, upstep_model::Version),
}

impl Work {
    async fn run(self, mut locked: Locked, limits: Limits) -> Result<Outcome, UpdateError> {
        let checked = self.engine.check(&self.place, &mut locked, limits.check).await?;
        self.tell_of(&checked);
        let Some(update) = &checked.update else { return Ok(Outcome::Nothing) };
        let tell = |event| self.inner.tell(event);
        match self.engine.bring(&mut locked, &checked, update, limits.all, &tell).await {
            Ok(staged) => {
                self.inner.tell(staged.event());
                Ok(Outcome::Staged(locked, staged))
            }
            Err(UpdateError::Time { .. }) => Ok(Outcome::TakesLonger(locked, update.plan.to.clone())),
            Err(error) => Err(error),
        }
    }

    fn tell_of(&self, checked: &Checked) {
        if let Some(text) = &checked.index.notice {
            self.inner.tell(Event::Notice { text: text.clone() });
        }
        if let Some(update) = &checked.update {
            self.inner.tell(update.event(checked));
        }
    }
}

/// The whole life of the background process: check, download, stage. Nobody listens.
pub(crate) fn work_in_background(inner: &Arc<Inner>) {
    if let Err(error) = stage_in_background(inner) {
        tracing::info!("no update: {}", crate::error::chain(&error));
    }
}

fn stage_in_background(inner: &Arc<Inner>) -> Result<(), UpdateError> {
    let engine = inner.engine()?;
    let place = engine::place(inner.session()?)?;
    let locked = wait_for_lock(inner)?;
    let work = Work { inner: inner.clone(), engine, place };
    let unlimited = Limits { check: Deadline::none(), all: Deadline::none() };
    runtime::start(async move || work.run(locked, unlimited).await.map(drop))?.join()?
}

fn wait_for_lock(inner: &Inner) -> Result<Locked, UpdateError> {
    let began = Instant::now();
    loop {
        match engine::lock(inner.session()?) {
            Err(UpdateError::Busy) if began.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(50));
            }
            outcome => return outcome,
        }
    }
}
