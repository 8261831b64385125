//! Metadata, indexes, commits and blobs.

use crate::support::{Author, LINUX, Server, get, get_with, head, program};
use std::path::Path;
use upstep_model::Digest;

const FOR_EVER: Option<&str> = Some("public, max-age=31536000, immutable");

fn published() -> Author {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 300_000));
    author.publish("1.1.0", LINUX, &program("1.1.0", 300_000));
    author
}

fn all_files(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_str().expect("text").to_owned();
        match path.is_dir() {
            true => files.extend(all_files(&path).into_iter().map(|file| format!("{name}/{file}"))),
            false => files.push(name),
        }
    }
    files
}

#[tokio::test]
async fn every_file_of_the_store_is_served_under_its_own_path_and_no_other_is() {
    let author = published();
    std::fs::write(author.in_store("hello/secret.pem"), "secret").expect("a file");
    std::fs::write(author.in_store("hello/metadata/notes.txt"), "secret").expect("a file");
    std::fs::write(author.in_store("upstep.toml"), "secret").expect("a file");
    std::fs::create_dir(author.in_store("hello/blobs").join(Digest::of(b"a folder").to_string())).expect("a folder");
    let server = Server::start(&author.store());
    let mut served = 0;
    for file in all_files(&author.store()) {
        let got = get(&server.url(&format!("/{file}"))).await;
        if file.contains("secret") || file.ends_with("notes.txt") || file.ends_with(".toml") || file.contains(".lock") {
            assert_eq!(got.status, 404, "{file}");
            continue;
        }
        assert_eq!(got.status, 200, "{file}");
        assert!(got.body == std::fs::read(author.in_store(&file)).expect("the file"), "{file}");
        let cache = if file.ends_with("timestamp.json") { Some("no-cache") } else { FOR_EVER };
        assert_eq!(got.header("cache-control"), cache, "{file}");
        let etag = format!("\"{}\"", Digest::of(&got.body));
        assert_eq!(got.header("etag"), Some(etag.as_str()), "{file}");
        let again = get_with(&server.url(&format!("/{file}")), &[("if-none-match", &etag)]).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(etag.as_str())), "{file}");
        let head = head(&server.url(&format!("/{file}"))).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{file}");
        assert_eq!(head.header("content-length"), Some(got.body.len().to_string().as_str()), "{file}");
        served += 1;
    }
    assert!(served >= 10, "{served} files");
    for missing in [
        "/hello/metadata/2.root.json",
        "/hello/metadata/99.snapshot.json",
        "/hello/commits/00000099.json",
        "/hello/commits/1.json",
        "/hello/commits",
        "/hello/",
        "/hello/metadata/01.root.json",
        "/hello/metadata/1.mirrors.json",
    ] {
        let got = get(&server.url(missing)).await;
        assert_eq!((got.status, got.code().as_str()), (404, "not_found"), "{missing}");
    }
    let folder = format!("/hello/blobs/{}", Digest::of(b"a folder"));
    assert_eq!(get(&server.url(&folder)).await.status, 404);
    assert_eq!(get(&server.url("/nobody/metadata/timestamp.json")).await.code(), "unknown_app");
}

#[tokio::test]
async fn the_timestamp_is_that_of_the_highest_commit_although_its_copy_lags_behind() {
    let author = published();
    let first = std::fs::read(author.in_store("hello/commits/00000001.json")).expect("a commit");
    let second = std::fs::read(author.in_store("hello/commits/00000002.json")).expect("a commit");
    std::fs::write(author.in_store("hello/metadata/timestamp.json"), first).expect("a copy");
    let server = Server::start(&author.store());
    assert!(get(&server.url("/hello/metadata/timestamp.json")).await.body == second);
}

#[tokio::test]
async fn a_blob_is_served_in_parts() {
    let author = published();
    let server = Server::start(&author.store());
    let full = &author.index(LINUX).releases[1].full;
    let blob = std::fs::read(author.in_store(&format!("hello/blobs/{}", full.digest))).expect("a blob");
    let size = blob.len();
    let url = server.url(&format!("/hello/blobs/{}", full.digest));
    let etag = format!("\"{}\"", full.digest);
    let whole = get(&url).await;
    assert_eq!((whole.status, whole.header("accept-ranges"), whole.body == blob), (200, Some("bytes"), true));
    for (range, part) in [("bytes=0-99", 0..100), ("bytes=1000-", 1000..size), ("bytes=-10", size - 10..size)] {
        let got = get_with(&url, &[("range", range)]).await;
        assert_eq!(got.status, 206, "{range}");
        let place = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        assert_eq!(got.header("content-range"), Some(place.as_str()));
        assert!(got.body == blob[part], "{range}");
        assert_eq!((got.header("etag"), got.header("cache-control")), (Some(etag.as_str()), FOR_EVER));
    }
    let resumed = get_with(&url, &[("range", "bytes=5000-"), ("if-range", &etag)]).await;
    assert!(resumed.status == 206 && resumed.body == blob[5000..]);
    let changed = get_with(&url, &[("range", "bytes=5000-"), ("if-range", "\"another\"")]).await;
    assert!(changed.status == 200 && changed.body == blob, "a part of something else is of no use");
    let beyond = get_with(&url, &[("range", &format!("bytes={size}-"))]).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some(format!("bytes */{size}").as_str())));
    for ignored in ["bytes=5-1", "bytes=0-1,3-4", "lines=1-2", "nonsense"] {
        let got = get_with(&url, &[("range", ignored)]).await;
        assert!(got.status == 200 && got.body == blob, "{ignored}");
    }
    let has_it = get_with(&url, &[("if-none-match", &etag), ("range", "bytes=0-9")]).await;
    assert_eq!((has_it.status, has_it.body.len()), (304, 0));
}

#[tokio::test]
async fn a_download_that_was_cut_off_goes_on_at_another_server() {
    let author = published();
    let (first, second) = (Server::start(&author.store()), Server::start(&author.store()));
    let full = &author.index(LINUX).releases[0].full;
    let path = format!("/hello/blobs/{}", full.digest);
    let mut response = crate::support::client().get(first.url(&path)).send().await.expect("an answer");
    let etag = response.headers()["etag"].to_str().expect("text").to_owned();
    let mut bytes = response.chunk().await.expect("bytes").expect("some").to_vec();
    bytes.truncate(10_000);
    drop(response);
    drop(first);
    let range = format!("bytes={}-", bytes.len());
    let rest = get_with(&second.url(&path), &[("range", &range), ("if-range", &etag)]).await;
    assert_eq!(rest.status, 206);
    bytes.extend_from_slice(&rest.body);
    assert_eq!(Digest::of(&bytes), full.digest);
}
