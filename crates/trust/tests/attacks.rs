//! Who controls the server, a mirror or the network can withhold updates, and no more.

mod support;

use jiff::Timestamp;
use support::{Author, Client, Folder, INDEX, MAX, days, edit, new_keys, start};
use upstep_model::Digest;
use upstep_trust::{Numbers, Role, TrustError, read_target, refresh};

/// A client that knows the author's first publish.
async fn client_of(author: &Author) -> Client {
    let client = Client::new(&author.root);
    client.index(&author.source(), start()).await.expect("verified");
    client
}

/// The source must be refused, and the client go on as if it had never been asked.
async fn refused(client: &Client, source: &Folder, now: Timestamp) -> TrustError {
    let known = || client.open().expect("a state").metadata().map(|metadata| metadata.numbers());
    let before = known();
    let error = client.check(source, now).await.expect_err("an attack went through");
    assert_eq!(known(), before, "the state changed");
    error
}

#[tokio::test]
async fn metadata_of_another_key_is_refused_role_by_role() {
    for role in [Role::Targets, Role::Snapshot, Role::Timestamp] {
        let mut author = Author::published();
        let client = client_of(&author).await;
        let honest = author.root.clone();
        // The attacker has all keys but one, and a root that says otherwise.
        author.keys.insert(role, new_keys().remove(&role).expect("a key"));
        author.root = upstep_trust::new_root(&author.keys, &author.lifetimes, start()).expect("a root");
        author.publish(b"evil", start());
        let source = author.source().with("metadata/1.root.json", honest);
        let error = refused(&client, &source, start()).await;
        assert!(matches!(error, TrustError::Refused { .. }), "{role}: {error}");
        assert!(support::chain(&error).contains("threshold"), "{role}: {}", support::chain(&error));
    }
}

#[tokio::test]
async fn a_root_of_other_keys_is_refused() {
    let mut author = Author::published();
    let client = client_of(&author).await;
    let mut thief = Author::new();
    thief.rotate(&[], start());
    author.files.insert("metadata/2.root.json".to_owned(), thief.root);
    let error = refused(&client, &author.source(), start()).await;
    assert!(matches!(error, TrustError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_root_that_skips_a_version_is_refused() {
    let mut author = Author::published();
    let client = client_of(&author).await;
    author.rotate(&[], start());
    author.rotate(&[], start());
    let third = author.files.remove("metadata/3.root.json").expect("a root");
    author.files.insert("metadata/2.root.json".to_owned(), third);
    refused(&client, &author.source(), start()).await;
}

#[tokio::test]
async fn an_edited_file_is_refused_whichever_it_is() {
    let mut author = Author::published();
    let client = client_of(&author).await;
    author.publish(b"index 2", start());
    for file in ["timestamp.json", "2.snapshot.json", "2.targets.json"] {
        let path = format!("metadata/{file}");
        let edited = edit(&author.files[&path], |signed| signed["expires"] = "2099-01-01T00:00:00Z".into());
        refused(&client, &author.source().with(&path, edited), start()).await;
    }
}

#[tokio::test]
async fn a_truncated_an_empty_and_an_html_file_are_refused_whichever_it_is() {
    let mut author = Author::published();
    let client = client_of(&author).await;
    author.rotate(&[], start());
    author.publish(b"index 2", start());
    for file in ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"] {
        let path = format!("metadata/{file}");
        let whole = author.files[&path].clone();
        for bad in [&whole[..whole.len() - 1], b"", b"<html>Welcome to the hotel</html>"] {
            refused(&client, &author.source().with(&path, bad), start()).await;
        }
    }
    client.check(&author.source(), start()).await.expect("the true ones are still taken");
}

#[tokio::test]
async fn no_flipped_byte_of_any_file_changes_what_is_trusted() {
    let mut author = Author::published();
    author.rotate(&[Role::Timestamp], start());
    author.publish(b"index 2", start());
    let root = author.files["metadata/1.root.json"].clone();
    let honest = Client::new(&root).check(&author.source(), start()).await.expect("verified");
    for file in ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"] {
        let path = format!("metadata/{file}");
        let whole = author.files[&path].clone();
        for place in (0..whole.len()).step_by(31) {
            let mut flipped = whole.clone();
            flipped[place] ^= 1 << (place % 8);
            let client = Client::new(&root);
            match client.check(&author.source().with(&path, flipped), start()).await {
                Ok(metadata) => assert_eq!(metadata, honest, "{file}, byte {place}"),
                Err(_) => assert!(client.open().expect("a state").metadata().is_none(), "{file}, byte {place}"),
            }
        }
    }
}

#[tokio::test]
async fn a_captive_portal_that_answers_everything_is_refused() {
    struct Portal;
    #[async_trait::async_trait]
    impl upstep_trust::Source for Portal {
        async fn fetch(&self, _: &str, _: u64) -> Result<Vec<u8>, upstep_trust::SourceError> {
            Ok(b"<html>Please log in</html>".to_vec())
        }
    }
    let author = Author::published();
    let client = client_of(&author).await;
    let error = client.check(&Portal, start()).await.expect_err("no metadata");
    assert!(matches!(&error, TrustError::Refused { file, .. } if file == "metadata/2.root.json"), "{error}");
}

#[tokio::test]
async fn an_endless_file_is_refused_even_if_the_source_ignores_the_limit() {
    struct Flood<'a>(&'a Folder, &'static str);
    #[async_trait::async_trait]
    impl upstep_trust::Source for Flood<'_> {
        async fn fetch(&self, path: &str, max_size: u64) -> Result<Vec<u8>, upstep_trust::SourceError> {
            match path.ends_with(self.1) {
                true => Ok(vec![b' '; max_size as usize + 1]),
                false => self.0.fetch(path, max_size).await,
            }
        }
    }
    let mut author = Author::published();
    let client = client_of(&author).await;
    author.publish(b"index 2", start());
    let source = author.source();
    for file in ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"] {
        let error = client.check(&Flood(&source, file), start()).await.expect_err("too large");
        assert!(matches!(error, TrustError::Source { .. }), "{file}: {error}");
    }
    let mut state = client.open().expect("a state");
    let metadata = refresh(&mut state, &source, start()).await.expect("verified");
    let error = read_target(&mut state, &Flood(&source, INDEX), &metadata, INDEX, MAX).await.expect_err("too large");
    assert!(matches!(error, TrustError::Source { .. }), "{error}");
}

