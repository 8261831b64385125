//! Programs that do not link the library: the test program acts and ends before its first call.

mod support;

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use support::{Install, is_crash, stdout, write_foreign, write_version};
use upstep_model::{Digest, Version};
use upstep_swap::{Event, ForeignProbe, Options, Place, SwapError, Target, attach, rollback, swap_foreign};

fn write(path: &Path, steps: &str) {
    write_foreign(path, &format!(r#""before":["version",{steps},"exit 0"]"#));
}

/// A program that does these steps is installed.
fn foreign(steps: &str) -> Install {
    let install = Install::new("");
    write(&install.program(), steps);
    install
}

fn release(install: &Install, steps: &str) -> PathBuf {
    let path = install.root.path().join("release");
    write(&path, steps);
    path
}

fn installed(install: &Install) -> Vec<u8> {
    fs::read(install.program()).expect("read")
}

/// Takes a file as version 2.0.0.
fn take(install: &Install, release: &Path) -> Result<Target, SwapError> {
    let session = attach(&install.program(), &Options::default());
    let mut locked = session.lock()?;
    let bytes = fs::read(release).expect("read");
    let version = Version::parse("2.0.0").expect("a version");
    let to = Target { version, digest: Digest::of(&bytes), size: bytes.len() as u64 };
    let (mut file, _) = locked.create_staged(&to.digest)?;
    file.write_all(&bytes).expect("written");
    drop(file);
    locked.stage(&to)?;
    swap_foreign(locked, &ForeignProbe::default(), &|_| true)
}

/// The test program, standing for the `upstep` command.
fn supervisor(install: &Install, args: &[OsString]) -> std::process::Command {
    let command = install.root.path().join(format!("upstep{}", std::env::consts::EXE_SUFFIX));
    write_version(&command, "1.0.0", "");
    install.command_of(&command, args)
}

fn run_supervised(install: &Install, taking: Option<&Path>) -> std::process::Output {
    let mut args = match taking {
        Some(release) => vec!["--take".into(), release.into()],
        None => vec![OsString::from("--supervise")],
    };
    args.extend([install.program().into(), "run".into()]);
    supervisor(install, &args).output().expect("run")
}

#[test]
fn a_swap_without_a_trial_keeps_the_version_before_and_rollback_brings_it_back() {
    let install = foreign(r#""print old""#);
    let old = installed(&install);
    let release = release(&install, r#""print new""#);
    take(&install, &release).expect("taken");
    assert_eq!(installed(&install), fs::read(&release).expect("read"));
    assert_eq!(install.journal_state(), "idle");
    // A start that cleans up leaves the backup.
    attach(&install.program(), &Options::default());
    assert_eq!(install.strays().len(), 1, "{:?}", install.strays());
    rollback(&Place::of(&install.program()).expect("a place")).expect("rolled back");
    assert_eq!(installed(&install), old);
    let session = attach(&install.program(), &Options::default());
    assert!(matches!(&session.events()[..], [Event::RolledBack { .. }]));
    assert_eq!(install.strays(), Vec::<String>::new());
    assert!(matches!(take(&install, &release), Err(SwapError::Quarantined(_))));
    let again = rollback(&Place::of(&install.program()).expect("a place"));
    assert!(matches!(again, Err(SwapError::NoBackup(_))), "{again:?}");
}

#[test]
fn a_release_whose_probe_fails_is_not_swapped_in() {
    let install = foreign(r#""print old""#);
    let old = installed(&install);
    let release = install.root.path().join("release");
    write_foreign(&release, r#""before":["exit 3"]"#);
    let taken = take(&install, &release);
    assert!(matches!(taken, Err(SwapError::Probe(_))), "{taken:?}");
    assert_eq!(installed(&install), old);
    assert!(matches!(take(&install, &release), Err(SwapError::Quarantined(_))));
}

#[test]
fn a_program_that_was_changed_by_hand_is_not_rolled_back() {
    let install = foreign(r#""print old""#);
    let release = release(&install, r#""print new""#);
    take(&install, &release).expect("taken");
    write(&install.program(), r#""print third""#);
    let rolled_back = rollback(&Place::of(&install.program()).expect("a place"));
    assert!(matches!(rolled_back, Err(SwapError::NoBackup(_))), "{rolled_back:?}");
}

#[test]
fn a_supervised_program_is_tried_and_its_status_passed_up() {
    let install = foreign(r#""print old","exit 4""#);
    let output = run_supervised(&install, None);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(4), "old\n"));
    let output = run_supervised(&install, Some(&release(&install, r#""print new""#)));
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "new\n"));
    assert_eq!(install.journal_state(), "idle");
}

#[test]
fn a_supervised_release_that_crashes_is_taken_back() {
    let install = foreign(r#""print old""#);
    let old = installed(&install);
    let output = run_supervised(&install, Some(&release(&install, r#""print new","segv""#)));
    assert!(is_crash(output.status), "{:?}: {}", output.status, install.log());
    assert_eq!(stdout(&output), "new\n");
    assert_eq!(installed(&install), old);
    let output = run_supervised(&install, None);
    assert_eq!(stdout(&output), "old\n");
    assert_eq!(install.strays(), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn a_supervised_release_on_trial_keeps_others_from_updating_and_gets_its_signals() {
    use support::kill;
    use upstep_swap::Unavailable;
    let install = foreign(r#""print old""#);
    let release = release(&install, r#""count""#);
    let args = ["--take".into(), release.into(), install.program().into(), "run".into()];
    let mut child = supervisor(&install, &args).spawn().expect("started");
    install.await_line("ready");
    let session = attach(&install.program(), &Options::default());
    assert!(matches!(session.lock(), Err(Unavailable::Busy | Unavailable::Held)) || install.journal_state() == "idle");
    let pid = i32::try_from(child.id()).expect("a pid");
    kill(pid, libc::SIGUSR1);
    install.await_line(&format!("signal {}", libc::SIGUSR1));
    kill(pid, libc::SIGTERM);
    let status = child.wait().expect("waited");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGTERM));
}
