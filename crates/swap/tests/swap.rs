//! The way of a good release, with real processes.
#![cfg(unix)]

mod support;

use std::os::unix::process::ExitStatusExt as _;
use support::{Install, stdout};

#[test]
fn a_release_is_swapped_in_run_with_the_same_pid_in_front_and_confirmed() {
    let install = Install::new("");
    let release = install.release("1.1.0", r#""after":["exit 0"]"#);
    let mut child = install.command([std::ffi::OsStr::new("--stage"), release.as_os_str()]).spawn().expect("started");
    let pid = child.id();
    let status = child.wait().expect("waited");
    assert_eq!(status.code(), Some(0), "{}", install.log());
    let first: u32 = install.await_line("1.0.0 install").try_into().expect("a pid");
    assert_eq!(first, pid, "the first process installs");
    assert_eq!(install.installed_version(), "1.1.0");
    assert_eq!(install.journal_state(), "idle");
    install.settle();
    assert_eq!(install.strays(), Vec::<String>::new());
}

#[test]
fn output_and_status_are_those_of_the_new_program() {
    let install = Install::new("");
    let release = install.release("1.1.0", r#""after":["confirm","print hi","exit 7"]"#);
    let output = install.update(&release);
    assert_eq!(output.status.code(), Some(7), "{}", install.log());
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.1.0\nhi\n");
    assert_eq!(install.journal_state(), "idle");
    let again = install.run(["x"]);
    assert_eq!((again.status.code(), stdout(&again).as_str()), (Some(7), "version 1.1.0\nhi\n"));
}

#[test]
fn a_death_by_signal_is_passed_up_as_the_same_signal() {
    let install = Install::new("");
    let release = install.release("1.1.0", r#""after":["confirm","raise 15"]"#);
    assert_eq!(install.update(&release).status.signal(), Some(15), "{}", install.log());
}
