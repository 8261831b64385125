//! kill -9 of each process, and of all: the next start reaches the verdict.

mod support;

use std::ffi::OsStr;
use support::{Install, step};
#[cfg(unix)]
use support::{await_some, kill};

/// An update whose new program waits; the first process and the new one's pid.
fn running_trial(confirm_ms: u32) -> (Install, std::process::Child, i32) {
    let install = Install::new(&format!(r#""confirm_ms":{confirm_ms}"#));
    let go = install.root.path().join("go");
    let release = install.release("1.1.0", &format!(r#""confirm_ms":{confirm_ms},"after":[{}]"#, step("await", &go)));
    let mut command = install.command([OsStr::new("--stage"), release.as_os_str()]);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.stdout(std::process::Stdio::null()).spawn().expect("started");
    let new = install.await_line(&format!("await {}", go.display()));
    (install, child, new)
}

fn go(install: &Install) {
    std::fs::write(install.root.path().join("go"), "").expect("written");
}

fn assert_settled(install: &Install) {
    assert_eq!(
        (install.installed_version().as_str(), install.journal_state().as_str()),
        ("1.1.0", "idle"),
        "{}",
        install.log()
    );
    install.settle();
    assert_eq!(install.strays(), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn when_the_updater_is_killed_the_new_program_confirms_itself() {
    let (install, mut child, _) = running_trial(600);
    child.kill().expect("killed");
    child.wait().expect("waited");
    install.await_state("idle");
    go(&install);
    install.await_line("1.1.0 end");
    assert_settled(&install);
}

#[cfg(unix)]
#[test]
fn when_the_updater_is_killed_early_the_next_start_is_another_run_of_the_trial() {
    let (install, mut child, new) = running_trial(60_000);
    child.kill().expect("killed");
    child.wait().expect("waited");
    go(&install);
    await_some("the new program ends", || (!std::path::Path::new(&format!("/proc/{new}")).exists()).then_some(()));
    assert_eq!(install.journal_state(), "trial");
    assert_eq!(install.run(["again"]).status.code(), Some(0), "{}", install.log());
    assert_settled(&install);
}

#[cfg(unix)]
#[test]
fn when_all_are_killed_the_next_start_reaches_the_verdict() {
    let (install, mut child, _) = running_trial(60_000);
    kill(-i32::try_from(child.id()).expect("a pid"), libc::SIGKILL);
    child.wait().expect("waited");
    go(&install);
    assert_eq!(install.run(["again"]).status.code(), Some(0), "{}", install.log());
    assert_settled(&install);
}

#[test]
fn while_a_trial_is_open_no_second_updater_works_on_the_install() {
    let (install, mut child, _) = running_trial(60_000);
    go(&install);
    // The first one's trial may be over before: then these are ordinary starts.
    let others: Vec<_> = (0..5).map(|_| install.spawn(["other"])).collect();
    for other in others {
        let output = other.wait_with_output().expect("waited");
        assert_eq!(output.status.code(), Some(0));
    }
    assert_eq!(child.wait().expect("waited").code(), Some(0));
    assert!(install.log().matches("start in-trial").count() == 1, "{}", install.log());
    assert_settled(&install);
}

#[test]
fn of_twenty_starts_at_once_one_updates_and_none_fails() {
    let install = Install::new("");
    let release = install.release("1.1.0", "");
    let starts: Vec<_> = (0..20).map(|_| install.spawn([OsStr::new("--stage"), release.as_os_str()])).collect();
    for start in starts {
        let output = start.wait_with_output().expect("waited");
        assert_eq!(output.status.code(), Some(0), "{}", install.log());
    }
    install.run(["after"]);
    assert_settled(&install);
}
