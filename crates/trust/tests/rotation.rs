//! Keys change: what is known survives where it may, and is forgotten where it must be.

mod support;

use support::{Author, Client, start};
use upstep_trust::{Numbers, Role, TrustError};

#[tokio::test]
async fn after_a_rotation_of_the_timestamp_key_an_older_timestamp_is_still_older() {
    // tough, given the embedded root at every load, forgets timestamp and snapshot each time.
    let mut author = Author::published();
    let client = Client::new(&author.root);
    author.rotate(&[Role::Timestamp], start());
    for index in [&b"index 2"[..], b"index 3", b"index 4"] {
        author.publish(index, start());
    }
    let fourth = author.source();
    author.publish(b"index 5", start());
    let metadata = client.check(&author.source(), start()).await.expect("verified");
    assert_eq!((metadata.root_version(), metadata.timestamp_version()), (2, 5));
    let error = client.check(&fourth, start()).await.expect_err("5 is known");
    assert!(matches!(error, TrustError::NothingNew { known: 5, offered: 4 }), "{error}");
    assert_eq!(client.open().expect("a state").metadata(), Some(metadata));
}

#[tokio::test]
async fn versions_that_a_thief_ran_up_are_forgotten_with_the_stolen_key() {
    let mut author = Author::published();
    let client = Client::new(&author.root);
    let honest = author.numbers;
    author.publish_as(b"evil", Numbers { targets: 1 << 40, snapshot: 1 << 40, timestamp: 1 << 40 }, start());
    client.check(&author.source(), start()).await.expect("signed with the true keys");
    // The author replaces all three keys and counts on from where they had been.
    author.rotate(&[Role::Targets, Role::Snapshot, Role::Timestamp], start());
    author.numbers = honest;
    author.publish(b"index 2", start());
    let metadata = client.check(&author.source(), start()).await.expect("recovered");
    assert_eq!(metadata.numbers(), author.numbers);
}

#[tokio::test]
async fn the_chain_is_followed_through_many_roots_of_other_keys() {
    let mut author = Author::published();
    let client = Client::new(&author.root);
    client.check(&author.source(), start()).await.expect("verified");
    for role in [Role::Root, Role::Targets, Role::Root, Role::Snapshot] {
        author.rotate(&[role], start());
    }
    author.publish(b"index 2", start());
    assert_eq!(client.index(&author.source(), start()).await.expect("verified"), b"index 2");
    // A program built today embeds the newest root and knows the same.
    let metadata = Client::new(&author.root).check(&author.source(), start()).await.expect("verified");
    assert_eq!(metadata.root_version(), 5);
}

#[tokio::test]
async fn a_root_is_kept_even_if_what_comes_after_it_fails() {
    let mut author = Author::published();
    let client = Client::new(&author.root);
    client.check(&author.source(), start()).await.expect("verified");
    author.rotate(&[Role::Targets], start());
    let half = author.source().without("metadata/timestamp.json");
    client.check(&half, start()).await.expect_err("no timestamp");
    let state = client.open().expect("a state");
    assert_eq!(state.root(), author.root);
    // The old targets are not signed by the new key, so they are no metadata any more.
    assert_eq!(state.metadata(), None);
    author.publish(b"index 2", start());
    client.check(&author.source(), start()).await.expect("verified");
}

#[tokio::test]
async fn an_older_build_over_a_newer_state_keeps_what_is_known() {
    // A local rollback brings back a program that embeds root 1.
    let mut author = Author::published();
    let first_root = author.root.clone();
    author.rotate(&[Role::Timestamp], start());
    let old = author.source();
    author.publish(b"index 2", start());
    author.publish(b"index 3", start());
    let newer = Client::new(&author.root);
    newer.check(&author.source(), start()).await.expect("verified");
    let mut older = Client::new(&first_root);
    older.check(&author.source(), start()).await.expect("verified");
    older.embedded = author.root.clone();
    older.check(&author.source(), start()).await.expect("the newer build goes on");
    older.embedded = first_root;
    assert_eq!(older.open().expect("a state").metadata().map(|m| m.timestamp_version()), Some(3));
    older.check(&old, start()).await.expect_err("root 2 is known, and that timestamp is not signed for it");
    assert_eq!(older.open().expect("a state").metadata().map(|m| m.timestamp_version()), Some(3));
}

#[tokio::test]
async fn a_new_build_with_a_root_of_new_keys_begins_anew() {
    let mut lost = Author::published();
    lost.publish(b"index 2", start());
    let mut client = Client::new(&lost.root);
    client.check(&lost.source(), start()).await.expect("verified");
    let author = Author::published();
    client.embedded = author.root.clone();
    assert_eq!(client.open().expect("a state").metadata(), None);
    let metadata = client.check(&author.source(), start()).await.expect("a new trust state");
    assert_eq!(metadata.timestamp_version(), 1);
    // And the old keys count for nothing any more.
    client.check(&lost.source(), start()).await.expect_err("the old keys");
}

#[tokio::test]
async fn a_new_build_that_embeds_the_next_root_keeps_what_is_known() {
    let mut author = Author::published();
    author.publish(b"index 2", start());
    let mut client = Client::new(&author.root);
    client.check(&author.source(), start()).await.expect("verified");
    author.rotate(&[Role::Root], start());
    client.embedded = author.root.clone();
    let state = client.open().expect("a state");
    assert_eq!(state.metadata().map(|metadata| (metadata.root_version(), metadata.timestamp_version())), Some((2, 2)));
}

#[tokio::test]
async fn a_root_whose_lines_a_checkout_has_changed_is_the_same_root() {
    let author = Author::published();
    let mut client = Client::new(&author.root);
    client.check(&author.source(), start()).await.expect("verified");
    let value: serde_json::Value = serde_json::from_slice(&author.root).expect("JSON");
    client.embedded = serde_json::to_string_pretty(&value).expect("JSON").replace('\n', "\r\n").into_bytes();
    assert!(client.open().expect("a state").metadata().is_some());
}

#[test]
fn what_is_no_root_can_not_be_embedded() {
    let author = Author::published();
    let unsigned = support::edit(&author.root, |signed| signed["version"] = 7.into());
    let loose = support::edit(&author.root, |signed| signed["consistent_snapshot"] = false.into());
    for bad in [&b""[..], b"{}", b"<html>", &author.timestamp(), &unsigned, &loose] {
        let error = Client::new(bad).open().expect_err("no root");
        assert!(matches!(error, TrustError::EmbeddedRoot { .. }), "{error}");
    }
}
