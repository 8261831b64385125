//! Publishing: what it stores, what it keeps, what it says.

use crate::sandbox::{LINUX, PLATFORMS, Sandbox, WINDOWS, program, unmarked};
use serde_json::Value;

/// The bases of the patches that lead to a version.
fn bases(index: &Value, to: &str) -> Vec<String> {
    let patches = index["patches"].as_array().expect("patches");
    let to = patches.iter().filter(|patch| patch["to"] == to);
    to.map(|patch| patch["from"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn a_program_says_its_version_and_platform_itself() {
    let sandbox = Sandbox::new();
    let text = sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    assert!(text.contains("hello 1.0.0 for x86_64-unknown-linux-gnu"), "{text}");
    assert_eq!(sandbox.versions(LINUX), ["1.0.0"]);
    sandbox.ok(&["verify"]);
}

#[test]
fn version_and_platform_are_named_for_a_program_without_a_marker() {
    let sandbox = Sandbox::new();
    let script = sandbox.file("script", b"#!/bin/sh\necho hello\n");
    sandbox.ok(&["publish", "--version", "1.0.0", "--platform", "noarch-any", &script]);
    assert_eq!(sandbox.versions("noarch-any"), ["1.0.0"]);
    let program = sandbox.file("program", &unmarked(LINUX, "1"));
    sandbox.ok(&["publish", "--version", "1.0.0", &program]);
    assert_eq!(sandbox.versions(LINUX), ["1.0.0"], "the header names the platform");
}

#[test]
fn an_alias_that_stands_for_one_platform_is_taken() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["publish", "--platform", "windows", &sandbox.program(WINDOWS, "1.0.0")]);
    assert_eq!(sandbox.versions(WINDOWS), ["1.0.0"], "the marker decides between msvc and gnu");
}

#[test]
fn a_universal_program_has_a_marker_in_each_half() {
    let sandbox = Sandbox::new();
    let universal = "universal-apple-darwin";
    let mut both = unmarked(universal, "1");
    for half in ["x86_64-apple-darwin", "aarch64-apple-darwin"] {
        both.extend(upstep_model::marker::bytes("hello", "1.0.0", half));
    }
    sandbox.ok(&["publish", &sandbox.file("both", &both)]);
    assert_eq!(sandbox.versions(universal), ["1.0.0"]);
    both.extend(upstep_model::marker::bytes("hello", "1.1.0", "aarch64-apple-darwin"));
    let error = sandbox.fails(&["publish", &sandbox.file("torn", &both)]);
    assert!(error.contains("two markers that disagree: 1.0.0 and 1.1.0"), "{error}");
}

#[test]
fn the_table_tells_what_was_kept_and_why() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    let text = sandbox.ok(&["publish", &sandbox.program(LINUX, "1.1.0")]);
    for word in
        ["from", "distance", "patch bytes", "of full", "codec", "diff time", "apply memory", "kept", "cheaper than"]
    {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    let report = sandbox.json(&["publish", &sandbox.program(LINUX, "1.2.0")]);
    assert_eq!(report["commit"], 3);
    let patch = &report["releases"][0]["patches"][0];
    assert_eq!((&patch["from"], &patch["distance"], &patch["kept"]), (&"1.1.0".into(), &1.into(), &true.into()));
    for number in ["bytes", "share", "diff_seconds", "diff_memory", "apply_seconds", "apply_memory"] {
        assert!(patch["measured"][number].as_f64().expect(number) > 0.0, "{number}");
    }
    let measured = &patch["measured"];
    assert_eq!(measured["tried"][0], serde_json::json!({ "codec": measured["codec"], "bytes": measured["bytes"] }));
}

#[test]
fn patches_come_from_the_release_before_and_from_ever_further_back() {
    let sandbox = Sandbox::new();
    for minor in 0..6 {
        let report = sandbox.json(&["publish", &sandbox.program(LINUX, &format!("1.{minor}.0"))]);
        let patches = report["releases"][0]["patches"].as_array().expect("patches").clone();
        let distances: Vec<u64> = patches.iter().map(|patch| patch["distance"].as_u64().expect("a number")).collect();
        let expected: &[u64] = [&[][..], &[1], &[1, 2], &[1, 2], &[1, 2, 4], &[1, 2, 4]][minor];
        assert_eq!(distances, expected, "of 1.{minor}.0");
    }
    let index = sandbox.index(LINUX);
    assert_eq!(bases(&index, "1.5.0"), ["1.4.0", "1.3.0", "1.1.0"], "one step is cheaper than two of the same kind");
    sandbox.ok(&["verify"]);
}

#[test]
fn several_platforms_at_once_are_one_commit() {
    let sandbox = Sandbox::new();
    for version in ["1.0.0", "1.1.0"] {
        let files = PLATFORMS.map(|platform| sandbox.program(platform, version));
        let mut args = vec!["publish"];
        args.extend(files.iter().map(String::as_str));
        sandbox.ok(&args);
    }
    assert_eq!(sandbox.json(&["list"])["commit"], 2);
    for platform in PLATFORMS {
        assert_eq!(sandbox.versions(platform), ["1.0.0", "1.1.0"]);
        assert_eq!(bases(&sandbox.index(platform), "1.1.0"), ["1.0.0"]);
    }
    sandbox.ok(&["verify"]);
}

#[test]
fn the_same_bytes_again_change_nothing() {
    let sandbox = Sandbox::new();
    let files = [sandbox.program(LINUX, "1.0.0"), sandbox.program(LINUX, "1.1.0")];
    files.iter().for_each(|file| drop(sandbox.ok(&["publish", file])));
    let before = sandbox.listing();
    for file in &files {
        let report = sandbox.json(&["publish", file]);
        assert_eq!((&report["commit"], &report["releases"][0]["added"]), (&Value::Null, &false.into()));
    }
    assert_eq!(sandbox.listing(), before);
    let new = sandbox.program(WINDOWS, "1.1.0");
    let report = sandbox.json(&["publish", &files[1], &new]);
    assert_eq!(report["commit"], 3, "one of two is new");
}

#[test]
fn other_bytes_under_the_same_version_are_an_error() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    let mut other = program(LINUX, "1.0.0");
    other[1000] ^= 1;
    let error = sandbox.fails(&["publish", &sandbox.file("other", &other)]);
    assert!(error.contains("1.0.0") && error.contains("already published with other bytes"), "{error}");
    assert!(error.contains("hint:"), "{error}");
}

