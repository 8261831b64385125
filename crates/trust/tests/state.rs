//! The stored state: torn, lost, from a newer version, reset.

mod support;

use std::fs;
use support::{Author, Client, INDEX, start};
use upstep_model::Digest;
use upstep_trust::{State, TrustError};

/// A client whose state was written twice, so that both copies are there.
async fn written_twice(author: &mut Author) -> Client {
    let client = Client::new(&author.root);
    client.index(&author.source(), start()).await.expect("verified");
    author.publish(b"index 2", start());
    client.index(&author.source(), start()).await.expect("verified");
    assert_eq!(client.files(), ["trust.a", "trust.b"]);
    client
}

fn known(client: &Client) -> Option<u64> {
    client.open().expect("a state").metadata().map(|metadata| metadata.timestamp_version())
}

#[tokio::test]
async fn with_one_copy_torn_at_any_byte_the_other_serves() {
    let mut author = Author::published();
    let client = written_twice(&mut author).await;
    for (name, other) in [("trust.a", 2), ("trust.b", 1)] {
        let path = client.dir.path().join(name);
        let whole = fs::read(&path).expect("readable");
        for length in (0..whole.len()).step_by(97) {
            fs::write(&path, &whole[..length]).expect("written");
            assert_eq!(known(&client), Some(other), "{name} cut at {length}");
        }
        let mut flipped = whole.clone();
        for place in (0..whole.len()).step_by(101) {
            flipped[place] ^= 4;
            fs::write(&path, &flipped).expect("written");
            assert_eq!(known(&client), Some(other), "{name} flipped at {place}");
            flipped[place] ^= 4;
        }
        fs::remove_file(&path).expect("deleted");
        assert_eq!(known(&client), Some(other), "{name} lost");
        fs::write(&path, &whole).expect("written");
    }
    assert_eq!(known(&client), Some(2));
}

#[tokio::test]
async fn a_torn_copy_is_mended_by_the_next_write() {
    let mut author = Author::published();
    let client = written_twice(&mut author).await;
    fs::write(client.dir.path().join("trust.a"), b"torn").expect("written");
    author.publish(b"index 3", start());
    client.check(&author.source(), start()).await.expect("verified");
    fs::write(client.dir.path().join("trust.b"), b"torn").expect("written");
    assert_eq!(known(&client), Some(3));
}

#[tokio::test]
async fn with_both_copies_torn_nothing_is_trusted_until_a_reset() {
    let mut author = Author::published();
    let client = written_twice(&mut author).await;
    let old = author.source();
    fs::write(client.dir.path().join("trust.a"), b"").expect("written");
    fs::write(client.dir.path().join("trust.b"), b"{}").expect("written");
    let error = client.check(&old, start()).await.expect_err("fails closed");
    let text = error.to_string();
    assert!(matches!(error, TrustError::StateBroken { .. }), "{text}");
    for part in ["trust.a", "trust.b", "reset", client.dir.path().to_str().expect("a path")] {
        assert!(text.contains(part), "{text} lacks {part}");
    }
    State::reset(client.dir.path()).expect("reset");
    assert_eq!(client.files(), Vec::<String>::new());
    client.index(&author.source(), start()).await.expect("a new beginning");
}

#[tokio::test]
async fn a_torn_only_copy_is_not_taken_for_a_new_install() {
    let author = Author::published();
    let client = Client::new(&author.root);
    client.check(&author.source(), start()).await.expect("verified");
    assert_eq!(client.files(), ["trust.a"]);
    fs::write(client.dir.path().join("trust.a"), b"torn").expect("written");
    assert!(matches!(client.open(), Err(TrustError::StateBroken { .. })));
    // Neither is a folder in its place.
    fs::remove_file(client.dir.path().join("trust.a")).expect("deleted");
    fs::create_dir(client.dir.path().join("trust.a")).expect("made");
    assert!(matches!(client.open(), Err(TrustError::StateBroken { .. })));
}

/// Writes a copy with a right checksum.
fn plant(client: &Client, name: &str, json: &serde_json::Value) {
    let json = json.to_string();
    let text = format!("{}\n{json}", Digest::of(json.as_bytes()));
    fs::write(client.dir.path().join(name), text).expect("written");
}

fn stored(client: &Client, name: &str) -> serde_json::Value {
    let text = fs::read_to_string(client.dir.path().join(name)).expect("readable");
    serde_json::from_str(text.split_once('\n').expect("two lines").1).expect("JSON")
}

