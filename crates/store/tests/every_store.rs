//! The same tests on a folder, in memory, and (by `ci/s3`) on a real S3 store.

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use support::layer::{Layer, Rule};
use support::suite;
use upstep_model::AppName;
use upstep_store::{Store, StoreError};

fn app() -> AppName {
    AppName::parse("hello").expect("a name")
}

#[tokio::test]
async fn memory_is_a_store() {
    suite::run(&Store::memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_is_a_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep/releases");
    suite::run(&Store::create(path.to_str().expect("text")).expect("a store")).await;
}

/// `UPSTEP_TEST_STORE` names the store, the `AWS_*` variables say how to reach it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a real S3 store, which ci/s3 starts"]
async fn s3_is_a_store() {
    let location = std::env::var("UPSTEP_TEST_STORE").expect("UPSTEP_TEST_STORE names a store");
    suite::run(&Store::open(&format!("{location}/suite-{}", std::process::id())).expect("a store")).await;
}

#[tokio::test]
async fn a_store_that_ignores_create_only_writes_is_refused_with_the_reason() {
    let store =
        Store::memory().wrapped(|inner| Layer::over(inner, Rule::IgnoreCreateOnly, Arc::new(AtomicUsize::new(0))));
    let error = store.probe_create_only(&app()).await.expect_err("must be refused");
    assert!(matches!(error, StoreError::NotCreateOnly { .. }), "{error}");
    assert!(error.to_string().contains("If-None-Match"), "{error}");
    assert_eq!(store.list("hello").await.expect("a listing"), [], "the probe leaves nothing");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing");
    let error = Store::open(missing.to_str().expect("text")).expect_err("must fail");
    assert!(error.to_string().contains("missing"), "{error}");
    let file = folder.path().join("file");
    std::fs::write(&file, b"x").expect("a file");
    assert!(matches!(Store::open(file.to_str().expect("text")), Err(StoreError::NoFolder { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_cut_off_write_left_in_a_folder_is_swept_up_in_a_week() {
    use std::time::{Duration, SystemTime};
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path().to_str().expect("text")).expect("a store");
    let blobs = folder.path().join("hello/blobs");
    std::fs::create_dir_all(&blobs).expect("a folder");
    std::fs::write(blobs.join("0123#1"), b"half").expect("a file");
    assert_eq!(store.list("hello").await.expect("a listing"), [], "it is no object");
    let keep = upstep_store::Keep::default();
    store.prune(&app(), &keep, SystemTime::now()).await.expect("a sweep");
    assert!(blobs.join("0123#1").exists());
    let later = SystemTime::now() + Duration::from_secs(8 * 24 * 3600);
    let pruned = store.prune(&app(), &keep, later).await.expect("a sweep");
    assert_eq!((pruned.deleted.len(), pruned.bytes), (1, 4));
    assert!(!blobs.join("0123#1").exists());
}

#[test]
fn an_object_in_a_folder_is_a_file_of_the_same_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path().to_str().expect("text")).expect("a store");
    let path = store.local_path("hello/blobs/0123").expect("a path");
    assert!(path.ends_with("hello/blobs/0123"), "{}", path.display());
    let root = path.ancestors().nth(3).expect("the store's folder");
    assert_eq!(root.canonicalize().expect("there"), folder.path().canonicalize().expect("there"));
    assert_eq!(Store::memory().local_path("hello/blobs/0123"), None);
    assert!(store.free_space().is_none_or(|free| free > 0));
    assert_eq!(Store::memory().free_space(), None);
}

#[tokio::test]
async fn who_dies_between_commit_and_copy_leaves_a_store_that_the_next_one_mends() {
    let whole = Store::memory();
    let cut = |rule| whole.clone().wrapped(|inner| Layer::over(inner, rule, Arc::new(AtomicUsize::new(0))));
    let before = cut(Rule::DieBeforeWrite(0));
    assert!(before.commit(&app(), 1, &suite::timestamp(1, "")).await.is_err());
    assert_eq!(whole.head(&app()).await.expect("a head"), None);
    let within = cut(Rule::DieInWrite(0));
    assert!(within.commit(&app(), 1, &suite::timestamp(1, "")).await.is_err());
    assert_eq!(whole.head(&app()).await.expect("a head").map(|commit| commit.number), Some(1));
    assert_eq!(whole.refresh_timestamp_copy(&app()).await.expect("a copy"), Some(1));
    let copy = whole.get("hello/metadata/timestamp.json", 1000).await.expect("a copy");
    assert_eq!(copy, suite::timestamp(1, ""));
}
