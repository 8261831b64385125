//! Programs that do not link the library: shell scripts here.
#![cfg(unix)]

mod support;

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use support::{Install, await_some, kill, stdout};
use upstep_model::{Digest, Version};
use upstep_swap::{
    Event, ForeignProbe, Options, Place, SwapError, Target, Unavailable, attach, rollback, swap_foreign,
};

fn write_script(path: &Path, body: &str) {
    fs::write(path, format!("#!/bin/sh\ncase $1 in --version) echo 1; exit 0;; esac\n{body}\n")).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
}

/// A script is installed instead of the test program.
fn scripted(body: &str) -> Install {
    let install = Install::new("");
    write_script(&install.program(), body);
    install
}

fn release(install: &Install, body: &str) -> PathBuf {
    let path = install.root.path().join("release");
    write_script(&path, body);
    path
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
    let command = install.root.path().join("upstep");
    support::write_version(&command, "1.0.0", "");
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
    let install = scripted("echo old");
    let old = fs::read(install.program()).expect("read");
    let release = release(&install, "echo new");
    take(&install, &release).expect("taken");
    assert_eq!(fs::read(install.program()).expect("read"), fs::read(&release).expect("read"));
    assert_eq!(install.journal_state(), "idle");
    // A start that cleans up leaves the backup.
    attach(&install.program(), &Options::default());
    assert_eq!(install.strays().len(), 1, "{:?}", install.strays());
    rollback(&Place::of(&install.program()).expect("a place")).expect("rolled back");
    assert_eq!(fs::read(install.program()).expect("read"), old);
    let session = attach(&install.program(), &Options::default());
    assert!(matches!(&session.events()[..], [Event::RolledBack { .. }]));
    assert_eq!(install.strays(), Vec::<String>::new());
    assert!(matches!(take(&install, &release), Err(SwapError::Quarantined(_))));
    let again = rollback(&Place::of(&install.program()).expect("a place"));
    assert!(matches!(again, Err(SwapError::NoBackup(_))), "{again:?}");
}

#[test]
fn a_release_whose_probe_fails_is_not_swapped_in() {
    let install = scripted("echo old");
    let release = install.root.path().join("release");
    fs::write(&release, "#!/bin/sh\nexit 3\n").expect("written");
    let taken = take(&install, &release);
    assert!(matches!(taken, Err(SwapError::Probe(_))), "{taken:?}");
    assert!(fs::read_to_string(install.program()).expect("read").contains("echo old"));
    assert!(matches!(take(&install, &release), Err(SwapError::Quarantined(_))));
}

#[test]
fn a_program_that_was_changed_by_hand_is_not_rolled_back() {
    let install = scripted("echo old");
    let release = release(&install, "echo new");
    take(&install, &release).expect("taken");
    write_script(&install.program(), "echo third");
    let rolled_back = rollback(&Place::of(&install.program()).expect("a place"));
    assert!(matches!(rolled_back, Err(SwapError::NoBackup(_))), "{rolled_back:?}");
}

#[test]
fn a_supervised_program_is_tried_and_its_status_passed_up() {
    let install = scripted("echo old; exit 4");
    let output = run_supervised(&install, None);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(4), "old\n"));
    let output = run_supervised(&install, Some(&release(&install, "echo new; exit 0")));
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "new\n"));
    assert_eq!(install.journal_state(), "idle");
}

#[test]
fn a_supervised_release_that_crashes_is_taken_back() {
    let install = scripted("echo old");
    let output = run_supervised(&install, Some(&release(&install, "echo new; kill -SEGV $$")));
    assert_eq!((output.status.signal(), stdout(&output).as_str()), (Some(libc::SIGSEGV), "new\n"));
    assert!(fs::read_to_string(install.program()).expect("read").contains("echo old"));
    let output = run_supervised(&install, None);
    assert_eq!(stdout(&output), "old\n");
    assert_eq!(install.strays(), Vec::<String>::new());
}

#[test]
fn a_supervised_release_on_trial_keeps_others_from_updating_and_gets_its_signals() {
    let install = scripted("echo old");
    let ready = install.root.path().join("ready");
    let body = format!("trap 'exit 7' TERM; : > {}; while :; do sleep 0.05; done", ready.display());
    let release = release(&install, &body);
    let args = ["--take".into(), release.clone().into(), install.program().into(), "run".into()];
    let mut child = supervisor(&install, &args).spawn().expect("started");
    await_some("the new program runs", || ready.exists().then_some(()));
    let session = attach(&install.program(), &Options::default());
    assert!(matches!(session.lock(), Err(Unavailable::Busy | Unavailable::Held)) || install.journal_state() == "idle");
    kill(i32::try_from(child.id()).expect("a pid"), libc::SIGTERM);
    assert_eq!(child.wait().expect("waited").code(), Some(7));
}
