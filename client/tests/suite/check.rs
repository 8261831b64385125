//! What a check costs, and what it believes.

use crate::support::author::{Author, Server};
use crate::support::host::{Action, Host};
use crate::support::script::{Installed, script};
use crate::support::{ends_with, stderr, stdout};
use std::time::{Duration, Instant};

#[test]
fn nothing_new_costs_two_requests_something_new_three_and_what_is_known_is_not_fetched_again() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    let server = Server::before(&author);
    let proxy = Host::before(server.address);
    let installed = Installed::new(&author, &script("1.0.0"));

    ends_with(&installed.check(&proxy.url()), 0);
    proxy.take_requests();
    ends_with(&installed.check(&proxy.url()), 0);
    let paths: Vec<String> = proxy.take_requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/tool/metadata/2.root.json", "/tool/metadata/timestamp.json"]);

    author.publish("1.1.0", &script("1.1.0"));
    // The server finds a new commit within two seconds; the proxy serves no copy of its own.
    let began = Instant::now();
    while installed.check(&proxy.url()).status.code() != Some(10) {
        assert!(began.elapsed() < Duration::from_secs(60), "the server never saw the new commit");
    }
    proxy.take_requests();
    ends_with(&installed.check(&proxy.url()), 10);
    let paths: Vec<String> = proxy.take_requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths.len(), 3, "{paths:?}");
    assert!(paths[2].starts_with("/v1/update/tool/stable/"), "{paths:?}");
}

#[test]
fn a_plan_that_is_dearer_unknown_empty_or_a_lie_is_replaced_by_the_own() {
    let author = Author::new("tool");
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        author.publish(version, &script(version));
    }
    let server = Server::before(&author);
    let proxy = Host::before(server.address);
    let installed = Installed::new(&author, &script("1.0.0"));
    let json =
        |output: &std::process::Output| -> serde_json::Value { serde_json::from_slice(&output.stdout).expect("JSON") };
    let check = || installed.upstep("check", &proxy.url()).arg("--json").output().expect("it runs");
    let honest = json(&check());
    assert_eq!(honest["available"], "1.2.0");

    let mut empty = honest["plan"].clone();
    empty["steps"] = serde_json::json!([]);
    let mut elsewhere = honest["plan"].clone();
    elsewhere["steps"][0]["url"] = "/evil".into();
    let mut unknown = honest["plan"].clone();
    unknown["steps"][0]["digest"] = "00".repeat(32).into();
    let lies = [
        Action::Body(empty.to_string().into_bytes()),
        Action::Body(elsewhere.to_string().into_bytes()),
        Action::Body(unknown.to_string().into_bytes()),
        Action::Body(b"<html>log in</html>".to_vec()),
        Action::Body(vec![b'['; 1 << 20]),
        Action::Status(204, ""),
        Action::Status(500, ""),
        Action::Status(404, ""),
    ];
    for lie in lies {
        let name = format!("{lie:?}").chars().take(100).collect::<String>();
        let lie = lie.clone();
        proxy.rule(move |request| if request.path.starts_with("/v1/") { lie.clone() } else { Action::Serve });
        assert_eq!(json(&check())["plan"], honest["plan"], "{name}");
    }
}

#[test]
fn the_program_is_known_by_its_digest_and_a_changed_one_takes_the_full() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    author.publish("1.1.0", &script("1.1.0"));
    let server = Server::before(&author);
    let mut edited = script("1.0.0");
    edited.extend_from_slice(b"# edited\n");
    let installed = Installed::new(&author, &edited);
    let output = installed.check(&server.url());
    ends_with(&output, 10);
    assert!(stdout(&output).contains("full 1.1.0"), "{}", stdout(&output));
    let newest = Installed::new(&author, &script("1.1.0"));
    let output = newest.upstep("check", &server.url()).args(["--current-version", "0.1.0"]).output().expect("it runs");
    ends_with(&output, 0);
}

