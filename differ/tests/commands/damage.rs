//! A store that was damaged, or that somebody else writes to.

use crate::sandbox::{LINUX, Sandbox};
use differ::change::signer;
use differ::project::Project;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use upstep_codec::frame;
use upstep_model::{Digest, paths};
use upstep_trust::{Numbers, Target, sign};

fn two() -> Sandbox {
    let sandbox = Sandbox::new();
    for version in ["1.0.0", "1.1.0"] {
        sandbox.ok(&["publish", &sandbox.program(LINUX, version)]);
    }
    sandbox
}

fn blob(sandbox: &Sandbox, digest: &serde_json::Value) -> PathBuf {
    sandbox.path("releases/hello/blobs").join(digest.as_str().expect("a digest"))
}

/// What `verify` says; it must fail with exit code 1.
fn verify(sandbox: &Sandbox) -> String {
    let output = sandbox.run(&["verify"]);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stdout).expect("text")
}

fn flip(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("a file");
}

#[test]
fn a_flipped_bit_in_a_patch_is_found() {
    let sandbox = two();
    flip(&blob(&sandbox, &sandbox.index(LINUX)["patches"][0]["digest"]));
    let text = verify(&sandbox);
    assert!(text.contains("failed: the patch from 1.0.0 to 1.1.0") && text.contains("1 failures"), "{text}");
}

#[test]
fn a_missing_full_is_found_and_mended_by_no_publish_that_needs_it() {
    let sandbox = two();
    let full = blob(&sandbox, &sandbox.index(LINUX)["releases"][0]["full"]["digest"]);
    std::fs::remove_file(full).expect("a blob");
    let text = verify(&sandbox);
    assert!(text.contains("failed: 1.0.0 for x86_64-unknown-linux-gnu") && text.contains("not in the store"), "{text}");
    // 1.0.0 is the base of a patch to 1.2.0: without it nothing can be made, and nothing is committed.
    let error = sandbox.fails(&["publish", &sandbox.program(LINUX, "1.2.0")]);
    assert!(error.contains("is not in the store"), "{error}");
}

#[test]
fn a_copy_that_lags_is_found_and_mended_by_the_next_publish() {
    let sandbox = two();
    let copy = sandbox.path("releases/hello/metadata/timestamp.json");
    std::fs::copy(sandbox.path("releases/hello/commits/00000001.json"), &copy).expect("a copy");
    assert!(verify(&sandbox).contains("must be a copy of commit 2"));
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.1.0")]);
    sandbox.ok(&["verify"]);
}

#[test]
fn an_index_that_somebody_planted_is_not_signed_again() {
    let sandbox = two();
    let index = std::fs::read_dir(sandbox.path("releases/hello/targets")).expect("a folder");
    for path in index.map(|entry| entry.expect("an entry").path()) {
        flip(&path);
    }
    let error = sandbox.fails(&["publish", &sandbox.program(LINUX, "1.2.0")]);
    assert!(error.contains("index.zst in the store must be"), "{error}");
}

#[test]
fn metadata_that_somebody_planted_is_not_signed_again() {
    let next = "1.2.0";
    for file in ["metadata/2.targets.json", "metadata/2.snapshot.json", "commits/00000002.json"] {
        let sandbox = two();
        flip(&sandbox.path("releases/hello").join(file));
        let error = sandbox.fails(&["publish", &sandbox.program(LINUX, next)]);
        assert!(error.starts_with("error: "), "{file}: {error}");
        sandbox.fails(&["list"]);
    }
}

/// The store's owner sets up keys of its own and makes a release with them.
#[test]
fn a_store_that_was_signed_by_others_is_refused() {
    let (ours, theirs) = (two(), two());
    let (store, other) = (ours.path("releases"), theirs.path("releases"));
    std::fs::remove_dir_all(&store).expect("a folder");
    std::fs::rename(other, &store).expect("a folder");
    ours.fails(&["publish", &ours.program(LINUX, "1.2.0")]);
    ours.fails(&["verify"]);
}

/// What a later differ may add to an index is not dropped by an earlier one.
#[test]
fn an_index_of_a_newer_differ_is_read_and_not_written_again() {
    let sandbox = two();
    let project = Project::load(&sandbox.path("upstep.toml")).expect("a project");
    differ::block_on(async || add_a_field(&project).await).expect("a runtime");
    let error = sandbox.fails(&["publish", &sandbox.program(LINUX, "1.2.0")]);
    assert!(error.contains("newer differ: this one does not know .colour"), "{error}");
    sandbox.fails(&["yank", "1.0.0"]);
    sandbox.ok(&["list"]);
    sandbox.ok(&["verify"]);
}

async fn add_a_field(project: &Project) {
    let signer = signer(project).expect("keys");
    let published = signer.begin().await.expect("a store");
    let (channel, platform) = published.indexes().next().expect("an index");
    let index = published.index(&signer.store, &channel, &platform).await.expect("an index").expect("there");
    let mut json: serde_json::Value = serde_json::from_slice(&index.to_json()).expect("JSON");
    json["colour"] = "blue".into();
    let bytes = frame::compress(json.to_string().as_bytes());
    let name = paths::index_target(&channel, &platform);
    let target = Target { digest: Digest::of(&bytes), size: bytes.len() as u64 };
    let path = paths::target(&project.app, &target.digest, &name);
    let numbers = Numbers { targets: 90, snapshot: 90, timestamp: published.commit + 1 };
    let (targets, now) = (BTreeMap::from([(name, target)]), Timestamp::now());
    let signed = sign(&published.root, &targets, numbers, &signer.keys, &signer.lifetimes, now).expect("signed");
    let files = signed.files.into_iter().map(|(path, bytes)| (format!("{}/{path}", project.app), bytes));
    for (path, bytes) in files.chain([(path, bytes)]) {
        signer.store.put_new(&path, bytes).await.expect("written");
    }
    signer.store.commit(&project.app, published.commit + 1, &signed.timestamp).await.expect("committed");
    signer.store.refresh_timestamp_copy(&project.app).await.expect("copied");
}
