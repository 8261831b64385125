//! How patches are coded: by which codec, at which level.

use crate::sandbox::{LINUX, Sandbox};
use upstep_model::marker;

/// Two versions of a small program that both codecs take.
const OLD: &[u8] = include_bytes!("../../../crates/codec/tests/fixtures/old.elf");
const NEW: &[u8] = include_bytes!("../../../crates/codec/tests/fixtures/new.elf");

const LEVELS: [&str; 3] = ["fast", "balanced", "small"];

/// Publishes `NEW` after `OLD`; the report of the patch.
fn published(sandbox: &Sandbox, options: &[&str]) -> serde_json::Value {
    let program = |bytes: &[u8], version: &str| {
        let bytes = [bytes, &marker::bytes("hello", version, LINUX)].concat();
        sandbox.file(&format!("hello-{version}"), &bytes)
    };
    sandbox.ok(&["publish", &program(OLD, "1.0.0")]);
    let report = sandbox.json(&[&["publish", &program(NEW, "1.1.0")], options].concat());
    sandbox.ok(&["verify"]);
    let patch = &report["releases"][0]["patches"][0];
    assert_eq!(patch["kept"], true, "{patch}");
    patch["measured"].clone()
}

#[test]
fn every_codec_at_every_level_makes_the_new_file() {
    let sandbox = Sandbox::new();
    let (old, new) = (sandbox.file("old", OLD), sandbox.file("new", NEW));
    for codec in ["bidiff", "exe"] {
        for level in LEVELS {
            let made = sandbox.json(&["diff", "--codec", codec, "--level", level, &old, &new, "patch"]);
            assert_eq!(made["codec"], codec, "{level}");
            sandbox.ok(&["apply", &old, "patch", "made"]);
            assert_eq!(std::fs::read(sandbox.path("made")).expect("a file"), NEW, "{codec}, {level}");
        }
    }
}

#[test]
fn each_codec_is_tried_unless_one_is_named() {
    let measured = published(&Sandbox::new(), &["--codec", "auto"]);
    assert_eq!(measured["tried"].as_array().expect("codecs").len(), 2, "{measured}");
    for codec in ["bidiff", "exe"] {
        let measured = published(&Sandbox::new(), &["--codec", codec]);
        assert_eq!(measured["codec"], codec, "{measured}");
        assert_eq!(measured["tried"].as_array().expect("codecs").len(), 1, "{measured}");
    }
}

#[test]
fn a_patch_of_each_level_passes_the_gate() {
    for level in LEVELS {
        published(&Sandbox::new(), &["--codec", "exe", "--level", level]);
    }
}

#[test]
fn files_that_are_no_programs_get_the_plain_codec_whatever_is_named() {
    let sandbox = Sandbox::new();
    let (old, new) = (sandbox.file("old", b"no program"), sandbox.file("new", b"no program either"));
    assert_eq!(sandbox.json(&["diff", "--codec", "exe", &old, &new, "patch"])["codec"], "bidiff");
}

#[test]
fn fulls_are_as_small_as_zstd_makes_them_unless_a_level_is_named() {
    let sandbox = Sandbox::new();
    let program = |version: &str| {
        let bytes = [OLD, NEW, &marker::bytes("hello", version, LINUX)].concat();
        sandbox.file(&format!("hello-{version}"), &bytes)
    };
    let full = |args: &[&str]| sandbox.json(args)["releases"][0]["full"].as_u64().expect("bytes");
    let smallest = full(&["publish", &program("1.0.0")]);
    let quick = full(&["publish", &program("1.1.0"), "--full-level", "1"]);
    assert!(smallest < quick, "{smallest} and {quick} bytes");
    sandbox.ok(&["verify"]);
    let output = sandbox.run(&["publish", &program("1.2.0"), "--full-level", "23"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("1..=22"), "{output:?}");
}

#[test]
fn an_unknown_codec_or_level_is_wrong_usage_and_the_known_ones_are_named() {
    let sandbox = Sandbox::new();
    for (option, known) in [("--codec", "auto, bidiff, exe"), ("--level", "fast, balanced, small")] {
        for command in [&["publish", "x"][..], &["diff", "old", "new", "patch"]] {
            let output = sandbox.run(&[command, &[option, "best"]].concat());
            assert_eq!(output.status.code(), Some(2), "{command:?}");
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(error.contains(&format!("[possible values: {known}]")), "{error}");
        }
    }
}
