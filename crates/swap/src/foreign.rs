//! Programs that do not link the library: another process updates, starts and supervises them.

use crate::{Locked, Options, Place, Refusal, Session, SwapError, Target};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

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

/// How a supervised program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
}

/// The session of another program's install place: what an interrupted update left is settled.
pub fn attach(exe: &Path, options: &Options) -> Session {
    let _ = (exe, options);
    unimplemented!()
}

/// Swaps the staged release in without a trial: the version before it stays as the backup that
/// [`rollback`] puts back.
pub fn swap_foreign(
    locked: Locked,
    probe: &ForeignProbe,
    still_signed: &dyn Fn(&upstep_model::Digest) -> bool,
) -> Result<Target, SwapError> {
    let _ = (locked, probe, still_signed);
    unimplemented!()
}

/// Puts the version before the installed one back, and the installed one in quarantine. Also mends
/// a release that was cut off in its trial and no longer starts.
pub fn rollback(place: &Place) -> Result<upstep_model::Digest, SwapError> {
    let _ = place;
    unimplemented!()
}

/// Starts the program at `exe` with `args` as a child, passes signals on, and waits for its end.
/// A release that was swapped in since its last start is on trial: if it fails, the version before
/// it is put back and run.
pub fn supervise(exe: &Path, args: &[OsString], options: &Options) -> Result<Ended, SwapError> {
    let _ = (exe, args, options);
    let _: Option<Refusal> = None;
    unimplemented!()
}
