//! The trial, as the updater sees it: one supervised run of the new program, up to the verdict.

use crate::held::Held;
use crate::journal::{Backup, OutcomeKind, State};
use crate::launch::Launch;
use crate::sys::{Supervisor, Wake};
use crate::verdict::{End, Seen, Verdict, describe, judge};
use crate::{Content, Options, SwapError, Target, rollback};
use std::io;

/// Runs of a release that may end without saying anything about it.
pub(crate) const MAX_UNDECIDED: u32 = 3;

/// How a run under supervision came to its verdict, which is carried out already.
pub(crate) enum Outcome {
    /// The verdict is reached, or put off to the next start, and this is what is left to do.
    Kept { supervisor: Supervisor, end: Option<End> },
    /// The old program is back. `end`: how the new one ended, if it could be started.
    RolledBack { end: Option<End>, before_first_call: bool },
    /// It should have come back, and could not: the journal still says RollingBack.
    Stuck { end: Option<End>, error: SwapError },
}

/// One run of the new program.
pub(crate) struct Trial<'a> {
    pub(crate) held: Held,
    pub(crate) options: &'a Options,
    /// The updater stands for the program: it passes signals on.
    pub(crate) attached: bool,
    /// The program does not link the library: nothing will tell its first library call.
    pub(crate) foreign: bool,
}