#[test]
fn an_older_version_goes_in_between_on_demand() {
    let sandbox = Sandbox::new();
    for version in ["1.0.0", "1.2.0"] {
        sandbox.ok(&["publish", &sandbox.program(LINUX, version)]);
    }
    let older = sandbox.program(LINUX, "1.1.0");
    let error = sandbox.fails(&["publish", &older]);
    assert!(error.contains("1.1.0 is older than 1.2.0") && error.contains("--backfill"), "{error}");
    sandbox.ok(&["publish", "--backfill", &older]);
    assert_eq!(sandbox.versions(LINUX), ["1.0.0", "1.1.0", "1.2.0"]);
    let index = sandbox.index(LINUX);
    assert_eq!(bases(&index, "1.1.0"), ["1.0.0"]);
    assert_eq!(bases(&index, "1.2.0"), ["1.0.0", "1.1.0"], "the next newer one gets a patch from it");
    sandbox.ok(&["verify"]);
}

#[test]
fn rollout_notes_and_mandatory_below_are_in_the_index() {
    let sandbox = Sandbox::new();
    let notes = sandbox.file("notes.md", "Schneller, schöner.\n".as_bytes());
    let file = sandbox.program(LINUX, "1.0.0");
    sandbox.ok(&["publish", "--percent", "0", "--notes", &notes, "--mandatory-below", "0.9.0", &file]);
    let index = sandbox.index(LINUX);
    assert_eq!(index["releases"][0]["rollout"], 0);
    assert_eq!(index["releases"][0]["notes"], "Schneller, schöner.");
    assert_eq!(index["mandatory_below"], "0.9.0");
}

#[test]
fn channels_are_apart() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["publish", "--channel", "beta", &sandbox.program(LINUX, "2.0.0-beta.1")]);
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    let listing = sandbox.json(&["list"]);
    let channels: Vec<&Value> = listing["indexes"].as_array().expect("indexes").iter().map(|i| &i["channel"]).collect();
    assert_eq!(channels, ["beta", "stable"]);
}

#[test]
fn a_patch_that_needs_more_memory_than_allowed_is_not_made() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    let report = sandbox.json(&["publish", "--memory", "1", &sandbox.program(LINUX, "1.1.0")]);
    let patch = &report["releases"][0]["patches"][0];
    assert_eq!((&patch["kept"], &patch["measured"]), (&false.into(), &Value::Null));
    assert!(patch["reason"].as_str().expect("text").contains("--memory"), "{patch}");
}

#[test]
fn a_patch_for_which_the_memory_of_both_codecs_is_too_much_is_made_by_the_plain_one() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    let report = sandbox.json(&["publish", "--memory", "50", &sandbox.program(LINUX, "1.1.0")]);
    let patch = &report["releases"][0]["patches"][0];
    assert_eq!(patch["measured"]["codec"], "bidiff", "{patch}");
}

#[test]
fn output_that_nobody_reads_is_no_error() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    let mut child = sandbox.command(&["list"]).stdout(std::process::Stdio::piped()).spawn().expect("a process");
    drop(child.stdout.take());
    assert!(child.wait().expect("a status").success());
}
