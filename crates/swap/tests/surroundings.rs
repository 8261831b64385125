//! What surrounds the program must not notice its update: pipes, signals, job control, children.
#![cfg(unix)]

mod support;

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use support::{Install, await_some, kill};

/// The updater, too, gives the release time.
const SLOW: &str = r#""confirm_ms":60000"#;

/// Starts the update to a release that behaves as told.
fn start_update(install: &Install, new: &str, group: bool) -> Child {
    let release = install.release("1.1.0", new);
    let mut command = install.command([OsStr::new("--stage"), release.as_os_str()]);
    if group {
        command.process_group(0);
    }
    command.stdin(Stdio::piped()).spawn().expect("started")
}

fn pid(child: &Child) -> i32 {
    child.id().try_into().expect("a pid")
}

fn is_state(pid: i32, state: char) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(state))
}

#[test]
fn end_of_file_arrives_when_the_new_program_closes_its_output_although_both_live() {
    let install = Install::new(SLOW);
    let mut child = start_update(&install, r#""confirm_ms":60000,"after":["print last","close-stdout","hang"]"#, true);
    let mut text = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("read to the end");
    assert_eq!(text, "version 1.0.0\nversion 1.1.0\nlast\n");
    assert!(child.try_wait().expect("waited").is_none(), "the first process still stands for it");
    kill(-pid(&child), libc::SIGKILL);
    child.wait().expect("waited");
}

#[test]
fn a_reader_that_goes_away_is_no_fault_of_the_release() {
    for first in [r#""pipe-default","#, ""] {
        let install = Install::new(SLOW);
        let mut child = start_update(&install, &format!(r#""confirm_ms":60000,"after":[{first}"flood"]"#), false);
        for run in 0..3 {
            if run > 0 {
                child = install.command(["again"]).spawn().expect("started");
            }
            let mut line = String::new();
            BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
            child.wait().expect("waited");
        }
        assert_eq!(install.journal_state(), "trial", "{}", install.log());
        assert_eq!(install.journal()["state"]["n"], 0, "none of the ends counts");
        assert_eq!(install.installed_version(), "1.1.0");
    }
}

#[test]
fn signals_to_the_first_process_reach_the_new_program() {
    let install = Install::new(SLOW);
    let mut child = start_update(&install, r#""confirm_ms":60000,"after":["count"]"#, true);
    install.await_line("1.1.0 ready");
    for signal in [libc::SIGUSR1, libc::SIGUSR2, libc::SIGWINCH, libc::SIGQUIT, libc::SIGHUP] {
        kill(pid(&child), signal);
        install.await_line(&format!("1.1.0 signal {signal}"));
    }
    kill(pid(&child), libc::SIGTERM);
    assert_eq!(child.wait().expect("waited").signal(), Some(libc::SIGTERM));
    assert!(!install.log().contains("again"), "{}", install.log());
}

#[test]
fn a_signal_to_group_and_first_process_reaches_the_new_program_once() {
    let install = Install::new(SLOW);
    let mut child = start_update(&install, r#""confirm_ms":60000,"after":["count"]"#, true);
    install.await_line("1.1.0 ready");
    kill(-pid(&child), libc::SIGTERM);
    kill(pid(&child), libc::SIGTERM);
    assert_eq!(child.wait().expect("waited").signal(), Some(libc::SIGTERM));
    let log = install.log();
    assert_eq!(log.matches("signal 15").count(), 1, "{log}");
    assert!(!log.contains("again"), "{log}");
    assert_eq!(install.journal()["state"]["n"], 0, "an end by TERM does not count");
}

#[test]
fn an_end_by_term_hup_int_or_kill_three_times_does_not_count() {
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGKILL] {
        let install = Install::new(SLOW);
        let mut child = start_update(&install, r#""confirm_ms":60000,"after":["hang"]"#, true);
        for run in 0..3 {
            if run > 0 {
                child = install.command(["again"]).process_group(0).spawn().expect("started");
            }
            let new = install.await_line("1.1.0 hang");
            install.clear_log();
            if signal == libc::SIGKILL {
                kill(new, signal)
            } else {
                kill(-pid(&child), signal)
            }
            assert_eq!(child.wait().expect("waited").signal(), Some(signal));
            assert_eq!(install.journal()["state"]["n"], 0);
        }
    }
}

#[test]
fn a_stop_of_the_new_program_alone_stops_the_job_and_its_continuation_continues_it() {
    let install = Install::new("");
    let go = install.root.path().join("go");
    let mut child = start_update(&install, &format!(r#""after":["await {}"]"#, go.display()), true);
    let new = install.await_line(&format!("await {}", go.display()));
    kill(new, libc::SIGSTOP);
    await_some("the first process stops too", || is_state(pid(&child), 'T').then_some(()));
    // Far longer than the time that confirms it.
    std::thread::sleep(std::time::Duration::from_millis(900));
    assert_eq!(install.journal_state(), "trial", "a stopped program is not confirmed");
    kill(new, libc::SIGCONT);
    await_some("the first process goes on", || (!is_state(pid(&child), 'T')).then_some(()));
    install.await_state("idle");
    std::fs::write(go, "").expect("written");
    assert_eq!(child.wait().expect("waited").code(), Some(0));
    assert_eq!(install.installed_version(), "1.1.0");
}

#[test]
fn a_stop_and_continuation_of_the_first_process_stop_and_continue_the_job() {
    let install = Install::new(SLOW);
    let go = install.root.path().join("go");
    let mut child = start_update(&install, &format!(r#""confirm_ms":60000,"after":["await {}"]"#, go.display()), true);
    let new = install.await_line(&format!("await {}", go.display()));
    kill(pid(&child), libc::SIGTSTP);
    await_some("both stop", || (is_state(pid(&child), 'T') && is_state(new, 'T')).then_some(()));
    kill(pid(&child), libc::SIGCONT);
    await_some("both go on", || (!is_state(pid(&child), 'T') && !is_state(new, 'T')).then_some(()));
    std::fs::write(go, "").expect("written");
    assert_eq!(child.wait().expect("waited").code(), Some(0));
}

#[test]
fn a_nohup_and_ignored_children_stay_as_they_were() {
    let install = Install::new(SLOW);
    let release = install.release("1.1.0", r#""confirm_ms":60000,"after":["hang"]"#);
    let script = format!("trap '' HUP; exec {} --stage {}", install.program().display(), release.display());
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env("TESTEE_LOG", install.log_path()).env_remove("UPSTEP_ROLE").stdout(Stdio::null());
    let mut child = command.process_group(0).spawn().expect("started");
    let new = install.await_line("1.1.0 hang");
    kill(-pid(&child), libc::SIGHUP);
    kill(new, libc::SIGHUP);
    kill(pid(&child), libc::SIGTERM);
    assert_eq!(child.wait().expect("waited").signal(), Some(libc::SIGTERM));
}