#[tokio::test]
async fn an_older_timestamp_is_nothing_new_and_no_reason_to_forget() {
    let mut author = Author::published();
    let client = Client::new(&author.root);
    let lagging = author.source();
    author.publish(b"index 2", start());
    client.check(&author.source(), start()).await.expect("verified");
    let error = refused(&client, &lagging, start()).await;
    assert!(matches!(error, TrustError::NothingNew { known: 2, offered: 1 }), "{error}");
}

#[tokio::test]
async fn an_older_timestamp_when_the_known_one_has_expired_is_a_freeze() {
    let mut author = Author::published();
    let client = Client::new(&author.root);
    let lagging = author.source();
    author.publish(b"index 2", start());
    client.check(&author.source(), start()).await.expect("verified");
    let error = refused(&client, &lagging, start() + days(8)).await;
    assert!(matches!(error, TrustError::Expired { role: Role::Timestamp, .. }), "{error}");
}

#[tokio::test]
async fn metadata_past_its_time_is_a_freeze_and_names_the_role() {
    let author = Author::published();
    let fresh = Client::new(&author.root);
    let error = fresh.check(&author.source(), start() + days(8)).await.expect_err("expired");
    assert!(matches!(error, TrustError::Expired { role: Role::Timestamp, .. }), "{error}");

    let mut author = Author::published();
    author.lifetimes.timestamp = days(1000);
    author.publish(b"index 2", start());
    let error = Client::new(&author.root).check(&author.source(), start() + days(8)).await.expect_err("expired");
    assert!(matches!(error, TrustError::Expired { role: Role::Snapshot, .. }), "{error}");
    author.lifetimes.snapshot = days(1000);
    author.publish(b"index 3", start());
    let error = Client::new(&author.root).check(&author.source(), start() + days(366)).await.expect_err("expired");
    assert!(matches!(error, TrustError::Expired { role: Role::Targets, .. }), "{error}");
    author.lifetimes.targets = days(1000);
    author.publish(b"index 4", start());
    let error = Client::new(&author.root).check(&author.source(), start() + days(731)).await.expect_err("expired");
    assert!(matches!(error, TrustError::Expired { role: Role::Root, .. }), "{error}");
}

#[tokio::test]
async fn a_thief_of_the_timestamp_key_alone_can_not_bring_an_old_snapshot_back() {
    let mut author = Author::published();
    let client = Client::new(&author.root);
    let old = author.files["metadata/1.snapshot.json"].clone();
    author.publish(b"index 2", start());
    client.check(&author.source(), start()).await.expect("verified");
    let mut lie = author.timestamp();
    // Signed with the true timestamp key: version 3 over snapshot 1.
    lie = support_sign_timestamp(&author, &lie, 3, 1, &old);
    let error = refused(&client, &author.source().with("metadata/timestamp.json", lie), start()).await;
    assert!(matches!(error, TrustError::Rollback { .. } | TrustError::OlderVersion { .. }), "{error}");
}

