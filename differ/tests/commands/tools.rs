//! The codec for a person: diff, apply, inspect.

use crate::sandbox::{LINUX, Sandbox, program};
use upstep_codec::DiffOptions;
use upstep_model::Digest;

#[test]
fn a_patch_makes_the_new_file_and_says_what_it_is() {
    let sandbox = Sandbox::new();
    let (old, new) = (program(LINUX, "1.0.0"), program(LINUX, "1.1.0"));
    let (from, to) = (sandbox.file("old", &old), sandbox.file("new", &new));
    let made = sandbox.json(&["diff", &from, &to, "patch"]);
    assert_eq!(made["from"], Digest::of(&old).to_string());
    assert_eq!(made["to"], Digest::of(&new).to_string());
    let patch = std::fs::read(sandbox.path("patch")).expect("a patch");
    assert!(patch.len() < new.len() / 10, "{} bytes", patch.len());
    assert_eq!(made["patch"], Digest::of(&patch).to_string());
    // A patch file alone has how the two digests begin.
    let mut inspected = sandbox.json(&["inspect", "patch"]);
    for (name, digits) in [("from", 8), ("to", 16)] {
        let whole = made[name].as_str().expect("a digest");
        assert_eq!(inspected[name], whole[..digits]);
        inspected[name] = made[name].clone();
    }
    assert_eq!(inspected, made);
    assert_eq!(sandbox.json(&["apply", &from, "patch", "made"]), made);
    assert_eq!(std::fs::read(sandbox.path("made")).expect("a file"), new);
    let measured = sandbox.json(&["apply", "--measure", &from, "patch", "made"]);
    assert!(measured["cost"]["seconds"].as_f64().expect("a number") > 0.0, "{measured}");
    let text = sandbox.ok(&["inspect", "patch"]);
    assert!(text.contains(&format!("to      {}... (", Digest::of(&new).short())), "{text}");
}

#[test]
fn a_failed_apply_leaves_what_was_there_and_nothing_else() {
    let sandbox = Sandbox::new();
    let (old, new) = (sandbox.file("old", &program(LINUX, "1.0.0")), sandbox.file("new", &program(LINUX, "1.1.0")));
    sandbox.ok(&["diff", &old, &new, "patch"]);
    sandbox.file("made", b"precious");
    let mut cut = std::fs::read(sandbox.path("patch")).expect("a patch");
    cut.truncate(cut.len() - 10);
    sandbox.file("cut", &cut);
    let names = || std::fs::read_dir(sandbox.path("")).expect("a folder").count();
    let before = names();
    for (base, patch, reason) in [
        (&old, "cut", "patch"),
        (&new, "patch", "old file is not the one that the patch is for"),
        (&old, "upstep.toml", "not a patch"),
        (&old, "missing", "can't read missing"),
    ] {
        let error = sandbox.fails(&["apply", base, patch, "made"]);
        assert!(error.contains(reason), "{error}");
        assert_eq!(std::fs::read(sandbox.path("made")).expect("a file"), b"precious");
    }
    assert_eq!(names(), before, "no temporary file is left");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    let (old, new) = (sandbox.file("old", b"old"), sandbox.file("new", b"new"));
    let error = sandbox.fails(&["diff", &old, &new, "no/such/folder/patch"]);
    assert!(error.contains("can't write no/such/folder/patch"), "{error}");
}

#[test]
fn a_diff_that_needs_more_memory_than_allowed_says_so() {
    let sandbox = Sandbox::new();
    let (old, new) = (sandbox.file("old", &program(LINUX, "1.0.0")), sandbox.file("new", &program(LINUX, "1.1.0")));
    let error = sandbox.fails(&["diff", "--memory", "50", &old, &new, "patch"]);
    assert!(error.contains("MB of memory, --memory allows 50") && error.contains(&old), "{error}");
    assert!(!sandbox.path("patch").exists());
    sandbox.ok(&["diff", "--memory", "50", "--codec", "bidiff", &old, &new, "patch"]);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let sandbox = Sandbox::new();
    for args in [
        &["publish"][..],
        &["frobnicate"],
        &["publish", "--percent", "101", "x"],
        &["publish", "--version", "one", "x"],
    ] {
        assert_eq!(sandbox.run(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn the_help_tells_what_a_diff_needs() {
    let help = Sandbox::new().ok(&["publish", "--help"]);
    let needs = upstep_codec::diff_memory(25_000_000, 25_000_000, &DiffOptions::default()) / 1_000_000;
    assert!(help.contains(&format!("two programs of 25 MB needs {needs} MB")), "{help}");
    assert!(help.contains("bytes for each byte of old and new together"), "{help}");
}
