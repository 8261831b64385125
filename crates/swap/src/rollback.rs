//! The rollback: the base takes the program's place again.

use crate::held::{Held, Install};
use crate::journal::{OutcomeKind, State};
use crate::{Content, SwapError, Target, error::Context as _, sys};

/// Takes a failed release back: Trial → RollingBack (with the quarantine, in one write) → Idle.
pub(crate) fn roll_back(held: &mut Held, to: &Target, base: Content, reason: &str) -> Result<(), SwapError> {
    let tokens = match held.state() {
        State::Trial { tokens, .. } => tokens.clone(),
        _ => Vec::new(),
    };
    let entered = held.change(|journal| {
        journal.put_into_quarantine(to, reason);
        journal.state = State::RollingBack { to: to.clone(), base, reason: reason.to_owned() };
    });
    if let Err(error) = entered {
        // A full disk must not keep a broken program in place. The next start reads the verdict off
        // this empty file.
        tracing::warn!(%error, "the journal could not be written");
        if let Some(token) = tokens.last() {
            let _ = held.install.folder.create_new(&format!("{token}.failed"));
        }
    }
    finish(held, to, base, reason)
}

/// Finishes what RollingBack says: the old program is in place, and the journal says Idle.
pub(crate) fn finish(held: &mut Held, to: &Target, base: Content, reason: &str) -> Result<(), SwapError> {
    let installed = held.install.installed()?;
    let restored = if installed == Content::from(to) { restore(&held.install, base) } else { Ok(()) };
    if let Err(error) = &restored
        && !matches!(error, SwapError::NoBackup(_))
    {
        return restored;
    }
    held.change(|journal| {
        journal.state = State::Idle;
        journal.put_into_quarantine(to, reason);
        match &restored {
            Ok(()) => journal.note(OutcomeKind::RolledBack, to, reason),
            Err(error) => journal.note(OutcomeKind::SwapFailed, to, &error.to_string()),
        }
    })?;
    restored
}

/// Puts the base in the program's place, under a fresh name first, if it is what it should be.
pub(crate) fn restore(install: &Install, base: Content) -> Result<(), SwapError> {
    let place = &install.place;
    let path = place.kept(&base.digest);
    install.must_keep(base).map_err(|error| SwapError::NoBackup(error.to_string()))?;
    let fresh = place.fresh().context("name a file beside", place.program())?;
    sys::put_in_place(&path, place.program(), Some(&fresh), place.owner()).context("put back", &path)
}