#[tokio::test]
async fn a_newer_version_is_read_if_it_says_so_and_refused_if_not() {
    let mut author = Author::published();
    let client = written_twice(&mut author).await;
    let mut newer = stored(&client, "trust.b");
    newer["version"] = 2.into();
    newer["something_new"] = serde_json::json!({ "deep": true });
    plant(&client, "trust.b", &newer);
    assert_eq!(known(&client), Some(2));
    newer["min_reader"] = 2.into();
    plant(&client, "trust.b", &newer);
    let error = client.open().expect_err("too new");
    assert!(matches!(error, TrustError::StateTooNew { min_reader: 2, reader: 1, .. }), "{error}");
    State::reset(client.dir.path()).expect("reset");
    client.open().expect("a new beginning");
}

#[tokio::test]
async fn a_state_whose_signatures_do_not_hold_is_a_bad_copy() {
    let mut author = Author::published();
    let client = written_twice(&mut author).await;
    let mut planted = stored(&client, "trust.b");
    planted["generation"] = 99.into();
    planted["timestamp"] =
        planted["timestamp"].as_str().expect("text").replace("\"version\":2", "\"version\":1").into();
    plant(&client, "trust.b", &planted);
    assert_eq!(known(&client), Some(1), "the other copy serves");
    let mut foreign = stored(&client, "trust.a");
    foreign["root"] = String::from_utf8(Author::new().root).expect("text").into();
    plant(&client, "trust.b", &foreign);
    assert_eq!(known(&client), Some(1), "a root that its chain does not end with");
}

#[tokio::test]
async fn what_a_killed_check_leaves_is_cleared_by_the_next() {
    let author = Author::published();
    let client = Client::new(&author.root);
    let work = client.dir.path().join("trust.work");
    fs::create_dir_all(work.join("deep")).expect("made");
    fs::write(work.join("timestamp.json"), b"half").expect("written");
    fs::write(client.dir.path().join("trust.a.new"), b"half").expect("written");
    client.index(&author.source(), start()).await.expect("verified");
    assert_eq!(client.files(), ["trust.a"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_state_that_can_not_be_written_is_an_error_with_the_path_and_the_old_one_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let author = Author::published();
    let client = Client::new(&author.root);
    let file = client.dir.path().join("file");
    fs::write(&file, b"in the way").expect("written");
    let mut state = State::open(&file.join("trust"), &author.root).map(|_| ()).err();
    if state.is_none() {
        state = State::open(&file.join("trust"), &author.root).expect("a state").save().err();
    }
    let error = state.expect("a file is no folder");
    assert!(matches!(&error, TrustError::StateIo { path, .. } if path.starts_with(&file)), "{error}");
    client.check(&author.source(), start()).await.expect("verified");
    let mode = fs::metadata(client.dir.path().join("trust.a")).expect("there").permissions().mode();
    assert_eq!(mode & 0o022, 0, "writable by nobody else: {mode:o}");
}

#[cfg(unix)]
#[tokio::test]
async fn whoever_writes_files_and_folders_belong_to_the_owner_of_the_folder_around() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let author = Author::published();
    let client = Client::new(&author.root);
    // Only root can give a folder away; for anybody else all is one's own anyway.
    let _ = chown(client.dir.path(), Some(12345), Some(12345));
    let owner = fs::metadata(client.dir.path()).expect("there").uid();
    let trust = client.dir.path().join("trust");
    let mut state = State::open(&trust, &author.root).expect("a state");
    upstep_trust::refresh(&mut state, &author.source(), start()).await.expect("verified");
    state.save().expect("written");
    for path in [trust.clone(), trust.join("trust.a")] {
        assert_eq!(fs::metadata(&path).expect("there").uid(), owner, "{}", path.display());
    }
}

#[tokio::test]
async fn the_fixture_of_version_1_is_still_read() {
    // Written by the first version; see docs/formats.md, "Trust state".
    let client = Client::new(include_bytes!("fixtures/root.json"));
    fs::write(client.dir.path().join("trust.b"), include_bytes!("fixtures/trust.v1")).expect("written");
    let state = client.open().expect("a state");
    let metadata = state.metadata().expect("metadata");
    assert_eq!((metadata.root_version(), metadata.timestamp_version()), (2, 2));
    assert_eq!(state.cached_target(INDEX).as_deref(), Some(&b"index 2"[..]));
}