#[test]
fn a_pin_a_yank_and_a_held_back_release_are_obeyed() {
    let author = Author::new("tool");
    for version in ["1.0.0", "1.1.0"] {
        author.publish(version, &script(version));
    }
    author.publish_as("1.2.0", &script("1.2.0"), |request| {
        request.percent = Some(upstep_model::Rollout::NONE);
    });
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    let output = installed.upstep("check", &host.url()).arg("--json").output().expect("it runs");
    ends_with(&output, 10);
    assert!(stdout(&output).contains("\"available\":\"1.1.0\""), "{}", stdout(&output));
    let output = installed.upstep("check", &host.url()).args(["--pin", "1.0.0"]).output().expect("it runs");
    ends_with(&output, 0);
    author.edit(|index| index.releases[1].yanked = true);
    ends_with(&installed.check(&host.url()), 0);
}

#[test]
fn what_later_versions_of_the_index_may_ask_for_is_obeyed_from_the_first_day() {
    let author = Author::new("tool");
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        author.publish(version, &script(version));
    }
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    let check = || installed.upstep("check", &host.url()).arg("--json").output().expect("it runs");
    let answer = || -> serde_json::Value { serde_json::from_slice(&check().stdout).expect("JSON") };
    author.edit(|index| {
        index.floors = vec![index.releases[1].version.clone()];
        index.notice = Some("read this".to_owned());
        index.mandatory_below = Some(index.releases[1].version.clone());
    });
    let answered = answer();
    assert_eq!(answered["available"], "1.1.0", "nobody jumps over a floor");
    assert_eq!((&answered["notice"], &answered["plan"]["mandatory"]), (&"read this".into(), &true.into()));
    author.edit(|index| index.critical = vec!["something".to_owned()]);
    let output = check();
    ends_with(&output, 20);
    assert!(stderr(&output).contains("something"), "{}", stderr(&output));
}

#[test]
fn an_app_that_moved_is_looked_for_at_its_new_address_first() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    let (old, new) = (Host::of_folder(author.store()), Host::of_folder(author.store()));
    let url = new.url();
    author.edit(move |index| index.moved_to = vec![url.clone(), "http://elsewhere.example".to_owned()]);
    let installed = Installed::new(&author, &script("1.0.0"));
    ends_with(&installed.check(&old.url()), 0);
    assert!(new.take_requests().is_empty(), "it has just been heard of");
    old.take_requests();
    ends_with(&installed.check(&old.url()), 0);
    assert!(!new.take_requests().is_empty());
    assert!(old.take_requests().is_empty());
}

#[test]
fn an_update_that_needs_more_memory_than_allowed_is_refused_with_a_hint() {
    let author = Author::new("tool");
    author.publish("1.1.0", &script("1.1.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    let output = installed.upstep("update", &host.url()).args(["--memory-limit", "1000"]).output().expect("it runs");
    ends_with(&output, 20);
    assert!(stderr(&output).contains("--memory-limit"), "{}", stderr(&output));
}

#[test]
fn a_platform_that_nothing_was_published_for_is_named() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    let mut check = installed.upstep_alone("check");
    check.args(["--app", "tool", "--platform", "aarch64-apple-darwin", "--url", &host.url(), "--root"]);
    let output = check.arg(author.root()).output().expect("it runs");
    ends_with(&output, 20);
    assert!(stderr(&output).contains("stable.aarch64-apple-darwin"), "{}", stderr(&output));
}

#[test]
fn several_addresses_are_tried_in_turn() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    author.publish("1.1.0", &script("1.1.0"));
    let portal = Host::of_folder(author.store());
    portal.rule(|_| Action::Body(b"<html>log in</html>".to_vec()));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    let output =
        installed.upstep("update", "http://127.0.0.1:9").args(["--url", &portal.url(), "--url", &host.url()]).output();
    ends_with(&output.expect("it runs"), 0);
    assert_eq!(installed.version(), "1.1.0");
}
