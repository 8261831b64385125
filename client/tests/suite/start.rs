//! What the start of a program costs: budgets and intervals.

use crate::support::author::Author;
use crate::support::host::{Action, Host};
use crate::support::testee::{Testee, author, testee, versions};
use crate::support::{ends_with, stdout};

fn three() -> (Author, Host, Testee) {
    let author = author();
    let host = Host::of_folder(author.store());
    let installed = Testee::new(&author, &testee("1.0.0", "{}"));
    (author, host, installed)
}

#[test]
fn a_host_that_does_not_answer_is_given_up_after_the_budget() {
    let (_author, host, installed) = three();
    host.rule(|_| Action::Stall(1));
    let output = installed.command(&host.url()).env("TESTEE_BUDGET", "300").output().expect("it runs");
    ends_with(&output, 0);
    assert!(stdout(&output).contains("event No update: not finished within 300ms"), "{}", stdout(&output));
    assert_eq!(versions(&output), ["1.0.0"]);
}

#[test]
fn a_download_that_stalls_is_given_up_and_gone_on_with_later() {
    let (_author, host, installed) = three();
    host.rule(|request| if request.is_blob() { Action::Stall(10) } else { Action::Serve });
    let output = installed.command(&host.url()).env("TESTEE_PATIENCE", "300").output().expect("it runs");
    ends_with(&output, 0);
    assert!(stdout(&output).contains("brought too little"), "{}", stdout(&output));
    host.rule(|_| Action::Serve);
    let output = installed.run(&host.url());
    ends_with(&output, 0);
    assert_eq!(versions(&output), ["1.0.0", "1.2.0"], "{}", stdout(&output));
}

#[test]
fn past_the_longest_hold_the_old_version_starts_and_a_background_process_goes_on() {
    let (_author, host, installed) = three();
    host.rule(|request| match (request.is_blob(), request.earlier) {
        (true, 0) => Action::Stall(10),
        _ => Action::Serve,
    });
    let output = installed
        .command(&host.url())
        .env("TESTEE_MAX_HOLD", "1500")
        .env("TESTEE_CHILDREN", "1")
        .output()
        .expect("it runs");
    ends_with(&output, 0);
    let text = stdout(&output);
    assert!(text.contains("goes on in the background"), "{text}");
    assert!(text.ends_with("children: none\nend of 1.0.0\n"), "{text}");
    installed.wait_until("the background process stages 1.2.0", || is_staged(&installed));
    let output = installed.run("http://127.0.0.1:9");
    ends_with(&output, 0);
    assert_eq!(versions(&output), ["1.0.0", "1.2.0"], "what is staged is installed first: {}", stdout(&output));
}

#[test]
fn next_start_brings_the_update_in_the_background_and_installs_it_at_the_next_start() {
    let (_author, host, installed) = three();
    let start = || {
        installed
            .command(&host.url())
            .env("TESTEE_ON_START", "next-start")
            .env("TESTEE_CHILDREN", "1")
            .output()
            .expect("it runs")
    };
    let output = start();
    ends_with(&output, 0);
    assert_eq!(versions(&output), ["1.0.0"], "{}", stdout(&output));
    assert!(stdout(&output).contains("children: none"), "{}", stdout(&output));
    installed.wait_until("the background process stages 1.2.0", || is_staged(&installed));
    let output = start();
    ends_with(&output, 0);
    assert_eq!(versions(&output), ["1.0.0", "1.2.0"], "{}", stdout(&output));
    // A day has not passed.
    host.take_requests();
    ends_with(&start(), 0);
    assert!(host.take_requests().is_empty());
}

#[test]
fn manual_makes_no_request_of_its_own() {
    let (_author, host, installed) = three();
    let output = installed.command(&host.url()).env("TESTEE_ON_START", "manual").output().expect("it runs");
    ends_with(&output, 0);
    assert_eq!(versions(&output), ["1.0.0"]);
    assert!(host.take_requests().is_empty());
}

#[test]
fn children_that_inherit_the_background_role_ignore_it() {
    let (_author, host, installed) = three();
    for role in ["work:0123456789abcdef", "launch:0123456789abcdef", "work:../../x", "nonsense", ":"] {
        let mut command = installed.command(&host.url());
        let output = command.env("UPSTEP_BACKGROUND", role).env("TESTEE_ON_START", "manual").output().expect("it runs");
        ends_with(&output, 0);
        assert!(stdout(&output).ends_with("end of 1.0.0\n"), "{role}: {}", stdout(&output));
    }
}

fn is_staged(installed: &Testee) -> bool {
    let mut command = crate::support::script::upstep("status");
    let output = command.arg("--exe").arg(&installed.program).arg("--json").output().expect("it runs");
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    status["staged"]["version"] == "1.2.0" && status["busy"] == false
}
