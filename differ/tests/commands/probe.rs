//! A program that links the library is started once before it is published.

use crate::sandbox::{LINUX, Sandbox, unmarked};
use std::path::PathBuf;

/// The built example, beside this test's own folder.
fn probed() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let target = test.parent().and_then(|deps| deps.parent()).expect("a folder");
    target.join("examples/probed").with_extension(std::env::consts::EXE_EXTENSION)
}

/// A copy that may not be executed, as from a download.
fn copy(sandbox: &Sandbox) -> String {
    sandbox.file("program", &std::fs::read(probed()).expect("cargo builds the examples with the tests"))
}

#[test]
fn a_program_that_starts_is_published() {
    let sandbox = Sandbox::new();
    let probed = probed();
    sandbox.ok(&["publish", probed.to_str().expect("text")]);
    let before = sandbox.listing();
    sandbox.ok(&["publish", &copy(&sandbox)]);
    assert_eq!(sandbox.listing(), before);
    let left = std::fs::read_dir(probed.parent().expect("a folder")).expect("a folder");
    let names: Vec<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with('.')), "the probe leaves nothing: {names:?}");
}

#[test]
fn a_program_that_does_not_start_or_lies_is_refused() {
    let sandbox = Sandbox::new();
    let program = copy(&sandbox);
    for (variable, value, reason) in [
        ("PROBED_DIES", "1", "it ended without answering the probe"),
        ("PROBED_VERSION", "9.9.9", "it answers as version 9.9.9, its marker says 1.0.0"),
    ] {
        let output = sandbox.command(&["publish", &program]).env(variable, value).output().expect("the command starts");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("program does not start") && error.contains(reason), "{error}");
        assert!(error.contains("hint: publish it with --no-probe"), "{error}");
        assert!(sandbox.listing().is_empty());
    }
}

#[test]
fn a_program_without_the_library_is_never_started() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("program", &unmarked(LINUX, "1"));
    sandbox.ok(&["publish", "--version", "1.0.0", &file]);
}
