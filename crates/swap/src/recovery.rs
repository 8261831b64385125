//! Recovery: what an ordinary start that gets the lock does with what it finds. It goes by the
//! digest of the installed file, not by the recorded state alone (`docs/formats.md`, 'States and
//! recovery').

use crate::held::Held;
use crate::journal::{OutcomeKind, State};
use crate::trial::{MAX_UNDECIDED, settle_confirmed, settle_with_backup};
use crate::{Content, Event, SwapError, Target, rollback};

/// What the start does next.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Run on.
    Run,
    /// The release on trial needs a supervised run.
    Try,
    /// The old program was put back, and this process runs the new one: run the old one instead.
    RunOld,
}

/// What the installed file is.
enum Installed {
    Old,
    New,
    Neither,
}

/// Settles what was left.
pub(crate) fn settle(held: &mut Held, events: &mut Vec<Event>) -> Next {
    if let Some(reason) = held.was_damaged {
        events.push(Event::Recovered { reason: format!("the journal was damaged ({reason}) and was set aside") });
    }
    let settled = by_digest(held, events).unwrap_or_else(|error| {
        events.push(Event::Recovered { reason: format!("it could not be finished: {error}") });
        Next::Run
    });
    tell_outcomes(held, events);
    settled
}

fn by_digest(held: &mut Held, events: &mut Vec<Event>) -> Result<Next, SwapError> {
    let state = held.state().clone();
    let (Some(to), Some(base)) = (state.to().cloned(), state.base().copied()) else {
        return Ok(Next::Run);
    };
    let content = held.install.installed()?;
    let installed = match content {
        content if content == base => Installed::Old,
        content if content == Content::from(&to) => Installed::New,
        _ => Installed::Neither,
    };
    let forgotten = |held: &mut Held, events: &mut Vec<Event>, reason: &str| -> Result<Next, SwapError> {
        held.enter(State::Idle)?;
        events.push(Event::Recovered { reason: format!("version {}: {reason}", to.version) });
        Ok(Next::Run)
    };
    match (state, installed) {
        (State::Staged { .. }, Installed::Old) => Ok(Next::Run),
        (State::Swapping { .. }, Installed::Old) => {
            if held.install.must_keep(Content::from(&to)).is_err() {
                return forgotten(held, events, "its swap was cut off and its file is gone");
            }
            held.enter(State::Staged { to, base, token: None })?;
            Ok(Next::Run)
        }
        (State::Staged { .. }, Installed::New) => forgotten(held, events, "it was installed by hand"),
        // No token: nobody will try it.
        (State::Swapping { token, .. }, Installed::New) if token.is_empty() => {
            settle_with_backup(held)?;
            Ok(Next::Run)
        }
        (State::Swapping { token, .. }, Installed::New) => {
            held.enter(State::Trial { to, base, n: 0, tokens: vec![token] })?;
            Ok(Next::Try)
        }
        (State::Trial { n, tokens, .. }, installed) => settle_trial(held, events, &to, base, n, &tokens, &installed),
        (State::RollingBack { reason, .. }, Installed::New) => put_back(held, &to, base, &reason),
        (State::RollingBack { reason, .. }, Installed::Old) => {
            rollback::finish(held, &to, base, &reason)?;
            Ok(Next::Run)
        }
        (_, Installed::Neither) => forgotten(held, events, "the installed program was changed by somebody else"),
        (State::Idle | State::Downloading { .. }, _) => Ok(Next::Run),
    }
}

fn settle_trial(
    held: &mut Held,
    events: &mut Vec<Event>,
    to: &Target,
    base: Content,
    n: u32,
    tokens: &[String],
    installed: &Installed,
) -> Result<Next, SwapError> {
    let folder = &held.install.folder;
    let noted = |what: &str| tokens.iter().any(|token| folder.exists(&format!("{token}.{what}")));
    let (is_confirmed, is_failed) = (noted("confirmed"), noted("failed"));
    match installed {
        Installed::New if is_confirmed => {
            settle_confirmed(held)?;
            events.push(Event::Confirmed { version: to.version.clone() });
            Ok(Next::Run)
        }
        Installed::New if is_failed => put_back(held, to, base, "it failed its trial"),
        Installed::New if n >= MAX_UNDECIDED => {
            put_back(held, to, base, "it was cut off for the third time without being confirmed")
        }
        Installed::New => Ok(Next::Try),
        Installed::Old if is_failed => {
            rollback::finish(held, to, base, "it failed its trial")?;
            Ok(Next::Run)
        }
        Installed::Old | Installed::Neither => {
            held.enter(State::Idle)?;
            let reason = format!("version {}: the installed program was changed during its trial", to.version);
            events.push(Event::Recovered { reason });
            Ok(Next::Run)
        }
    }
}

fn put_back(held: &mut Held, to: &Target, base: Content, reason: &str) -> Result<Next, SwapError> {
    rollback::roll_back(held, to, base, reason)?;
    Ok(Next::RunOld)
}

/// Hands out what earlier processes have noted; once.
fn tell_outcomes(held: &mut Held, events: &mut Vec<Event>) {
    if held.journal().outcomes.is_empty() {
        return;
    }
    let outcomes = held.journal().outcomes.clone();
    if let Err(error) = held.change(|journal| journal.outcomes.clear()) {
        tracing::warn!(%error, "the journal could not be written");
    }
    events.extend(outcomes.into_iter().map(Event::from));
}

/// Gives up a trial that can't be supervised, since there is no base to go back to.
pub(crate) fn forget_trial(held: &mut Held, error: &SwapError) -> Event {
    let reason = error.to_string();
    if let Some(to) = held.state().to().cloned() {
        let forgotten = held.change(|journal| {
            journal.state = State::Idle;
            journal.note(OutcomeKind::SwapFailed, &to, &reason);
        });
        if let Err(error) = forgotten {
            tracing::warn!(%error, "the journal could not be written");
        }
    }
    Event::Recovered { reason }
}
