//! What a program tells the crate about itself, and how it wants to be tried.

use std::time::Duration;
use upstep_model::{AppName, Platform, Version};

/// The running program, as its marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The app.
    pub app: AppName,
    /// The version of this build.
    pub version: Version,
    /// The platform of this build.
    pub platform: Platform,
}

/// How updates of this program are swapped in and tried.
///
/// The updater process is a copy of the old program: it calls [`crate::begin`] with the old
/// program's options, and those are the ones that it works with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What confirms a release in its trial.
    pub confirm: Confirm,
    /// How the updater process stands to the first one; `None`: by the kind of program.
    pub mode: Option<Mode>,
    /// Run the old version again at once after a rollback, even if the new one failed after its
    /// first library call; `None`: only for detached programs.
    pub rerun_after_rollback: Option<bool>,
    /// How long things may take.
    pub timing: Timing,
}

/// What confirms a release in its trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Confirm {
    /// The program ends with 0, or lives [`Timing::confirm_after`] past its first library call, or
    /// calls [`crate::Session::confirm`].
    #[default]
    Default,
    /// [`crate::Session::confirm`] alone: for programs whose usual exit codes are not 0.
    Manual,
}

/// How the updater process stands to the first process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The first process becomes the updater (Unix), or waits for it (Windows): console programs.
    Attached,
    /// The first process ends, and the updater ends after the verdict: programs with windows.
    Detached,
}

impl Options {
    /// The mode, where none was chosen: by the kind of program.
    pub fn effective_mode(&self) -> Mode {
        self.mode.unwrap_or_else(crate::sys::default_mode)
    }

    /// Whether the old version is run again after a rollback whatever the new one has done.
    pub fn effective_rerun(&self) -> bool {
        self.rerun_after_rollback.unwrap_or(self.effective_mode() == Mode::Detached)
    }
}

/// How long things may take. Time is counted in ticks: a late tick counts as one, and none is
/// counted while the new program is stopped, so that a suspended machine or a debugger decides
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Length of a tick.
    pub tick: Duration,
    /// A release is confirmed when it lives this long past its first library call.
    pub confirm_after: Duration,
    /// A release fails when it makes no library call for this long.
    pub first_call_within: Duration,
    /// A staged program is killed when it does not answer the probe for this long.
    pub probe_within: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            tick: Duration::from_millis(100),
            confirm_after: Duration::from_secs(10),
            first_call_within: Duration::from_secs(60),
            probe_within: Duration::from_secs(30),
        }
    }
}

impl Timing {
    /// How many ticks `duration` is: at least one.
    pub fn ticks(&self, duration: Duration) -> u64 {
        let tick = self.tick.as_millis().max(1);
        u64::try_from(duration.as_millis().div_ceil(tick)).unwrap_or(u64::MAX).max(1)
    }
}
