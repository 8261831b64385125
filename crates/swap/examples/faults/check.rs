//! What must hold after a fault.

use crate::support::Install;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use upstep_model::Digest;

/// What came of a run with a fault.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The fault came.
    pub hit: bool,
    /// What the journal said afterwards.
    pub state: Option<String>,
    /// What does not hold.
    pub wrong: Vec<String>,
}

/// Looks at the install, makes the next start settle it, and looks again.
pub fn settle(install: &Install, whole: [Digest; 2], last: Option<&str>, hit: bool) -> Verdict {
    let mut verdict = Verdict { hit, state: state(install), wrong: Vec::new() };
    let wrong = &mut verdict.wrong;
    let program = std::fs::read(install.program()).map(|bytes| Digest::of(&bytes));
    if !program.as_ref().is_ok_and(|digest| whole.contains(digest)) {
        wrong.push(format!("the program is neither the old nor the new one: {program:?}"));
        return verdict;
    }
    let next = start(install);
    // A bad release that is still on trial passes its crash up.
    let is_crash = last.is_some() && next.is_some_and(|status| status.signal() == Some(libc::SIGSEGV));
    if !is_crash && !next.is_some_and(|status| status.success()) {
        wrong.push(format!("the next start ended with {next:?}"));
    }
    if let Some(state) = state(install)
        && state != "idle"
    {
        wrong.push(format!("after the next start the journal says {state}"));
    }
    let after = start(install);
    if !after.is_some_and(|status| status.success()) {
        wrong.push(format!("the start after it ended with {after:?}"));
    }
    let version = install.installed_version();
    if last.is_some_and(|last| last != version) {
        wrong.push(format!("version {version} is installed in the end"));
    }
    let strays = install.strays();
    if !strays.is_empty() {
        wrong.push(format!("stray files: {strays:?}"));
    }
    if !wrong.is_empty() {
        wrong.push(format!("the program's log:\n{}", install.log()));
    }
    verdict
}

fn state(install: &Install) -> Option<String> {
    let text = std::fs::read_to_string(install.state().join("journal")).ok()?;
    let rest = text.split_once("\"state\":{\"kind\":\"")?.1;
    Some(rest.split_once('"')?.0.to_owned())
}

/// A start without an update; `None` if it does not end.
fn start(install: &Install) -> Option<ExitStatus> {
    let mut command = install.command(["start"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().expect("started");
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        if let Some(status) = child.try_wait().expect("waited") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    crate::support::kill(-i32::try_from(child.id()).expect("a pid"), libc::SIGKILL);
    child.wait().expect("waited");
    None
}
