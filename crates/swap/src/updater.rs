//! The updater process: the base, run to swap, start, judge and put back. Nothing of the program's
//! own code runs in it after its first library call.

use crate::held::{Held, Install};
use crate::journal::State;
use crate::launch::Launch;
use crate::role::{Kind, Role};
use crate::sys::{self, Wake};
use crate::trial::{Outcome, Trial};
use crate::verdict::End;
use crate::{Options, Place, swap};
use std::sync::Arc;

/// The updater's whole life. Attached, it is the first process and ends as the program does;
/// detached, it ends after the verdict.
pub(crate) fn run(install: &Arc<Install>, token: &str, detached: bool, options: &Options) -> ! {
    let place = &install.place;
    if detached {
        sys::wait_for_first_process(&install.folder, token);
    }
    let Some(mut held) = Held::take_for(install, token) else { run_instead(place) };
    if matches!(held.state(), State::Staged { .. }) && swap::swap_in(&mut held, token, &options.timing).is_err() {
        drop(held);
        run_instead(place);
    }
    let role = Role::new(Kind::Trial, token, place.program());
    let launch = Launch::program(place.program(), Some(role.value()));
    let trial = Trial { held, options, attached: !detached, foreign: false };
    match trial.run(&launch, token) {
        Outcome::Kept { mut supervisor, end } => {
            if detached {
                sys::exit(0);
            }
            supervisor.release_streams();
            let end = end.unwrap_or_else(|| {
                loop {
                    if let Wake::Ended(end) = supervisor.wait(None) {
                        break end;
                    }
                }
            });
            drop(supervisor);
            sys::pass_up(end)
        }
        Outcome::RolledBack { end, before_first_call } => {
            if before_first_call || options.effective_rerun() {
                let error = sys::become_program(place.program(), None);
                tracing::warn!(%error, "the old program could not be run again");
            }
            sys::pass_up(end.unwrap_or(End::Code(1)))
        }
        Outcome::Stuck { end, error } => {
            tracing::error!(%error, "the old program could not be put back");
            sys::pass_up(end.unwrap_or(End::Code(1)))
        }
    }
}

/// Runs the installed program in this process's stead; it must not begin an update in this start,
/// or two could take turns for ever.
pub(crate) fn run_instead(place: &Place) -> ! {
    let role = Role::new(Kind::Plain, crate::role::NO_TOKEN, place.program());
    let error = sys::become_program(place.program(), Some(&role.value()));
    tracing::error!(%error, program = %place.program().display(), "the program could not be run");
    sys::exit(1)
}
