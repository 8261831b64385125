//! The probe that a publisher makes, without an install.

mod support;

use support::write_version;
use upstep_model::Digest;
use upstep_swap::{Timing, probe::probe};

#[test]
fn a_marked_program_answers_with_version_and_digest_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join(format!("hello{}", std::env::consts::EXE_SUFFIX));
    write_version(&program, "3.2.1", "");
    let answer = probe(&program, &Timing::default()).expect("an answer");
    assert_eq!(answer.version.to_string(), "3.2.1");
    assert_eq!(answer.digest, Digest::of(&std::fs::read(&program).expect("read")));
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
}

#[test]
fn a_program_that_crashes_before_its_first_library_call_does_not_pass() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join(format!("hello{}", std::env::consts::EXE_SUFFIX));
    write_version(&program, "3.2.1", r#""before":["segv"]"#);
    let error = probe(&program, &Timing::default()).expect_err("no answer").to_string();
    assert!(error.contains("ended without answering"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
}
