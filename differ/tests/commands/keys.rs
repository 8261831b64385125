//! Keys of a project: `differ keys status`, and keys that do not fit.

use crate::sandbox::{LINUX, Sandbox};
use differ::progress;
use differ::project::Project;
use differ::publish::{PublishRequest, publish};
use jiff::{SignedDuration, Timestamp};
use std::io::Write as _;
use std::process::Stdio;
use upstep_trust::SigningKey;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Publishes a release as if some days had passed since.
pub fn publish_days_ago(sandbox: &Sandbox, version: &str, days: i32) {
    let project = Project::load(&sandbox.path("upstep.toml")).expect("a project");
    let request = PublishRequest {
        files: vec![sandbox.program(LINUX, version).into()],
        no_probe: true,
        now: Some(Timestamp::now() - DAY * days),
        ..PublishRequest::default()
    };
    publish(&project, &request, &progress::Quiet).expect("published");
}

fn role(sandbox: &Sandbox, name: &str) -> serde_json::Value {
    let status = sandbox.json(&["keys", "status"]);
    let rows = status.as_array().expect("a list").clone();
    rows.into_iter().find(|row| row["role"] == name).expect("a role")
}

fn publish_args(sandbox: &Sandbox, version: &str) -> [String; 2] {
    ["publish".to_owned(), sandbox.program(LINUX, version)]
}

#[test]
fn status_tells_where_each_key_is_and_how() {
    let sandbox = Sandbox::new();
    for name in ["root", "targets", "snapshot", "timestamp"] {
        let row = role(&sandbox, name);
        let pem = std::fs::read_to_string(sandbox.path(&format!("keys/{name}.pem"))).expect("a key");
        let id = SigningKey::from_pem(&pem, None).expect("a key").key_id().to_owned();
        assert_eq!((row["key"].as_str(), row["key_ids"][0].as_str()), (Some("plain"), Some(id.as_str())), "{name}");
    }
    assert!(role(&sandbox, "timestamp")["expires"].is_null(), "nothing is published");
    let text = sandbox.ok(&["keys", "status"]);
    assert!(text.contains("nothing in the store"), "{text}");

    std::fs::remove_file(sandbox.path("keys/root.pem")).expect("taken away");
    std::fs::copy(sandbox.path("keys/snapshot.pem"), sandbox.path("keys/targets.pem")).expect("copied");
    sandbox.file("keys/timestamp.pem", b"-----BEGIN AGE ENCRYPTED FILE-----\n");
    assert_eq!(role(&sandbox, "root")["key"], "missing");
    assert_eq!(role(&sandbox, "targets")["key"], "wrong");
    assert_eq!(role(&sandbox, "timestamp")["key"], "encrypted");
}

#[test]
fn status_warns_when_a_third_of_the_lifetime_is_left() {
    let sandbox = Sandbox::new();
    let warnings = |sandbox: &Sandbox| {
        let output = sandbox.run(&["keys", "status"]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).expect("text")
    };
    publish_days_ago(&sandbox, "1.0.0", 4);
    assert_eq!(warnings(&sandbox), "");
    let sandbox = Sandbox::new();
    publish_days_ago(&sandbox, "1.0.0", 5);
    let text = warnings(&sandbox);
    assert!(text.contains("the timestamp metadata") && text.contains("differ resign"), "{text}");
    assert!(!text.contains("the targets metadata"), "{text}");
    assert_eq!(role(&sandbox, "snapshot")["is_due"], true);
    sandbox.ok(&["resign"]);
    assert_eq!(warnings(&sandbox), "");
}

#[test]
fn status_of_an_expired_store_says_so() {
    let sandbox = Sandbox::new();
    publish_days_ago(&sandbox, "1.0.0", 8);
    assert!(sandbox.ok(&["keys", "status"]).contains("EXPIRED"));
    assert!(role(&sandbox, "timestamp")["seconds_left"].as_i64().expect("a number") < 0);
}

#[test]
fn a_missing_a_wrong_and_a_broken_key_are_named_and_nothing_is_published() {
    for name in ["targets", "snapshot", "timestamp"] {
        let sandbox = Sandbox::new();
        publish_days_ago(&sandbox, "1.0.0", 0);
        let args = publish_args(&sandbox, "1.1.0");
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let file = format!("keys/{name}.pem");
        let stranger = SigningKey::generate().expect("random numbers");
        sandbox.file(&file, stranger.to_pem(None).expect("text").as_bytes());
        let error = sandbox.fails(&args);
        assert!(error.contains(&format!("wrong {name} key")) && error.contains(stranger.key_id()), "{error}");
        sandbox.file(&file, b"no key at all");
        let error = sandbox.fails(&args);
        assert!(error.contains(&file) && error.contains("not a private key"), "{error}");
        std::fs::remove_file(sandbox.path(&file)).expect("taken away");
        let error = sandbox.fails(&args);
        assert!(error.contains(&file) && error.contains("UPSTEP_KEY_"), "{error}");
        assert_eq!(sandbox.versions(LINUX), ["1.0.0"]);
    }
}

#[test]
fn a_wrong_passphrase_publishes_nothing_and_the_right_one_does() {
    let sandbox = Sandbox::new();
    let pem = std::fs::read_to_string(sandbox.path("keys/targets.pem")).expect("a key");
    let secret = SigningKey::from_pem(&pem, None).expect("a key").to_pem(Some("correct horse")).expect("text");
    sandbox.file("keys/targets.pem", secret.as_bytes());
    let args = publish_args(&sandbox, "1.0.0");
    let with = |passphrase: Option<&str>| {
        let mut command = sandbox.command(&args.each_ref().map(String::as_str));
        command.env_remove("UPSTEP_PASSPHRASE").stdin(Stdio::null());
        if let Some(passphrase) = passphrase {
            command.env("UPSTEP_PASSPHRASE", passphrase);
        }
        let output = command.output().expect("the command starts");
        (output.status.success(), String::from_utf8(output.stderr).expect("text"))
    };
    for (passphrase, reason) in [(None, "no passphrase was given"), (Some("wrong horse"), "wrong passphrase")] {
        let before = sandbox.listing();
        let (success, error) = with(passphrase);
        assert!(!success && error.contains(reason) && error.contains("keys/targets.pem"), "{error}");
        assert_eq!(sandbox.listing(), before);
    }
    let (success, error) = with(Some("correct horse"));
    assert!(success, "{error}");
    assert_eq!(sandbox.versions(LINUX), ["1.0.0"]);
}

#[test]
fn keys_come_from_the_environment_or_from_standard_input() {
    let sandbox = Sandbox::new();
    let take = |name: &str| {
        let path = sandbox.path(&format!("keys/{name}.pem"));
        let text = std::fs::read_to_string(&path).expect("a key");
        std::fs::remove_file(path).expect("taken away");
        text
    };
    let (targets, others) = (take("targets"), [take("timestamp"), take("snapshot")].concat());
    let project = std::fs::read_to_string(sandbox.path("upstep.toml")).expect("a project");
    let project = project.replace("keys/snapshot.pem", "-").replace("keys/timestamp.pem", "-");
    sandbox.file("upstep.toml", project.as_bytes());
    let args = publish_args(&sandbox, "1.0.0");
    let mut command = sandbox.command(&args.each_ref().map(String::as_str));
    command.env("UPSTEP_KEY_TARGETS", targets).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    child.stdin.take().expect("a pipe").write_all(others.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(sandbox.versions(LINUX), ["1.0.0"]);
}
