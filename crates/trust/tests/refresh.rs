//! What a check costs and what it keeps.

mod support;

use std::collections::BTreeMap;
use support::{Author, Client, Folder, INDEX, MAX, days, start};
use upstep_trust::{Role, State, TrustError, read_target, refresh};

#[tokio::test]
async fn a_first_check_reads_everything_and_the_next_one_asks_twice() {
    let author = Author::published();
    let (client, source) = (Client::new(&author.root), author.source());
    assert_eq!(client.index(&source, start()).await.expect("verified"), b"index 1");
    let index = author.files.keys().find(|path| path.starts_with("targets/")).expect("an index").clone();
    let first = ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"];
    let first: Vec<String> = first.iter().map(|file| format!("metadata/{file}")).chain([index]).collect();
    assert_eq!(source.take_asked(), first);

    assert_eq!(client.index(&source, start() + days(1)).await.expect("verified"), b"index 1");
    assert_eq!(source.take_asked(), ["metadata/2.root.json", "metadata/timestamp.json"]);
}

#[tokio::test]
async fn a_new_publish_costs_what_is_new_and_a_resigning_leaves_the_targets_where_they_are() {
    let mut author = Author::published();
    let client = Client::new(&author.root);
    client.index(&author.source(), start()).await.expect("verified");

    author.resign(start() + days(3));
    let source = author.source();
    client.index(&source, start() + days(3)).await.expect("verified");
    let asked = ["2.root.json", "timestamp.json", "2.snapshot.json"];
    assert_eq!(source.take_asked(), asked.map(|file| format!("metadata/{file}")));

    author.publish(b"index 2", start() + days(4));
    let source = author.source();
    assert_eq!(client.index(&source, start() + days(4)).await.expect("verified"), b"index 2");
    assert_eq!(source.take_asked().len(), 5);
}

#[tokio::test]
async fn an_etag_is_kept_with_the_timestamp_and_not_modified_serves_the_known_bytes() {
    let author = Author::published();
    let client = Client::new(&author.root);
    let source = Folder { etags: true, ..author.source() };
    client.check(&source, start()).await.expect("verified");
    // The same etag over other bytes shows that the bytes are not looked at.
    let mut state = client.open().expect("a state");
    let metadata = refresh(&mut state, &source, start() + days(2)).await.expect("verified");
    assert_eq!(metadata.timestamp_version(), 1);
    // Freeze shows all the same.
    let error = refresh(&mut state, &source, start() + days(8)).await.expect_err("expired");
    assert!(matches!(error, TrustError::Expired { role: Role::Timestamp, .. }), "{error}");
}

#[tokio::test]
async fn a_not_modified_that_nobody_asked_for_is_an_error_of_the_source() {
    struct Liar;
    #[async_trait::async_trait]
    impl upstep_trust::Source for Liar {
        async fn fetch(&self, _: &str, _: u64) -> Result<Vec<u8>, upstep_trust::SourceError> {
            Err(upstep_trust::SourceError::NotFound)
        }
        async fn fetch_if_changed(
            &self,
            _: &str,
            _: u64,
            _: Option<&str>,
        ) -> Result<upstep_trust::Fetched, upstep_trust::SourceError> {
            Ok(upstep_trust::Fetched::Same)
        }
    }
    let author = Author::published();
    let error = Client::new(&author.root).check(&Liar, start()).await.expect_err("a lie");
    assert!(matches!(error, TrustError::Source { .. }), "{error}");
}

#[tokio::test]
async fn the_stored_index_is_there_without_a_network_and_only_while_it_is_the_newest() {
    let mut author = Author::published();
    let client = Client::new(&author.root);
    assert_eq!(client.open().expect("a state").cached_target(INDEX), None);
    client.index(&author.source(), start()).await.expect("verified");
    assert_eq!(client.open().expect("a state").cached_target(INDEX).as_deref(), Some(&b"index 1"[..]));
    assert_eq!(client.open().expect("a state").cached_target("beta.x-y.index.zst"), None);
    // The metadata moves on, the index is not read: the old one no longer counts.
    author.publish(b"index 2", start());
    client.check(&author.source(), start()).await.expect("verified");
    assert_eq!(client.open().expect("a state").cached_target(INDEX), None);
}

#[tokio::test]
async fn a_state_in_memory_verifies_too() {
    let author = Author::published();
    let mut state = State::memory(&author.root).expect("a state");
    let source = author.source();
    let metadata = refresh(&mut state, &source, start()).await.expect("verified");
    assert_eq!(read_target(&mut state, &source, &metadata, INDEX, MAX).await.expect("read"), b"index 1");
    state.save().expect("nothing to write");
    assert_eq!(state.metadata(), Some(metadata));
}

#[tokio::test]
async fn a_check_that_finds_nothing_writes_nothing_within_the_hour() {
    let author = Author::published();
    let client = Client::new(&author.root);
    client.check(&author.source(), start()).await.expect("verified");
    let before = client.files();
    let modified = |name: &str| std::fs::read(client.dir.path().join(name)).expect("readable");
    let bytes: BTreeMap<&str, Vec<u8>> = before.iter().map(|name| (name.as_str(), modified(name))).collect();
    client.check(&author.source(), start() + jiff::SignedDuration::from_mins(30)).await.expect("verified");
    assert_eq!(client.files(), before);
    assert!(bytes.iter().all(|(name, bytes)| *bytes == modified(name)));
}

#[tokio::test]
async fn what_a_check_says_is_what_was_signed() {
    let author = Author::published();
    let metadata = Client::new(&author.root).check(&author.source(), start()).await.expect("verified");
    assert_eq!((metadata.root_version(), metadata.numbers()), (1, author.numbers));
    assert_eq!(metadata.expiry(Role::Root), start() + days(730));
    assert_eq!(metadata.expiry(Role::Targets), start() + days(365));
    assert_eq!(metadata.expires(), start() + days(7));
    assert_eq!(metadata.target(INDEX).map(|target| target.size), Some(7));
    assert_eq!(metadata.targets().count(), 1);
    assert_eq!(metadata.target("other"), None);
}

#[tokio::test]
async fn a_source_that_fails_is_reported_with_the_file_and_changes_nothing() {
    let author = Author::published();
    let client = Client::new(&author.root);
    let offline = Folder { offline: true, ..author.source() };
    let error = client.check(&offline, start()).await.expect_err("offline");
    assert!(matches!(&error, TrustError::Source { path, .. } if path == "metadata/2.root.json"), "{error}");
    assert!(support::chain(&error).contains("connection refused"));

    client.check(&author.source(), start()).await.expect("verified");
    let missing = author.source().without("metadata/timestamp.json");
    let error = client.check(&missing, start()).await.expect_err("not there");
    assert!(matches!(&error, TrustError::Source { path, .. } if path == "metadata/timestamp.json"), "{error}");
    assert!(client.open().expect("a state").metadata().is_some());
}
