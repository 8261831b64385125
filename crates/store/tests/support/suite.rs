//! What every store must do, whatever it is made of.

use futures::TryStreamExt as _;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};
use upstep_model::{AppName, Digest, paths};
use upstep_store::{Committed, Download, Keep, Put, RETENTION, REWRITE_AFTER, Store, StoreError, Written};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Most writers that race for one key: losers wait a second each on some stores.
const WRITERS: u64 = 4;

/// Runs everything on `store`, which must be empty and is left as it comes.
pub async fn run(store: &Store) {
    create_only_writes_never_overwrite(store, &app("create-only")).await;
    reads_are_bounded(store, &app("bounded")).await;
    streams_give_the_part_that_was_asked_for(store, &app("streams")).await;
    paths_that_lead_elsewhere_are_refused(store).await;
    the_highest_commit_is_found_from_anywhere(store, &app("commits")).await;
    one_of_several_racing_commits_wins(store, &app("race")).await;
    the_copy_ends_as_the_newest_commit(store, &app("copy")).await;
    an_old_blob_is_written_again(store, &app("blobs")).await;
    what_is_named_or_young_survives_prune(store, &app("prune")).await;
    commits_in_use_are_those_of_the_last_week(store, &app("in-use")).await;
    old_commits_go_lowest_first(store, &app("old-commits")).await;
    a_store_that_honours_create_only_passes_the_probe(store, &app("probe")).await;
    apps_are_listed(store).await;
}

fn app(name: &str) -> AppName {
    AppName::parse(name).expect("a name")
}