/// A timestamp over `snapshot`, with the author's key; numbers and bytes of the test's choice.
fn support_sign_timestamp(author: &Author, like: &[u8], version: u64, snapshot: u64, bytes: &[u8]) -> Vec<u8> {
    use aws_lc_rs::signature::Ed25519KeyPair;
    let pem = author.keys[&Role::Timestamp].to_pem(None).expect("text");
    let pair = Ed25519KeyPair::from_pkcs8(pem::parse(pem).expect("PEM").contents()).expect("a key");
    let mut value: serde_json::Value = serde_json::from_slice(like).expect("JSON");
    value["signed"]["version"] = version.into();
    value["signed"]["meta"]["snapshot.json"] = serde_json::json!({
        "version": snapshot, "length": bytes.len(), "hashes": { "sha256": Digest::of(bytes).to_string() }
    });
    // serde_json sorts keys, and nothing in here needs an escape: that is the canonical form.
    let canonical = serde_json::to_vec(&value["signed"]).expect("JSON");
    value["signatures"][0]["sig"] = hex::encode(pair.sign(&canonical)).into();
    serde_json::to_vec(&value).expect("JSON")
}

#[tokio::test]
async fn files_of_two_commits_do_not_mix() {
    let mut author = Author::published();
    let client = client_of(&author).await;
    author.publish(b"index 2", start());
    let second = author.files.clone();
    author.publish(b"index 3", start());
    // The newest timestamp over the snapshot of the commit before, under the newer name.
    let source = author.source().with("metadata/3.snapshot.json", second["metadata/2.snapshot.json"].clone());
    refused(&client, &source, start()).await;
    let source = author.source().with("metadata/3.targets.json", second["metadata/2.targets.json"].clone());
    refused(&client, &source, start()).await;
}

#[tokio::test]
async fn targets_that_go_back_under_a_newer_snapshot_are_refused() {
    let mut author = Author::published();
    let client = Client::new(&author.root);
    author.publish(b"index 2", start());
    client.check(&author.source(), start()).await.expect("verified");
    author.publish_as(b"index 1", Numbers { targets: 1, snapshot: 3, timestamp: 3 }, start());
    let error = refused(&client, &author.source(), start()).await;
    assert!(matches!(error, TrustError::Rollback { .. } | TrustError::OlderVersion { .. }), "{error}");
}

#[tokio::test]
async fn swapped_truncated_and_oversized_targets_are_refused() {
    let author = Author::published();
    let client = Client::new(&author.root);
    let path = format!("targets/{}.{INDEX}", Digest::of(b"index 1"));
    for bad in [&b"index 2"[..], b"index", b"", b"index 1 and more"] {
        let source = author.source().with(&path, bad);
        let error = client.index(&source, start()).await.expect_err("not what was signed");
        match bad.len() {
            16.. => assert!(matches!(error, TrustError::Source { .. }), "{error}"),
            _ => assert!(matches!(error, TrustError::WrongTarget { .. }), "{error}"),
        }
        assert_eq!(client.open().expect("a state").cached_target(INDEX), None);
    }
    let mut state = client.open().expect("a state");
    let metadata = refresh(&mut state, &author.source(), start()).await.expect("verified");
    let error = read_target(&mut state, &author.source(), &metadata, INDEX, 6).await.expect_err("too large");
    assert!(matches!(error, TrustError::TargetTooLarge { size: 7, limit: 6, .. }), "{error}");
    for name in ["../../etc/passwd", "other", ""] {
        let error = read_target(&mut state, &author.source(), &metadata, name, MAX).await.expect_err("not signed");
        assert!(matches!(error, TrustError::NoTarget { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_endless_chain_of_roots_is_cut_and_goes_on_at_the_next_check() {
    let mut author = Author::published();
    let client = client_of(&author).await;
    for _ in 0..300 {
        author.rotate(&[], start());
    }
    author.publish(b"index 2", start());
    let source = author.source();
    let error = client.check(&source, start()).await.expect_err("too many");
    assert!(matches!(error, TrustError::TooManyRoots { limit: 256 }), "{error}");
    assert!(source.take_asked().len() <= 257);
    // Nothing was lost: the second check ends what the first began.
    let metadata = client.check(&author.source(), start()).await.expect("verified");
    assert_eq!((metadata.root_version(), metadata.timestamp_version()), (301, 2));
}

#[tokio::test]
async fn a_second_timestamp_of_one_version_changes_nothing() {
    let mut author = Author::published();
    let client = client_of(&author).await;
    let known = client.open().expect("a state").metadata();
    author.numbers.timestamp = 0;
    author.numbers.snapshot = 8;
    author.publish(b"index 9", start() + days(1));
    client.check(&author.source(), start() + days(1)).await.expect("the known one serves");
    assert_eq!(client.open().expect("a state").metadata(), known);
}
