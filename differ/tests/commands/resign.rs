//! `differ resign`

use crate::keys::publish_days_ago;
use crate::sandbox::{LINUX, PLATFORMS, Sandbox};
use std::process::{Child, Stdio};
use upstep_trust::SigningKey;

/// A store that was published to five days ago.
fn due() -> Sandbox {
    let sandbox = Sandbox::new();
    publish_days_ago(&sandbox, "1.0.0", 5);
    sandbox
}

fn outcome(sandbox: &Sandbox, args: &[&str]) -> (String, u64) {
    let report = sandbox.json(args);
    (report["outcome"].as_str().expect("text").to_owned(), report["commit"].as_u64().expect("a number"))
}

#[test]
fn two_keys_are_enough_and_no_release_changes() {
    let sandbox = due();
    for name in ["root", "targets"] {
        std::fs::remove_file(sandbox.path(&format!("keys/{name}.pem"))).expect("taken away");
    }
    let before = sandbox.index(LINUX);
    assert_eq!(outcome(&sandbox, &["resign"]), ("signed".to_owned(), 2));
    assert_eq!(sandbox.index(LINUX), before);
    sandbox.ok(&["verify"]);
    let commit = std::fs::read(sandbox.path("releases/hello/commits/00000002.json")).expect("a commit");
    let copy = std::fs::read(sandbox.path("releases/hello/metadata/timestamp.json")).expect("a copy");
    assert_eq!(commit, copy);
}

#[test]
fn a_fresh_commit_is_left_alone_unless_forced() {
    let sandbox = due();
    assert_eq!(outcome(&sandbox, &["resign"]), ("signed".to_owned(), 2));
    let before = sandbox.listing();
    assert_eq!(outcome(&sandbox, &["resign"]), ("fresh".to_owned(), 2));
    assert_eq!(sandbox.listing(), before);
    assert_eq!(outcome(&sandbox, &["resign", "--force"]), ("signed".to_owned(), 3));
}

#[test]
fn an_expired_store_can_be_signed_anew() {
    let sandbox = Sandbox::new();
    publish_days_ago(&sandbox, "1.0.0", 30);
    assert_eq!(outcome(&sandbox, &["resign"]), ("signed".to_owned(), 2));
}

#[test]
fn an_empty_store_a_missing_one_and_wrong_keys_are_errors_that_change_nothing() {
    let sandbox = Sandbox::new();
    assert!(sandbox.fails(&["resign"]).contains("releases"));
    std::fs::create_dir(sandbox.path("releases")).expect("made");
    assert!(sandbox.fails(&["resign"]).contains("no release of hello yet"));

    let sandbox = due();
    let stranger = SigningKey::generate().expect("random numbers").to_pem(None).expect("text");
    for name in ["snapshot", "timestamp"] {
        let path = sandbox.path(&format!("keys/{name}.pem"));
        let own = std::fs::read(&path).expect("a key");
        sandbox.file(&format!("keys/{name}.pem"), stranger.as_bytes());
        let error = sandbox.fails(&["resign"]);
        assert!(error.contains(&format!("wrong {name} key")), "{error}");
        std::fs::write(path, own).expect("written");
    }
}

#[cfg(unix)]
#[test]
fn what_was_planted_in_the_store_is_not_signed() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = due();
    let stranger = Sandbox::new();
    publish_days_ago(&stranger, "6.6.6", 5);
    for file in ["1.targets.json", "1.snapshot.json", "timestamp.json"] {
        let path = |sandbox: &Sandbox| sandbox.path(&format!("releases/hello/metadata/{file}"));
        let (own, planted) = (std::fs::read(path(&sandbox)).expect(file), std::fs::read(path(&stranger)).expect(file));
        let writable = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(path(&sandbox), writable).expect("permitted");
        std::fs::write(path(&sandbox), planted).expect("planted");
        if file == "timestamp.json" {
            // The copy alone is nothing: commits count.
            std::fs::copy(path(&stranger), sandbox.path("releases/hello/commits/00000002.json")).expect("planted");
        }
        sandbox.fails(&["resign"]);
        std::fs::write(path(&sandbox), own).expect("mended");
    }
}

#[test]
fn of_many_resigners_at_once_one_signs_and_the_others_stop() {
    let sandbox = due();
    let children: Vec<Child> = (0..8)
        .map(|_| {
            let mut command = sandbox.command(&["resign", "--json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts")
        })
        .collect();
    let mut signed = 0;
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["commit"], 2, "{report}");
        signed += usize::from(report["outcome"] == "signed");
    }
    assert_eq!(signed, 1);
    sandbox.ok(&["verify"]);
}

#[test]
fn resigners_and_publishers_at_once_all_end_well() {
    let sandbox = due();
    let start = |args: &[&str]| -> Child {
        sandbox.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts")
    };
    let programs: Vec<String> = PLATFORMS.iter().map(|platform| sandbox.program(platform, "1.1.0")).collect();
    let mut children = Vec::new();
    for program in &programs[..3] {
        children.push(start(&["publish", program]));
        children.push(start(&["resign"]));
    }
    children.push(start(&["resign", "--force"]));
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    sandbox.ok(&["verify"]);
    for platform in &PLATFORMS[..3] {
        assert_eq!(sandbox.versions(platform).last().map(String::as_str), Some("1.1.0"), "{platform}");
    }
    // Commits are consecutive: a reader needs no listing.
    let commits = std::fs::read_dir(sandbox.path("releases/hello/commits")).expect("commits").count();
    for number in 1..=commits {
        assert!(sandbox.path(&format!("releases/hello/commits/{number:08}.json")).exists(), "{number}");
    }
}
