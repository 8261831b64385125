//! Signing snapshot and timestamp anew.

use crate::support::{Author, LINUX, Server, eventually, get, program};
use jiff::{SignedDuration, Timestamp};
use patch_server::Resign;
use std::path::{Path, PathBuf};
use std::time::Duration;
use upstep_trust::parse_timestamp;

const DAY: u64 = 24 * 3600;

/// The keys that a server is given: never those of root and targets.
fn server_keys(author: &Author, folder: &Path) -> PathBuf {
    let keys = folder.join("server-keys");
    std::fs::create_dir(&keys).expect("a folder");
    for key in ["snapshot.pem", "timestamp.pem"] {
        std::fs::copy(author.keys().join(key), keys.join(key)).expect("a key");
    }
    keys
}

fn resign(keys: &Path, days: u64) -> Option<Resign> {
    Some(Resign { keys: keys.to_owned(), passphrase: None, lifetime: Duration::from_secs(days * DAY) })
}

fn commits(author: &Author) -> usize {
    std::fs::read_dir(author.in_store("hello/commits")).expect("a folder").count()
}

#[tokio::test]
async fn replicas_sign_anew_once_what_is_half_over_and_clients_accept_it() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let folder = tempfile::tempdir().expect("a folder");
    let keys = server_keys(&author, folder.path());
    // Published for 7 days: less than half of 30.
    let replicas: Vec<Server> =
        (0..3).map(|_| Server::start_with(&author.store(), |config| config.resign = resign(&keys, 30))).collect();
    for replica in &replicas {
        let url = replica.url("/hello/metadata/timestamp.json");
        let got = eventually(&url, |got| parse_timestamp(&got.body).expect("a timestamp").version == 2).await;
        let left = parse_timestamp(&got.body).expect("a timestamp").expires.duration_since(Timestamp::now());
        assert!(left > SignedDuration::from_hours(29 * 24), "{left}");
    }
    let store = upstep_store::Store::open(&author.project.store).expect("a store");
    let published = differ::published::Published::load(&store, &author.project.app, &author.project.root).await;
    assert_eq!(published.expect("verified metadata").commit, 2);
    assert_eq!(commits(&author), 2, "the losers found a fresh commit and stopped");
    let copy = std::fs::read(author.in_store("hello/metadata/timestamp.json")).expect("a copy");
    assert_eq!(parse_timestamp(&copy).expect("a timestamp").version, 2);

    author.publish("1.1.0", LINUX, &program("1.1.0", 20_000));
    eventually(&replicas[0].url("/v1/update/hello/stable/linux/1.0.0"), |got| got.status == 200).await;
}

#[tokio::test]
async fn what_is_fresh_is_left_alone() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let folder = tempfile::tempdir().expect("a folder");
    let keys = server_keys(&author, folder.path());
    let server = Server::start_with(&author.store(), |config| config.resign = resign(&keys, 7));
    author.publish("1.1.0", LINUX, &program("1.1.0", 20_000));
    eventually(&server.url("/v1/update/hello/stable/linux/1.0.0"), |got| got.status == 200).await;
    assert_eq!(commits(&author), 2);
}

#[tokio::test]
async fn an_app_has_keys_of_its_own_and_foreign_keys_sign_nothing() {
    let hello = Author::new("hello");
    hello.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let other = Author::with_store("other", &hello.project.store);
    other.publish("1.0.0", LINUX, &program("o 1.0.0", 20_000));
    let folder = tempfile::tempdir().expect("a folder");
    // Shared keys fit `hello`; `other` has a folder of its own with its own keys.
    let keys = server_keys(&hello, folder.path());
    std::fs::rename(
        server_keys(&other, tempfile::tempdir_in(folder.path()).expect("a folder").path()),
        keys.join("other"),
    )
    .expect("a folder");
    let third = Author::with_store("third", &hello.project.store);
    third.publish("1.0.0", LINUX, &program("t 1.0.0", 20_000));
    let server = Server::start_with(&hello.store(), |config| config.resign = resign(&keys, 30));
    for app in ["hello", "other"] {
        let url = server.url(&format!("/{app}/metadata/timestamp.json"));
        eventually(&url, |got| parse_timestamp(&got.body).expect("a timestamp").version == 2).await;
    }
    let got = get(&server.url("/third/metadata/timestamp.json")).await;
    assert_eq!(parse_timestamp(&got.body).expect("a timestamp").version, 1);
    assert_eq!(get(&server.url("/third/latest.json")).await.status, 200);
}
