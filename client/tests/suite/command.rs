//! The command: its exit codes, what it remembers, and what it says.

use crate::support::author::{Author, PLATFORM, Server};
use crate::support::host::Host;
use crate::support::script::{First, Installed, script, script_that, upstep};
use crate::support::{ends_with, stderr, stdout};

#[test]
fn after_the_first_update_the_program_is_all_that_must_be_named() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    author.publish("1.1.0", &script("1.1.0"));
    let server = Server::before(&author);
    let installed = Installed::new(&author, &script("1.0.0"));
    let output = installed.update(&server.url());
    ends_with(&output, 0);
    assert_eq!(stdout(&output), "updated tool from 1.0.0 to 1.1.0\n");
    assert_eq!(installed.version(), "1.1.0");
    for verb in ["check", "update", "status", "doctor"] {
        let output = installed.upstep_alone(verb).output().expect("it runs");
        ends_with(&output, 0);
        assert!(stdout(&output).contains("1.1.0"), "{verb}: {}", stdout(&output));
    }
}

#[test]
fn a_rollback_brings_the_version_before_and_it_is_not_updated_to_the_same_again() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    author.publish("1.1.0", &script("1.1.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    ends_with(&installed.update(&host.url()), 0);
    let output = installed.upstep_alone("rollback").output().expect("it runs");
    ends_with(&output, 0);
    assert!(stdout(&output).contains("1.0.0"), "{}", stdout(&output));
    assert_eq!(installed.version(), "1.0.0");
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.0.0", "what was rolled back is in quarantine");
    let doctor = installed.upstep_alone("doctor").output().expect("it runs");
    assert!(stdout(&doctor).contains("1.1.0 failed here"), "{}", stdout(&doctor));
    author.publish("1.2.0", &script("1.2.0"));
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.2.0");
}

#[test]
fn a_release_that_fails_its_probe_is_not_swapped_in() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    author.publish("1.1.0", &script_that("1.1.0", First::Exit(3)));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    let output = installed.update(&host.url());
    ends_with(&output, 22);
    assert_eq!(installed.version(), "1.0.0");
    author.publish("1.1.1", &script("1.1.1"));
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.1.1");
}

#[test]
fn run_updates_starts_and_passes_arguments_and_status_on() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    author.publish("1.1.0", &script_that("1.1.0", First::ExitIf("fail", 7)));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    let output = installed.upstep("run", &host.url()).args(["--", "one", "two words"]).output().expect("it runs");
    ends_with(&output, 0);
    assert_eq!(stdout(&output), "version 1.1.0\nargument one\nargument two words\n");
    let output = installed.upstep_alone("run").args(["--", "fail"]).output().expect("it runs");
    ends_with(&output, 7);
    let offline = installed.upstep("run", "http://127.0.0.1:9").output().expect("it runs");
    ends_with(&offline, 0);
    assert!(stderr(&offline).contains("No update"), "{}", stderr(&offline));
}

#[test]
fn run_takes_a_release_back_that_crashes() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    author.publish("1.1.0", &script_that("1.1.0", First::Crash));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    let output = installed.upstep("run", &host.url()).output().expect("it runs");
    assert!(stderr(&output).contains("1.1.0 failed"), "{}", stderr(&output));
    assert_eq!(installed.version(), "1.0.0");
    let output = installed.upstep_alone("run").output().expect("it runs");
    ends_with(&output, 0);
    assert_eq!(stdout(&output), "version 1.0.0\n");
}

#[test]
fn opted_out_programs_run_without_a_request() {
    let author = Author::new("tool");
    author.publish("1.1.0", &script("1.1.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    for variable in ["UPSTEP_NO_UPDATE", "TOOL_NO_UPDATE_CHECK"] {
        let output = installed.upstep("run", &host.url()).env(variable, "1").output().expect("it runs");
        ends_with(&output, 0);
        assert_eq!(stdout(&output), "version 1.0.0\n");
    }
    assert!(host.take_requests().is_empty());
}

#[test]
fn the_interval_of_the_environment_is_obeyed() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    let run = || installed.upstep("run", &host.url()).env("UPSTEP_CHECK_EVERY", "1h").output().expect("it runs");
    ends_with(&run(), 0);
    assert!(!host.take_requests().is_empty());
    ends_with(&run(), 0);
    assert!(host.take_requests().is_empty());
}

