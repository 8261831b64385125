//! The verdict and what follows from it, with real processes.

mod support;

use support::{Install, is_crash, stdout, step};

/// Takes a release that behaves as told; the install and the first process's end.
fn after_update(old: &str, new: &str) -> (Install, std::process::Output) {
    let install = Install::new(old);
    let release = install.release("1.1.0", new);
    let output = install.update(&release);
    (install, output)
}

fn assert_taken_back(install: &Install) {
    assert_eq!(install.installed_version(), "1.0.0", "{}", install.log());
    assert_eq!(install.journal_state(), "idle");
    assert_eq!(install.journal()["quarantine"][0]["version"], "1.1.0");
    install.settle();
    assert_eq!(install.strays(), Vec::<String>::new());
}

#[test]
fn a_crash_before_the_first_library_call_runs_the_old_version_at_once() {
    for how in ["segv", "exit 101", "abort"] {
        let (install, output) = after_update(r#""after":["exit 3"]"#, &format!(r#""before_in_trial":["{how}"]"#));
        assert_eq!(output.status.code(), Some(3), "{how}: {}", install.log());
        assert_eq!(stdout(&output), "version 1.0.0\nversion 1.0.0\n");
        assert!(install.log().contains("RolledBack"), "the old version is told");
        assert_taken_back(&install);
    }
}

#[test]
fn a_crash_after_the_first_library_call_is_passed_up_and_the_old_version_is_back() {
    let (install, output) = after_update("", r#""after":["print half","segv"]"#);
    assert!(is_crash(output.status), "{:?}: {}", output.status, install.log());
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.1.0\nhalf\n");
    assert_taken_back(&install);
}

#[test]
fn a_program_that_asks_for_it_is_run_again_after_any_failure() {
    let (install, output) = after_update(r#""rerun":true"#, r#""after":["exit 101"]"#);
    assert_eq!(output.status.code(), Some(0), "{}", install.log());
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.1.0\nversion 1.0.0\n");
    assert_taken_back(&install);
}

#[test]
fn a_release_that_never_calls_the_library_is_taken_back() {
    let (install, output) = after_update(r#""first_call_ms":200"#, r#""before_in_trial":["hang"]"#);
    assert_eq!(output.status.code(), Some(0), "{}", install.log());
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.0.0\n");
    assert_taken_back(&install);
}

#[test]
fn the_third_undecided_end_in_a_row_is_a_failure() {
    let (install, output) = after_update("", r#""after":["exit 1"]"#);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((install.journal_state().as_str(), install.journal()["state"]["n"].as_u64()), ("trial", Some(1)));
    assert_eq!(install.run(["again"]).status.code(), Some(1));
    assert_eq!((install.installed_version().as_str(), install.journal()["state"]["n"].as_u64()), ("1.1.0", Some(2)));
    assert_eq!(install.run(["again"]).status.code(), Some(1), "the status is passed up each time");
    assert_taken_back(&install);
}

#[test]
fn a_program_that_confirms_may_end_with_any_status() {
    let (install, _) = after_update("", r#""manual":true,"after":["confirm","exit 1"]"#);
    for _ in 0..3 {
        assert_eq!(install.run(["again"]).status.code(), Some(1));
    }
    assert_eq!((install.installed_version().as_str(), install.journal_state().as_str()), ("1.1.0", "idle"));
}

#[test]
fn without_its_call_a_program_with_manual_confirmation_is_not_confirmed_by_time_or_success() {
    let (install, output) = after_update("", r#""manual":true,"after":["sleep 600","exit 0"]"#);
    assert_eq!((output.status.code(), install.journal_state().as_str()), (Some(0), "trial"));
}

#[test]
fn a_release_is_confirmed_while_it_runs() {
    let install = Install::new("");
    let release =
        install.release("1.1.0", &format!(r#""after":[{},"segv"]"#, step("await", &install.root.path().join("go"))));
    let child = install.spawn([std::ffi::OsStr::new("--stage"), release.as_os_str()]);
    install.await_state("idle");
    std::fs::write(install.root.path().join("go"), "").expect("written");
    let output = child.wait_with_output().expect("waited");
    assert!(is_crash(output.status), "a later crash is passed up and changes nothing");
    assert_eq!((install.installed_version().as_str(), install.journal_state().as_str()), ("1.1.0", "idle"));
}

#[test]
fn what_does_not_answer_its_probe_is_never_swapped_in() {
    for how in [r#""before":["segv"]"#, r#""before":["exit 0"]"#] {
        let (install, output) = after_update(r#""after":["exit 4"]"#, how);
        assert_eq!(output.status.code(), Some(4), "{}", install.log());
        assert_eq!(stdout(&output), "version 1.0.0\nversion 1.0.0\n");
        assert_taken_back(&install);
        assert!(install.log().contains("ProbeFailed"), "{}", install.log());
    }
    let (install, _) = after_update(r#""probe_ms":300"#, r#""before":["hang"]"#);
    assert_taken_back(&install);
}

#[test]
fn a_file_that_is_no_program_is_never_swapped_in() {
    let install = Install::new("");
    let release = install.root.path().join("release");
    let mut bytes = std::fs::read(install.program()).expect("read");
    bytes[0] = b'?';
    std::fs::write(&release, bytes).expect("written");
    let output = install.update(&release);
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.0.0\n", "{}", install.log());
    assert_eq!(install.journal()["quarantine"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_release_in_quarantine_is_not_staged_again_and_the_next_one_is() {
    let (install, _) = after_update("", r#""after":["segv"]"#);
    let bad = install.root.path().join(format!("release-1.1.0{}", std::env::consts::EXE_SUFFIX));
    assert!(stdout(&install.update(&bad)).ends_with("version 1.0.0\n"));
    assert!(install.log().contains("not staged"), "{}", install.log());
    let good = install.release("1.1.1", "");
    assert_eq!(stdout(&install.update(&good)), "version 1.0.0\nversion 1.1.1\n");
    assert_eq!(install.journal_state(), "idle");
}

#[test]
fn detached_the_first_process_ends_and_the_updater_after_the_verdict() {
    let install = Install::new(r#""detached":true"#);
    let go = install.root.path().join("go");
    let release = install.release("1.1.0", &format!(r#""detached":true,"after":[{}]"#, step("await", &go)));
    let output = install
        .command([std::ffi::OsStr::new("--stage"), release.as_os_str()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .output()
        .expect("run");
    assert_eq!(output.status.code(), Some(0), "{}", install.log());
    install.await_state("idle");
    assert_eq!(install.installed_version(), "1.1.0");
    std::fs::write(go, "").expect("written");
    install.await_line("1.1.0 end");
}

#[test]
fn detached_a_failure_brings_the_old_version_back_and_runs_it() {
    let install = Install::new(r#""detached":true"#);
    let release = install.release("1.1.0", r#""detached":true,"after":["segv"]"#);
    let output = install
        .command([std::ffi::OsStr::new("--stage"), release.as_os_str()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .output()
        .expect("run");
    assert_eq!(output.status.code(), Some(0));
    install.await_line("end");
    assert_taken_back(&install);
}