/// What the store reads of a timestamp.
pub fn timestamp(version: u64, salt: &str) -> Vec<u8> {
    format!(r#"{{"signatures":[],"signed":{{"salt":"{salt}","version":{version}}}}}"#).into_bytes()
}

async fn commit(store: &Store, app: &AppName, number: u64) {
    let won = store.commit(app, number, &timestamp(number, "")).await.expect("a commit");
    assert_eq!(won, Committed::Won);
}

async fn head(store: &Store, app: &AppName) -> Option<u64> {
    store.head(app).await.expect("a head").map(|commit| commit.number)
}

async fn create_only_writes_never_overwrite(store: &Store, app: &AppName) {
    let path = paths::metadata(app, "1.root.json");
    assert_eq!(store.put_new(&path, &b"first"[..]).await.expect("a write"), Put::Created);
    assert_eq!(store.put_new(&path, &b"second"[..]).await.expect("an answer"), Put::Exists);
    assert_eq!(store.get(&path, 100).await.expect("a read"), b"first");
    assert_eq!(store.find(&paths::metadata(app, "2.root.json"), 100).await.expect("an answer"), None);
}

async fn reads_are_bounded(store: &Store, app: &AppName) {
    let path = paths::metadata(app, "big.json");
    store.put_new(&path, vec![7; 1000]).await.expect("a write");
    assert_eq!(store.get(&path, 1000).await.expect("a read").len(), 1000);
    let error = store.get(&path, 999).await.expect_err("must be refused");
    assert!(matches!(&error, StoreError::TooLarge { found: 1000, limit: 999, .. }), "{error:?}");
    assert!(error.to_string().contains(&path), "{error}");
    let missing = store.get("bounded/metadata/missing.json", 9).await.expect_err("must fail");
    assert!(missing.is_not_found());
}

async fn streams_give_the_part_that_was_asked_for(store: &Store, app: &AppName) {
    let path = paths::metadata(app, "digits.json");
    store.put_new(&path, &b"0123456789"[..]).await.expect("a write");
    let bytes = async |download: Download| {
        let chunks: Vec<_> = download.stream.try_collect().await.expect("the bytes");
        (download.size, download.range, chunks.concat())
    };
    let whole = bytes(store.get_stream(&path).await.expect("a stream")).await;
    assert_eq!(whole, (10, 0..10, b"0123456789".to_vec()));
    let part = bytes(store.get_range(&path, 2, Some(5)).await.expect("a stream")).await;
    assert_eq!(part, (10, 2..5, b"234".to_vec()));
    let rest = bytes(store.get_range(&path, 7, None).await.expect("a stream")).await;
    assert_eq!(rest, (10, 7..10, b"789".to_vec()));
    assert!(store.get_range(&path, 10, None).await.is_err(), "nothing lies behind the end");
}

async fn paths_that_lead_elsewhere_are_refused(store: &Store) {
    for bad in ["", "/", "../x", "a/../b", "a//b", "a/b#1", "a/%2e%2e/b", "a\\b", "/etc/passwd", "a/./b"] {
        assert!(matches!(store.get(bad, 9).await, Err(StoreError::Path { .. })), "{bad:?} was taken");
        assert_eq!(store.local_path(bad), None, "{bad:?} was taken");
    }
}

async fn the_highest_commit_is_found_from_anywhere(store: &Store, app: &AppName) {
    assert_eq!(head(store, app).await, None);
    assert_eq!(store.refresh_timestamp_copy(app).await.expect("an answer"), None);
    for number in 1..=3 {
        commit(store, app, number).await;
    }
    assert_eq!(head(store, app).await, Some(3), "without a copy");
    assert_eq!(store.refresh_timestamp_copy(app).await.expect("a copy"), Some(3));
    for number in 4..=5 {
        commit(store, app, number).await;
    }
    assert_eq!(head(store, app).await, Some(5), "with a copy that lags");
    let next = store.next(app, 4).await.expect("an answer").expect("a commit");
    assert_eq!((next.number, next.timestamp), (5, timestamp(5, "")));
    assert_eq!(store.next(app, 5).await.expect("an answer"), None);
}

async fn one_of_several_racing_commits_wins(store: &Store, app: &AppName) {
    let racing = (0..WRITERS).map(|writer| {
        let (store, app) = (store.clone(), app.clone());
        tokio::spawn(async move { store.commit(&app, 1, &timestamp(1, &writer.to_string())).await })
    });
    let mut won = 0;
    for outcome in racing.collect::<Vec<_>>() {
        won += u64::from(outcome.await.expect("no panic").expect("an answer") == Committed::Won);
    }
    assert_eq!(won, 1);
    // Whoever committed and lost the answer finds its own commit.
    let mine = store.head(app).await.expect("a head").expect("a commit").timestamp;
    assert_eq!(store.commit(app, 1, &mine).await.expect("an answer"), Committed::Won);
    assert_eq!(store.commit(app, 1, b"other").await.expect("an answer"), Committed::Lost);
}

async fn the_copy_ends_as_the_newest_commit(store: &Store, app: &AppName) {
    let writers = (0..WRITERS).map(|writer| {
        let (store, app) = (store.clone(), app.clone());
        tokio::spawn(async move {
            let mut mine = 0;
            while mine < 3 {
                let number = store.head(&app).await.expect("a head").map_or(0, |commit| commit.number) + 1;
                let bytes = timestamp(number, &writer.to_string());
                if store.commit(&app, number, &bytes).await.expect("an answer") == Committed::Won {
                    mine += 1;
                    store.refresh_timestamp_copy(&app).await.expect("a copy");
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
    let newest = store.head(app).await.expect("a head").expect("a commit");
    assert_eq!(newest.number, WRITERS * 3);
    let copy = store.get(&paths::metadata(app, "timestamp.json"), 1000).await.expect("a copy");
    assert_eq!(copy, newest.timestamp);
}

async fn an_old_blob_is_written_again(store: &Store, app: &AppName) {
    let digest = Digest::of(b"blob");
    let now = SystemTime::now();
    let put = async |now| store.put_blob(app, &digest, &b"blob"[..], now).await.expect("a write");
    assert_eq!(put(now).await, Written::Created);
    assert_eq!(put(now).await, Written::Exists);
    assert_eq!(put(now + REWRITE_AFTER + Duration::from_secs(60)).await, Written::Rewritten);
    assert_eq!(store.get(&paths::blob(app, &digest), 9).await.expect("a blob"), b"blob");
}

async fn what_is_named_or_young_survives_prune(store: &Store, app: &AppName) {
    let now = SystemTime::now();
    let blob = async |bytes: &'static [u8]| {
        let digest = Digest::of(bytes);
        store.put_blob(app, &digest, bytes, now).await.expect("a write");
        paths::blob(app, &digest)
    };
    let (named, orphan) = (blob(b"named").await, blob(b"orphan").await);
    for kept in ["1.root.json", "timestamp.json"] {
        store.put_new(&paths::metadata(app, kept), &b"{}"[..]).await.expect("a write");
    }
    let snapshot = paths::metadata(app, "1.snapshot.json");
    store.put_new(&snapshot, &b"{}"[..]).await.expect("a write");
    let keep = Keep { named: BTreeSet::from([named.clone()]) };
    let young = store.prune(app, &keep, now + RETENTION - DAY).await.expect("a sweep");
    assert_eq!(young.deleted, [] as [String; 0]);
    let old = store.prune(app, &keep, now + RETENTION + DAY).await.expect("a sweep");
    assert_eq!(old.deleted, [orphan.clone(), snapshot]);
    assert_eq!(old.bytes, 8);
    assert!(store.entry(&named).await.expect("an answer").is_some());
    assert!(store.entry(&orphan).await.expect("an answer").is_none());
    let left = store.list(app.as_str()).await.expect("a listing");
    assert_eq!(left.len(), 3, "{left:?}");
}

async fn commits_in_use_are_those_of_the_last_week(store: &Store, app: &AppName) {
    let now = SystemTime::now();
    let in_use = async |now| {
        let commits = store.commits_in_use(app, now).await.expect("commits");
        commits.iter().map(|commit| commit.number).collect::<Vec<_>>()
    };
    assert_eq!(in_use(now).await, [] as [u64; 0]);
    for number in 1..=3 {
        commit(store, app, number).await;
    }
    assert_eq!(in_use(now).await, [1, 2, 3]);
    assert_eq!(in_use(now + RETENTION + DAY).await, [3], "the highest, however old");
}

async fn old_commits_go_lowest_first(store: &Store, app: &AppName) {
    let now = SystemTime::now();
    for number in 1..=3 {
        commit(store, app, number).await;
    }
    let keep = Keep::default();
    store.prune(app, &keep, now + RETENTION + DAY).await.expect("a sweep");
    assert_eq!(store.next(app, 0).await.expect("an answer").map(|commit| commit.number), Some(1), "a month is no age");
    store.prune(app, &keep, now + 91 * DAY).await.expect("a sweep");
    assert_eq!(store.next(app, 0).await.expect("an answer"), None);
    assert_eq!(head(store, app).await, Some(3));
}

async fn a_store_that_honours_create_only_passes_the_probe(store: &Store, app: &AppName) {
    store.probe_create_only(app).await.expect("a good store");
    assert_eq!(store.list(app.as_str()).await.expect("a listing"), [], "the probe leaves nothing");
}

async fn apps_are_listed(store: &Store) {
    let apps = store.apps().await.expect("a listing");
    assert!(apps.is_sorted() && apps.contains(&app("commits")) && apps.contains(&app("blobs")), "{apps:?}");
}
