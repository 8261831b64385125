//! Programs that do not link the library: another process updates, starts and supervises them.

use crate::held::{Held, Install};
use crate::journal::State;
use crate::launch::Launch;
use crate::role::new_token;
use crate::rollback::{finish, roll_back};
use crate::sys::{self, Supervisor, Wake};
use crate::trial::{Outcome, Trial, settle_with_backup};
use crate::verdict::End;
use crate::{Content, Event, Locked, Options, Place, Session, SwapError, Target, Unavailable};
use crate::{error::Context as _, probe, swap};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use upstep_model::{Digest, marker};

/// How a staged program that does not link the library shows that it can run.
#[derive(Debug, Clone)]
pub struct ForeignProbe {
    /// Its arguments: `--version`.
    pub args: Vec<OsString>,
    /// It must end with 0 within this time.
    pub within: Duration,
}

impl Default for ForeignProbe {
    fn default() -> Self {
        ForeignProbe { args: vec!["--version".into()], within: Duration::from_secs(10) }
    }
}

/// How a supervised program ended, and what happened on the way.
#[derive(Debug)]
pub struct Ended {
    end: End,
    /// What happened.
    pub events: Vec<Event>,
}

impl Ended {
    /// Ends this process as the program did: with its status, or by the same signal.
    pub fn pass_up(self) -> ! {
        sys::pass_up(self.end)
    }
}

/// The session of another program's install place: what an interrupted update left is settled.
pub fn attach(exe: &Path, options: &Options) -> Session {
    let mut session = Session::new(Place::of(exe), options);
    session.settle();
    session
}

/// Swaps the staged release in without a trial: the version before it stays as the backup that
/// [`rollback`] puts back.
pub fn swap_foreign(
    locked: Locked,
    probe: &ForeignProbe,
    still_signed: &dyn Fn(&Digest) -> bool,
) -> Result<Target, SwapError> {
    // No token: recovery does not try it either.
    let (mut held, to) = swap_in(locked, probe, still_signed, "")?;
    settle_with_backup(&mut held)?;
    Ok(to)
}

/// Swaps the staged release in for a program that [`supervise`] starts next: that run is its trial.
pub fn swap_for_trial(
    locked: Locked,
    probe: &ForeignProbe,
    still_signed: &dyn Fn(&Digest) -> bool,
) -> Result<Target, SwapError> {
    let token = new_token().context("make a token for", locked.held.install.place.program())?;
    let (mut held, to) = swap_in(locked, probe, still_signed, &token)?;
    if let Some(base) = held.state().base().copied() {
        held.enter(State::Trial { to: to.clone(), base, n: 0, tokens: vec![token] })?;
    }
    Ok(to)
}

fn swap_in(
    mut locked: Locked,
    probe: &ForeignProbe,
    still_signed: &dyn Fn(&Digest) -> bool,
    token: &str,
) -> Result<(Held, Target), SwapError> {
    let (to, base) = locked.check_staged(still_signed)?;
    let mut held = locked.held;
    let staged = held.install.place.kept(&to.digest);
    let swapped = probe::ask_foreign(&staged, &probe.args, probe.within)
        .map_err(SwapError::from)
        .and_then(|()| swap::replace(&mut held, &to, base, token));
    match swapped {
        Ok(()) => Ok((held, to)),
        Err(error) => {
            swap::give_up(&mut held, &to, base, &error);
            Err(error)
        }
    }
}

/// Puts the version before the installed one back, and the installed one in quarantine; what came
/// back. Also mends a release that was cut off in its trial and no longer starts.
pub fn rollback(place: &Place) -> Result<Digest, SwapError> {
    let by_hand = "it was rolled back by hand";
    let install = Install::open(place)?.map(Arc::new).ok_or_else(|| no_backup("it was never updated"))?;
    let mut held = Held::try_take(&install)?.ok_or(Unavailable::Held)?;
    let state = held.state().clone();
    if state.is_open()
        && let (Some(to), Some(base)) = (state.to(), state.base())
    {
        roll_back(&mut held, to, *base, by_hand)?;
        return Ok(base.digest);
    }
    let backup = held.journal().backup.clone().ok_or_else(|| no_backup("no version before it is kept"))?;
    if install.installed()? != Content::from(&backup.replaced_by) {
        return Err(no_backup("it has been changed since the update"));
    }
    held.change(|journal| {
        journal.put_into_quarantine(&backup.replaced_by, by_hand);
        let (to, base) = (backup.replaced_by.clone(), backup.content);
        journal.state = State::RollingBack { to, base, reason: by_hand.to_owned() };
        journal.backup = None;
    })?;
    finish(&mut held, &backup.replaced_by, backup.content, by_hand)?;
    Ok(backup.content.digest)
}

fn no_backup(why: &str) -> SwapError {
    SwapError::NoBackup(why.to_owned())
}

/// Starts the program at `exe` with `args` as a child, passes signals on, and waits for its end.
/// A release that [`swap_for_trial`] has swapped in is on trial: if it fails, the version before it
/// is put back, and run if it could not be started or the options say so. A program that links the
/// library keeps its trial itself.
pub fn supervise(exe: &Path, args: &[OsString], options: &Options) -> Result<Ended, SwapError> {
    let mut session = Session::new(Place::of(exe), options);
    session.settle();
    let file = session.place().map_or(exe, Place::program).to_owned();
    let launch = Launch::foreign(&file, args);
    let run = |events| -> Result<Ended, SwapError> {
        let supervisor = Supervisor::start(&launch, true).context("start", &file)?;
        Ok(Ended { end: last(supervisor, None), events })
    };
    let on_trial =
        session.take().filter(|held| matches!(held.state(), State::Trial { .. })).filter(|_| !is_linked(&file));
    let Some(held) = on_trial else { return run(session.events()) };
    let token = new_token().context("make a token for", &file)?;
    let install = Arc::clone(&held.install);
    let outcome = Trial { held, options, attached: true, foreign: true }.run(&launch, &token);
    match outcome {
        Outcome::Kept { supervisor, end } => Ok(Ended { end: last(supervisor, end), events: session.events() }),
        Outcome::RolledBack { end, before_first_call } => {
            drop(install);
            let mut after = Session::new(Place::of(exe), options);
            after.settle();
            session.push(after.events());
            match end {
                Some(end) if !before_first_call && !options.effective_rerun() => {
                    Ok(Ended { end, events: session.events() })
                }
                _ => run(session.events()),
            }
        }
        Outcome::Stuck { error, .. } => Err(error),
    }
}

fn last(mut supervisor: Supervisor, end: Option<End>) -> End {
    supervisor.release_input_and_output();
    end.unwrap_or_else(|| {
        loop {
            if let Wake::Ended(end) = supervisor.wait(None) {
                break end;
            }
        }
    })
}

/// Whether the program links the library.
fn is_linked(program: &Path) -> bool {
    std::fs::read(program).is_ok_and(|bytes| !marker::find(&bytes).is_empty())
}