impl Trial<'_> {
    /// Starts the new program and watches it until the verdict. The journal says Swapping or Trial
    /// before. The lock is free afterwards.
    pub(crate) fn run(mut self, launch: &Launch, token: &str) -> Outcome {
        let (to, base) = match (self.held.state().to(), self.held.state().base()) {
            (Some(to), Some(base)) => (to.clone(), *base),
            _ => return self.not_begun(SwapError::NoBackup("no release is on trial".to_owned())),
        };
        let n = match self.begin_run(&to, base, token) {
            Ok(n) => n,
            Err(error) => return self.not_begun(error),
        };
        let mut supervisor = match self.start(launch) {
            Ok(supervisor) => supervisor,
            Err(error) => {
                let reason = format!("it could not be started: {error}");
                return self.take_back(&to, base, &reason, None, true);
            }
        };
        let (verdict, end, seen) = self.watch(&mut supervisor, token);
        tracing::info!(version = %to.version, ?verdict, "verdict");
        let reason = match verdict {
            Verdict::Confirmed => {
                self.confirm(token);
                return Outcome::Kept { supervisor, end };
            }
            Verdict::NotCounted => {
                self.uncount();
                return Outcome::Kept { supervisor, end };
            }
            Verdict::Undecided(_) if n < MAX_UNDECIDED => return Outcome::Kept { supervisor, end },
            Verdict::Undecided(how) => format!("{how}, for the third time without being confirmed"),
            Verdict::Failed(how) => how,
        };
        let end = end.unwrap_or_else(|| supervisor.kill());
        drop(supervisor);
        self.take_back(&to, base, &reason, Some(end), !seen.first_call)
    }

    /// Writes the number of the run before it begins.
    fn begin_run(&mut self, to: &Target, base: Content, token: &str) -> Result<u32, SwapError> {
        let (n, mut tokens) = match self.held.state() {
            State::Trial { n, tokens, .. } => (*n, tokens.clone()),
            _ => (0, Vec::new()),
        };
        if tokens.last().is_none_or(|last| last != token) {
            tokens.push(token.to_owned());
        }
        let n = n + 1;
        self.held.enter(State::Trial { to: to.clone(), base, n, tokens })?;
        Ok(n)
    }

    fn start(&self, launch: &Launch) -> io::Result<Supervisor> {
        Supervisor::start(launch, self.attached)
    }

    /// Watches the program until the verdict; the second part is its end, if that came first.
    fn watch(&self, supervisor: &mut Supervisor, token: &str) -> (Verdict, Option<End>, Seen) {
        let timing = &self.options.timing;
        let (confirm_after, first_call_within) =
            (timing.ticks(timing.confirm_after), timing.ticks(timing.first_call_within));
        let mut seen = Seen::default();
        let (mut before, mut after) = (0, 0);
        loop {
            let wake = supervisor.wait(Some(timing.tick));
            let knew_first_call = seen.first_call;
            self.look(&mut seen, token);
            if seen.first_call && !knew_first_call && !self.options.effective_rerun() {
                // The old program will not be run on these streams any more.
                self.release(supervisor);
            }
            if let Wake::Ended(end) = wake {
                return (judge(end, seen), Some(end), seen);
            }
            if seen.confirmed {
                return (Verdict::Confirmed, None, seen);
            }
            if seen.first_call {
                after += 1;
                if after > confirm_after && !seen.manual {
                    return (Verdict::Confirmed, None, seen);
                }
            } else {
                before += 1;
                if before > first_call_within {
                    let within = timing.first_call_within.as_secs_f32();
                    return (Verdict::Failed(format!("it made no library call within {within} s")), None, seen);
                }
            }
        }
    }

    /// Reads what the new program's own library has noted.
    fn look(&self, seen: &mut Seen, token: &str) {
        if self.foreign {
            seen.first_call = true;
            return;
        }
        let folder = &self.held.install.folder;
        if !seen.first_call {
            seen.manual = folder.exists(&format!("{token}.first-manual"));
            seen.first_call = seen.manual || folder.exists(&format!("{token}.first"));
        }
        seen.output_broken = folder.exists(&format!("{token}.output-broken"));
        seen.confirmed = folder.exists(&format!("{token}.confirmed"));
    }

    fn release(&self, supervisor: &mut Supervisor) {
        if !self.foreign {
            supervisor.release_streams();
        }
    }

    fn confirm(&mut self, token: &str) {
        let settle = if self.foreign { settle_with_backup } else { settle_confirmed };
        if let Err(error) = settle(&mut self.held) {
            // The next start reads the verdict off this empty file.
            tracing::warn!(%error, "the journal could not be written");
            let _ = self.held.install.folder.create_new(&format!("{token}.confirmed"));
        }
    }

    /// The run does not count: its number is given back.
    fn uncount(&mut self) {
        let counted = self.held.change(|journal| {
            if let State::Trial { n, .. } = &mut journal.state {
                *n = n.saturating_sub(1);
            }
        });
        if let Err(error) = counted {
            tracing::warn!(%error, "the journal could not be written");
        }
    }

    fn take_back(
        mut self,
        to: &Target,
        base: Content,
        reason: &str,
        end: Option<End>,
        before_first_call: bool,
    ) -> Outcome {
        tracing::warn!(version = %to.version, end = end.map(describe), %reason, "the trial failed");
        match rollback::roll_back(&mut self.held, to, base, reason) {
            Ok(()) => Outcome::RolledBack { end, before_first_call },
            Err(error) => Outcome::Stuck { end, error },
        }
    }

    /// Swapped in, but the journal could not be written: without a number no run begins. The old
    /// program is put back where that can be.
    fn not_begun(self, error: SwapError) -> Outcome {
        let mut held = self.held;
        let (State::Swapping { to, base, .. } | State::Trial { to, base, .. }) = held.state().clone() else {
            return Outcome::Stuck { end: None, error };
        };
        if let Err(error) = rollback::restore(&held.install, base) {
            return Outcome::Stuck { end: None, error };
        }
        // May fail as the write before it: recovery finds the old program and goes by that. The
        // release's file is gone.
        let _ = held.change(|journal| {
            journal.note(OutcomeKind::SwapFailed, &to, &error.to_string());
            journal.state = State::Idle;
        });
        Outcome::RolledBack { end: None, before_first_call: true }
    }
}

/// Writes that the release on trial is confirmed: Idle.
pub(crate) fn settle_confirmed(held: &mut Held) -> Result<(), SwapError> {
    held.enter(State::Idle)
}

/// The same for a program that does not link the library: the version before it stays, as the
/// backup of `rollback --exe`.
pub(crate) fn settle_with_backup(held: &mut Held) -> Result<(), SwapError> {
    let backup = match (held.state().to(), held.state().base()) {
        (Some(to), Some(base)) => Some(Backup { content: *base, replaced_by: to.clone() }),
        _ => None,
    };
    held.change(|journal| {
        journal.state = State::Idle;
        journal.backup = backup;
    })
}
