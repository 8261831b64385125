//! The swap: the staged file takes the program's place.

use crate::held::Held;
use crate::journal::{OutcomeKind, State};
use crate::role::{Kind, Role};
use crate::{Content, SwapError, Target, Timing, base, error::Context as _, probe, sys};

/// Probes what is staged and swaps it in: Staged → Swapping. On failure the old program is in
/// place, and the journal says Idle (the release is in quarantine, or what is installed is not what
/// it was) or Staged (a later start tries again).
pub(crate) fn swap_in(held: &mut Held, token: &str, timing: &Timing) -> Result<(), SwapError> {
    let State::Staged { to, base, .. } = held.state().clone() else {
        return Err(SwapError::NothingStaged);
    };
    let swapped = probe_staged(held, &to, token, timing).and_then(|()| replace(held, &to, base, token));
    if let Err(error) = &swapped {
        give_up(held, &to, base, error);
    }
    swapped
}

fn probe_staged(held: &Held, to: &Target, token: &str, timing: &Timing) -> Result<(), SwapError> {
    let place = &held.install.place;
    // What is run must be what was verified.
    held.install.must_keep(Content::from(to))?;
    let staged = place.kept(&to.digest);
    let role = Role::new(Kind::Probe, token, place.program());
    let answer = probe::ask(&staged, role.value(), token, timing.probe_within)?;
    probe::must_be(&answer, to)?;
    Ok(())
}

/// Swaps files: the journal says Staged before, Swapping after.
pub(crate) fn replace(held: &mut Held, to: &Target, base: Content, token: &str) -> Result<(), SwapError> {
    let install = std::sync::Arc::clone(&held.install);
    let place = &install.place;
    let staged = place.kept(&to.digest);
    base::check(&install, base)?;
    let file = sys::open_kept(&staged, place.owner()).context("open", &staged)?;
    Content::of(&file).context("read", &staged)?.must_be(Content::from(to), &staged)?;
    // The program's mode may have changed since it was staged.
    sys::copy_attributes(place.program(), &file, place.owner()).context("set the attributes of", &staged)?;
    drop(file);
    held.enter(State::Swapping { to: to.clone(), base, token: token.to_owned() })?;
    sys::put_in_place(&staged, place.program(), None, place.owner()).context("rename over the program", &staged)
}

/// After a failure: the old program must be in place, and the journal says what comes next.
pub(crate) fn give_up(held: &mut Held, to: &Target, base: Content, error: &SwapError) {
    let reason = error.to_string();
    tracing::warn!(version = %to.version, %reason, "the swap failed");
    let is_bad = matches!(error, SwapError::Probe(error) if error.is_final());
    if matches!(held.state(), State::Swapping { .. }) {
        put_back(held, to, base);
    }
    // Tried again only with what can be: a put-back file is gone, a changed one is not the release.
    let is_whole = held.install.must_keep(Content::from(to)).is_ok();
    let is_overtaken = matches!(error, SwapError::Content { .. });
    let written = held.change(|journal| {
        if is_bad {
            journal.put_into_quarantine(to, &reason);
            journal.note(OutcomeKind::ProbeFailed, to, &reason);
            journal.state = State::Idle;
        } else {
            journal.note(OutcomeKind::SwapFailed, to, &reason);
            journal.state = if is_overtaken || !is_whole {
                State::Idle
            } else {
                State::Staged { to: to.clone(), base, token: None }
            };
        }
    });
    if let Err(error) = written {
        // Recovery goes by the installed file's digest: the old one.
        tracing::warn!(%error, "the journal could not be written");
    }
}

/// The rename may have been done before what failed after it.
fn put_back(held: &Held, to: &Target, base: Content) {
    let install = &held.install;
    if install.installed().is_ok_and(|installed| installed == Content::from(to))
        && let Err(error) = crate::rollback::restore(install, base)
    {
        tracing::warn!(%error, "the old program could not be put back");
    }
}

impl From<&Target> for Content {
    fn from(target: &Target) -> Content {
        Content { digest: target.digest, size: target.size }
    }
}
