//! Who controls the network can withhold updates, and no more.

use crate::support::author::Author;
use crate::support::host::{Action, Host};
use crate::support::script::{Installed, script};
use crate::support::{ends_with, stderr};
use upstep_codec::DiffOptions;
use upstep_model::Digest;

/// An author with two releases, a host of the store, and the first release installed.
fn two() -> (Author, Host, Installed) {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    author.publish("1.1.0", &script("1.1.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    (author, host, installed)
}

#[test]
fn a_captive_portal_changes_nothing_and_is_named() {
    let (_author, host, installed) = two();
    host.rule(|_| Action::Body(b"<html>Please log in</html>".to_vec()));
    let output = installed.update(&host.url());
    ends_with(&output, 20);
    assert!(stderr(&output).contains("root.json"), "{}", stderr(&output));
    assert_eq!(installed.version(), "1.0.0");
    host.rule(|_| Action::Redirect("http://portal.example/login".to_owned()));
    ends_with(&installed.update(&host.url()), 21);
    host.rule(|_| Action::Serve);
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.1.0");
}

#[test]
fn offline_is_a_failure_of_the_network() {
    let (_author, _host, installed) = two();
    let output = installed.update("http://127.0.0.1:9");
    ends_with(&output, 21);
    assert!(stderr(&output).contains("http://127.0.0.1:9"), "{}", stderr(&output));
    assert_eq!(installed.version(), "1.0.0");
}

#[test]
fn http_to_another_machine_is_refused_before_any_request() {
    let (_author, _host, installed) = two();
    let output = installed.update("http://updates.example");
    ends_with(&output, 2);
    assert!(stderr(&output).contains("--allow-http"), "{}", stderr(&output));
}

#[test]
fn an_older_state_of_the_store_is_nothing_new_and_does_not_lower_what_is_known() {
    let author = Author::new("tool");
    author.publish("1.0.0", &script("1.0.0"));
    let timestamp = author.store().join("tool/metadata/timestamp.json");
    let old = std::fs::read(&timestamp).expect("published");
    author.publish("1.1.0", &script("1.1.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    ends_with(&installed.check(&host.url()), 10);
    host.rule(move |request| match request.path.ends_with("timestamp.json") {
        true => Action::Body(old.clone()),
        false => Action::Serve,
    });
    // What was verified before still counts.
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.1.0");
}

#[test]
fn expired_metadata_is_refused_with_the_reason() {
    let author = Author::new("tool");
    author.publish_as("1.0.0", &script("1.0.0"), |request| {
        let month = std::time::Duration::from_secs(30 * 24 * 60 * 60);
        request.now = Some(jiff::Timestamp::now() - month);
    });
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("0.9.0"));
    let output = installed.update(&host.url());
    ends_with(&output, 20);
    assert!(stderr(&output).contains("expired"), "{}", stderr(&output));
    assert_eq!(installed.version(), "0.9.0");
}

#[test]
fn another_publishers_store_is_refused() {
    let (_author, _host, installed) = two();
    let other = Author::new("tool");
    other.publish("2.0.0", &script("2.0.0"));
    let host = Host::of_folder(other.store());
    ends_with(&installed.update(&host.url()), 20);
    assert_eq!(installed.version(), "1.0.0");
}

#[test]
fn an_author_who_lost_all_keys_begins_anew_with_a_new_root() {
    let (_author, host, installed) = two();
    ends_with(&installed.update(&host.url()), 0);
    let anew = Author::new("tool");
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        anew.publish(version, &script(version));
    }
    let host = Host::of_folder(anew.store());
    ends_with(&installed.update(&host.url()), 20);
    let mut update = installed.upstep_alone("update");
    update.args(["--url", &host.url(), "--root"]).arg(anew.root());
    ends_with(&update.output().expect("it runs"), 0);
    assert_eq!(installed.version(), "1.2.0");
}

#[test]
fn a_patch_with_a_flipped_byte_falls_back_to_the_full() {
    let (author, host, installed) = two();
    let full = full_of(&author, "1.1.0");
    let path = full.clone();
    host.rule(move |request| match request.is_blob() && !request.path.ends_with(&path) {
        true => Action::Flip,
        false => Action::Serve,
    });
    let output = installed.update(&host.url());
    ends_with(&output, 0);
    assert!(stderr(&output).contains("taking the full download"), "{}", stderr(&output));
    assert!(host.take_requests().iter().any(|request| request.path.ends_with(&full)));
    assert_eq!(installed.version(), "1.1.0");
}

#[test]
fn a_signed_patch_that_makes_another_program_falls_back_to_the_full() {
    let other = script("6.6.6");
    let text = with_a_patch_that_makes(&other);
    for digest in [Digest::of(&script("1.1.0")), Digest::of(&other)] {
        assert!(text.contains(&digest.to_string()), "{digest} was expected or found: {text}");
    }
}

#[test]
fn a_signed_patch_that_makes_more_than_was_signed_is_not_begun() {
    let signed = script("1.1.0");
    let text = with_a_patch_that_makes(&[&signed[..], b"# more\n"].concat());
    assert!(text.contains(&format!("new file is longer than {} bytes", signed.len())), "{text}");
}

/// An update from 1.0.0 to 1.1.0 whose patch has no fault, but that it makes `other`. What was said of it.
fn with_a_patch_that_makes(other: &[u8]) -> String {
    let (author, host, installed) = two();
    let planted = upstep_codec::diff(&script("1.0.0"), other, &DiffOptions::default()).expect("a patch");
    let header = upstep_codec::read_header(&mut &planted[..]).expect("a header");
    let digest = Digest::of(&planted);
    let blob = upstep_model::paths::blob(&author.project.app, &digest);
    std::fs::write(author.store().join(blob), &planted).expect("planted");
    author.edit(|index| {
        let patch = index.patches.first_mut().expect("a patch from 1.0.0 to 1.1.0");
        (patch.digest, patch.size, patch.memory) = (digest, planted.len() as u64, header.memory);
        patch.codec = header.codec.clone();
    });
    let output = installed.update(&host.url());
    ends_with(&output, 0);
    assert!(host.take_requests().iter().any(|request| request.path.ends_with(&digest.to_string())));
    let text = stderr(&output);
    assert!(text.contains("taking the full download"), "{text}");
    assert_eq!(installed.version(), "1.1.0");
    text
}

#[test]
fn a_missing_patch_falls_back_to_the_full() {
    let (author, host, installed) = two();
    let full = full_of(&author, "1.1.0");
    host.rule(move |request| match request.is_blob() && !request.path.ends_with(&full) {
        true => Action::Status(404, ""),
        false => Action::Serve,
    });
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.1.0");
}

#[test]
fn when_the_full_is_bad_too_nothing_has_changed() {
    let (_author, host, installed) = two();
    host.rule(|request| if request.is_blob() { Action::Flip } else { Action::Serve });
    ends_with(&installed.update(&host.url()), 20);
    assert_eq!(installed.version(), "1.0.0");
    host.rule(|request| if request.is_blob() { Action::Flood } else { Action::Serve });
    ends_with(&installed.update(&host.url()), 21);
    assert_eq!(installed.version(), "1.0.0");
    host.rule(|_| Action::Serve);
    ends_with(&installed.update(&host.url()), 0);
    assert_eq!(installed.version(), "1.1.0");
    assert!(installed.files().iter().all(|name| !name.ends_with(".part")), "{:?}", installed.files());
}

#[test]
fn endless_metadata_is_cut_off() {
    let (_author, host, installed) = two();
    for file in ["root.json", "timestamp.json", "snapshot.json", "targets.json", "index.zst"] {
        host.rule(move |request| if request.path.ends_with(file) { Action::Flood } else { Action::Serve });
        let before = host.sent();
        let output = installed.check(&host.url());
        assert!(!output.status.success(), "{file}: {}", stderr(&output));
        assert!(host.sent() - before < 64 << 20, "{file}: {} bytes were taken", host.sent() - before);
    }
    host.rule(|_| Action::Serve);
    ends_with(&installed.check(&host.url()), 10);
}

/// The path of a release's full download.
fn full_of(author: &Author, version: &str) -> String {
    let output = Installed::new(author, &script("0.0.1"))
        .upstep("check", &Host::of_folder(author.store()).url())
        .args(["--json", "--pin", version])
        .output()
        .expect("it runs");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    answer["plan"]["steps"][0]["url"].as_str().expect("a step").to_owned()
}
