//! The way of a good release, with real processes.

mod support;

use std::io::Write as _;
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

#[cfg(unix)]
#[test]
fn a_death_by_signal_is_passed_up_as_the_same_signal() {
    use std::os::unix::process::ExitStatusExt as _;
    let install = Install::new("");
    let release = install.release("1.1.0", r#""after":["confirm","raise 15"]"#);
    assert_eq!(install.update(&release).status.signal(), Some(15), "{}", install.log());
}

#[test]
fn input_is_read_by_the_new_program() {
    let install = Install::new("");
    let release = install.release("1.1.0", r#""after":["echo"]"#);
    let mut command = install.command([std::ffi::OsStr::new("--stage"), release.as_os_str()]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().expect("started");
    child.stdin.take().expect("a pipe").write_all(b"to the new one\n").expect("written");
    let output = child.wait_with_output().expect("waited");
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.1.0\nto the new one\n");
}

#[test]
fn children_of_the_new_program_ignore_its_role_and_it_has_none_of_ours() {
    let install = Install::new("");
    let release = install.release("1.1.0", r#""after":["children","child","children"]"#);
    let output = install.update(&release);
    assert_eq!(output.status.code(), Some(0), "{}", install.log());
    let log = install.log();
    assert_eq!(log.matches("start in-trial").count(), 1, "{log}");
    assert!(log.contains("unavailable Busy"), "a check during the trial is refused: {log}");
    assert!(log.contains("child ended Some(0)"), "{log}");
    #[cfg(unix)]
    assert_eq!(log.matches(&format!("waitpid -1 Some({})", libc::ECHILD)).count(), 4, "{log}");
}