#[test]
fn what_is_missing_is_asked_for_with_a_hint() {
    let author = Author::new("tool");
    let installed = Installed::new(&author, &script("1.0.0"));
    let plain = |arguments: &[&str]| {
        let output = installed.upstep_alone("update").args(arguments).output().expect("it runs");
        ends_with(&output, 2);
        stderr(&output)
    };
    let root = author.root();
    let root = root.to_str().expect("UTF-8");
    assert!(plain(&[]).contains("hint:"), "{}", plain(&[]));
    assert!(plain(&["--root", root]).contains("--app"));
    // A script has no header that says it.
    #[cfg(unix)]
    assert!(plain(&["--root", root, "--app", "tool"]).contains("--platform"));
    assert!(plain(&["--root", root, "--app", "tool", "--platform", PLATFORM]).contains("--url"));
    for bad in [["--app", "Tool"], ["--platform", "x"], ["--pin", "one"], ["--root", "/no/such/file"]] {
        ends_with(&installed.upstep_alone("update").args(bad).output().expect("it runs"), 2);
    }
    let nothing = upstep("update").args(["--exe", "/no/such/program"]).output().expect("it runs");
    ends_with(&nothing, 2);
    assert!(stderr(&nothing).contains("/no/such/program"));
}

#[test]
fn a_broken_trust_state_is_named_and_mended_by_the_doctor() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    author.publish("1.1.0", &script("1.1.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    ends_with(&installed.update(&host.url()), 0);
    let trust = installed.state().join("trust");
    for entry in std::fs::read_dir(&trust).expect("a trust state").flatten() {
        if entry.path().is_file() {
            std::fs::write(entry.path(), b"torn").expect("damaged");
        }
    }
    author.publish("1.2.0", &script("1.2.0"));
    let output = installed.update(&host.url());
    ends_with(&output, 20);
    assert!(stderr(&output).contains("--reset-trust"), "{}", stderr(&output));
    let doctor = installed.upstep_alone("doctor").output().expect("it runs");
    assert!(stdout(&doctor).contains("--reset-trust"), "{}", stdout(&doctor));
    ends_with(&installed.upstep_alone("doctor").arg("--reset-trust").output().expect("it runs"), 0);
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.2.0");
}

#[test]
fn the_doctor_names_what_is_left_of_an_old_name() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    ends_with(&installed.update(&host.url()), 0);
    let renamed = installed.folder.path().join("renamed");
    std::fs::rename(&installed.program, &renamed).expect("renamed");
    let output = upstep("doctor").arg("--exe").arg(&renamed).output().expect("it runs");
    ends_with(&output, 0);
    assert!(stdout(&output).contains(".tool.upstep"), "{}", stdout(&output));
}

#[cfg(unix)]
#[test]
fn whoever_updates_a_program_it_and_its_state_belong_to_its_owner() {
    use crate::support::host::Action;
    use std::os::unix::fs::{MetadataExt, chown};
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    author.publish("1.1.0", &script("1.1.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    let me = std::fs::metadata(&installed.program).expect("installed").uid();
    // Only root can make it somebody else's; who runs this as a user sees that it stays theirs.
    let owner = if me == 0 { 65_534 } else { me };
    for path in [installed.folder.path(), &installed.program] {
        chown(path, Some(owner), Some(owner))
            .or_else(|error| if me == 0 { Err(error) } else { Ok(()) })
            .expect("chown");
    }
    host.rule(|request| if request.is_blob() { Action::Cut(10) } else { Action::Serve });
    ends_with(&installed.update(&host.url()), 21);
    assert_owner(installed.folder.path(), owner);
    host.rule(|_| Action::Serve);
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.1.0");
    assert_owner(installed.folder.path(), owner);
}

/// Everything below a folder belongs to `owner`.
#[cfg(unix)]
fn assert_owner(folder: &std::path::Path, owner: u32) {
    use std::os::unix::fs::MetadataExt;
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let metadata = entry.metadata().expect("there");
        assert_eq!(metadata.uid(), owner, "{}", entry.path().display());
        if metadata.is_dir() {
            assert_owner(&entry.path(), owner);
        }
    }
}
