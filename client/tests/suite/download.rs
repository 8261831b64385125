//! Downloads go on where they were interrupted, on hosts of every kind.

use crate::support::author::{Author, Server};
use crate::support::host::{Action, Host};
use crate::support::script::{Installed, script};
use crate::support::{PATIENCE, ends_with, stdout};
use std::time::{Duration, Instant};

/// An author whose full of 1.1.0 is some 40 kB, its host, and a program that needs the full.
fn full() -> (Author, Host, Installed) {
    let author = Author::new("tool");
    author.publish("1.1.0", &script("1.1.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    (author, host, installed)
}

#[test]
fn a_cut_download_goes_on_with_range() {
    let (_author, host, installed) = full();
    host.rule(|request| match (request.is_blob(), request.earlier) {
        (true, 0) => Action::Cut(10_000),
        (true, 1) => Action::Cut(5_000),
        _ => Action::Serve,
    });
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.1.0");
    let ranges: Vec<Option<String>> = host
        .take_requests()
        .iter()
        .filter(|request| request.is_blob())
        .map(|request| request.header("range").map(str::to_owned))
        .collect();
    assert_eq!(ranges, [None, Some("bytes=10000-".to_owned()), Some("bytes=15000-".to_owned())]);
}

#[test]
fn a_host_that_answers_200_to_a_range_is_read_from_the_beginning() {
    let (_author, host, installed) = full();
    host.rule(|request| match (request.is_blob(), request.earlier) {
        (true, 0) => Action::Cut(10_000),
        _ => Action::NoRange,
    });
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.1.0");
}

#[test]
fn a_killed_process_leaves_a_part_that_the_next_one_goes_on_with() {
    let (_author, host, installed) = full();
    host.rule(|request| if request.is_blob() { Action::Stall(20_000) } else { Action::Serve });
    let mut process = installed.upstep("update", &host.url()).spawn().expect("it runs");
    let downloads = installed.state().join("downloads");
    let written = || {
        let parts = std::fs::read_dir(&downloads).into_iter().flatten().flatten();
        let mut parts = parts.filter(|entry| entry.path().extension() == Some("part".as_ref()));
        parts.next().and_then(|entry| entry.metadata().ok()).map_or(0, |metadata| metadata.len())
    };
    let began = Instant::now();
    while written() < 20_000 {
        let ended = process.try_wait().expect("its state");
        let asked = || host.take_requests();
        assert!(ended.is_none(), "it ended instead of waiting, {ended:?}: {:?}", asked());
        assert!(began.elapsed() < PATIENCE, "{} bytes written: {:?}", written(), asked());
        std::thread::sleep(Duration::from_millis(10));
    }
    process.kill().expect("killed");
    process.wait().expect("reaped");
    assert_eq!(installed.version(), "1.0.0");

    host.rule(|_| Action::Serve);
    host.take_requests();
    ends_with(&installed.update(&host.url()), 0);
    let blobs: Vec<_> = host.take_requests().into_iter().filter(|request| request.is_blob()).collect();
    assert_eq!(blobs.len(), 1);
    assert_eq!(blobs[0].header("range"), Some("bytes=20000-"), "{:?}", blobs[0]);
    assert_eq!(installed.version(), "1.1.0");
}

#[test]
fn a_part_that_was_damaged_on_the_disk_is_thrown_away() {
    let (_author, host, installed) = full();
    host.rule(|request| if request.is_blob() { Action::Cut(5_000) } else { Action::Serve });
    ends_with(&installed.update(&host.url()), 21);
    let part = installed.files().into_iter().find(|name| name.ends_with(".part")).expect("a part is left");
    let part = installed.state().join("downloads").join(part);
    let mut bytes = std::fs::read(&part).expect("readable");
    bytes[0] ^= 1;
    std::fs::write(&part, bytes).expect("damaged");
    host.rule(|_| Action::Serve);
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.1.0");
}

#[test]
fn an_overloaded_host_is_tried_again() {
    let (_author, host, installed) = full();
    host.rule(|request| match (request.is_blob(), request.earlier) {
        (true, 0) => Action::Status(503, "retry-after: 0"),
        (true, 1) => Action::Status(429, ""),
        _ => Action::Serve,
    });
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.1.0");
}

#[test]
fn a_plain_file_host_serves_the_whole_life_of_a_program() {
    let author = Author::new("tool");
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        author.publish(version, &script(version));
    }
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    let output = installed.update(&host.url());
    ends_with(&output, 0);
    assert_eq!(installed.version(), "1.2.0");
    author.publish("1.3.0", &script("1.3.0"));
    host.take_requests();
    ends_with(&installed.upstep_alone("update").output().expect("it runs"), 0);
    assert_eq!(installed.version(), "1.3.0");
    let full = std::fs::read(&installed.program).expect("installed").len();
    assert!(host.sent() < full, "{} bytes for two updates of a program with {full}", host.sent());
}

#[test]
fn a_chain_of_patches_costs_what_the_plan_says() {
    let author = Author::new("tool");
    for version in ["1.0.0", "1.1.0", "1.2.0", "1.3.0"] {
        author.publish(version, &script(version));
    }
    let server = Server::before(&author);
    let installed = Installed::new(&author, &script("1.0.0"));
    let json =
        |output: std::process::Output| -> serde_json::Value { serde_json::from_str(&stdout(&output)).expect("JSON") };
    let plan = json(installed.upstep("check", &server.url()).arg("--json").output().expect("it runs"))["plan"].clone();
    let bytes: u64 =
        plan["steps"].as_array().expect("steps").iter().map(|step| step["size"].as_u64().expect("a size")).sum();
    let answer = json(installed.upstep("update", &server.url()).arg("--json").output().expect("it runs"));
    assert_eq!((answer["bytes"].as_u64(), answer["to"].as_str()), (Some(bytes), Some("1.3.0")), "{answer}");
    assert!(answer["full_bytes"].as_u64() > Some(bytes));
    assert_eq!(installed.version(), "1.3.0");
    assert_eq!(std::fs::read(&installed.program).expect("installed"), script("1.3.0"));
}
