//! A program that links the library, from release to release.

use crate::support::author::Server;
use crate::support::host::{Action, Host};
use crate::support::testee::{Testee, author, publish, testee, versions};
use crate::support::{ends_with, stdout};

#[test]
fn a_program_takes_itself_through_a_chain_and_goes_on_with_its_arguments() {
    let author = author();
    let server = Server::before(&author);
    let installed = Testee::new(&author, &testee("1.0.0", "{}"));
    let output = installed.command(&server.url()).args(["one", "two words"]).output().expect("it runs");
    ends_with(&output, 0);
    let text = stdout(&output);
    assert_eq!(versions(&output), ["1.0.0", "1.2.0"], "{text}");
    assert!(text.contains("A newer version (1.2.0) is available! Current is 1.0.0"), "{text}");
    assert!(text.contains("patch 1.0.0 ->"), "{text}");
    assert!(text.contains("Downloaded new version to"), "{text}");
    assert!(text.contains("Updater started."), "{text}");
    assert!(text.ends_with("argument one\nargument two words\nend of 1.2.0\n"), "{text}");
    assert_eq!(installed.version(), "1.2.0");
    // The next start has nothing to do, and leaves nothing behind but its state.
    let output = installed.run(&server.url());
    ends_with(&output, 0);
    assert_eq!(versions(&output), ["1.2.0"]);
    let left = std::fs::read_dir(installed.folder.path()).expect("its folder").flatten();
    let mut left: Vec<String> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    left.sort();
    assert_eq!(left, [".testee.upstep".to_owned(), format!("testee{}", std::env::consts::EXE_SUFFIX)]);
}

#[test]
fn a_release_that_crashes_is_taken_back_and_the_next_one_taken() {
    let author = author();
    publish(&author, "1.3.0", r#"{"after": "abort"}"#);
    let server = Server::before(&author);
    let installed = Testee::new(&author, &testee("1.2.0", "{}"));
    let output = installed.run(&server.url());
    assert!(!output.status.success(), "the crash is passed up: {}", stdout(&output));
    assert_eq!(installed.version(), "1.2.0");
    let output = installed.run(&server.url());
    ends_with(&output, 0);
    assert_eq!(versions(&output), ["1.2.0"], "1.3.0 is in quarantine: {}", stdout(&output));
    publish(&author, "1.3.1", "{}");
    let host = Host::of_folder(author.store());
    let output = installed.run(&host.url());
    ends_with(&output, 0);
    assert_eq!(versions(&output), ["1.2.0", "1.3.1"], "{}", stdout(&output));
    assert_eq!(installed.version(), "1.3.1");
}

#[test]
fn twenty_starts_at_once_all_run_and_one_updates() {
    let author = author();
    let host = Host::of_folder(author.store());
    let installed = Testee::new(&author, &testee("1.0.0", "{}"));
    let children: Vec<_> = (0..20)
        .map(|_| {
            let mut command = installed.command(&host.url());
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().expect("it starts")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        ends_with(&output, 0);
        let text = stdout(&output);
        assert!(text.ends_with("end of 1.0.0\n") || text.ends_with("end of 1.2.0\n"), "{text}");
    }
    let output = installed.run(&host.url());
    ends_with(&output, 0);
    assert_eq!(installed.version(), "1.2.0");
}

#[test]
fn it_works_inside_of_a_runtime_and_step_by_step() {
    let author = author();
    let host = Host::of_folder(author.store());
    for variable in ["TESTEE_TOKIO", "TESTEE_STEPS"] {
        let installed = Testee::new(&author, &testee("1.0.0", "{}"));
        let mut command = installed.command(&host.url());
        // No temporary folder is used, and none is needed.
        command.env(variable, "1").env("TESTEE_CHILDREN", "1").env("TMPDIR", "/no/such/folder");
        let output = command.output().expect("it runs");
        ends_with(&output, 0);
        assert_eq!(versions(&output), ["1.0.0", "1.2.0"], "{variable}: {}", stdout(&output));
        assert!(stdout(&output).contains("children: none"), "{variable}: {}", stdout(&output));
    }
}

#[test]
fn during_its_trial_the_new_version_is_refused_a_check() {
    let author = author();
    let host = Host::of_folder(author.store());
    let installed = Testee::new(&author, &testee("1.0.0", "{}"));
    let output = installed.command(&host.url()).env("TESTEE_STEPS", "1").output().expect("it runs");
    assert!(stdout(&output).contains("not checked: Busy"), "{}", stdout(&output));
}

#[test]
fn offline_a_portal_and_bad_settings_let_the_program_run() {
    let author = author();
    let portal = Host::of_folder(author.store());
    portal.rule(|_| Action::Body(b"<html>log in</html>".to_vec()));
    let installed = Testee::new(&author, &testee("1.0.0", "{}"));
    for url in ["http://127.0.0.1:9", &portal.url(), "http://updates.example", "nonsense", ""] {
        let output = installed.run(url);
        ends_with(&output, 0);
        let text = stdout(&output);
        assert!(text.contains("event No update: "), "{url}: {text}");
        assert!(text.ends_with("end of 1.0.0\n"), "{url}: {text}");
        assert!(output.stderr.is_empty(), "the library never prints: {}", crate::support::stderr(&output));
    }
    assert_eq!(installed.version(), "1.0.0");
}

#[test]
fn a_place_that_cannot_be_used_is_found_before_any_request() {
    let author = author();
    let host = Host::of_folder(author.store());
    let installed = Testee::new(&author, &testee("1.0.0", "{}"));
    // Root may write to any folder: what stops everybody is a file where the state should be.
    std::fs::write(installed.state(), b"in the way").expect("written");
    let output = installed.run(&host.url());
    ends_with(&output, 0);
    let text = stdout(&output);
    assert_eq!(text.matches("event No update: ").count(), 1, "{text}");
    assert!(host.take_requests().is_empty());
}
