//! The network against a host that misbehaves.

use super::{Blob, Document, Network, address, retry_after};
use crate::{Patience, UpdateError};
use host::{Action, Host};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use upstep_model::Digest;

#[expect(dead_code, reason = "the tests with real processes need more of it")]
#[path = "../../tests/suite/support/host.rs"]
mod host;

/// A host with one blob, and a folder to bring it to.
struct Bench {
    host: Host,
    network: Network,
    bytes: Vec<u8>,
    to: TempDir,
    _files: TempDir,
}

impl Bench {
    fn new() -> Bench {
        let patience = Patience {
            window: Duration::from_millis(300),
            minimum: 1000,
            back_off: Duration::from_millis(1),
            ..Patience::default()
        };
        let files = TempDir::new().expect("a folder");
        let bytes: Vec<u8> = (0..200_000u32).map(|at| (at * 7 / 3) as u8).collect();
        std::fs::create_dir(files.path().join("blobs")).expect("a folder");
        std::fs::write(files.path().join("blobs/x"), &bytes).expect("written");
        let host = Host::of_folder(files.path());
        let network = Network::new("test", false, patience).expect("a client");
        Bench { host, network, bytes, to: TempDir::new().expect("a folder"), _files: files }
    }

    async fn fetch(&self) -> Result<PathBuf, UpdateError> {
        let blob = Blob { path: "/blobs/x", digest: Digest::of(&self.bytes), size: self.bytes.len() as u64 };
        let bases = [address::parse(&self.host.url(), false).expect("an address")];
        self.network.blob(&bases, &blob, self.to.path(), &|_| {}).await
    }

    async fn arrives(&self) {
        let path = self.fetch().await.expect("it arrives");
        assert!(std::fs::read(path).expect("readable") == self.bytes);
    }
}

#[tokio::test]
async fn a_host_that_cuts_every_answer_is_read_to_the_end_as_long_as_it_brings_something() {
    let bench = Bench::new();
    bench.host.rule(|_| Action::Cut(9_000));
    bench.arrives().await;
    assert_eq!(bench.host.take_requests().len(), 23);
    assert_eq!(bench.host.sent(), bench.bytes.len(), "no byte is sent twice");
}

#[tokio::test]
async fn a_host_that_brings_next_to_nothing_is_given_up() {
    let bench = Bench::new();
    bench.host.rule(|_| Action::Cut(10));
    assert!(matches!(bench.fetch().await, Err(UpdateError::Request { .. } | UpdateError::Length { .. })));
    assert_eq!(bench.host.take_requests().len(), 3);
    bench.host.rule(|_| Action::Stall(10));
    assert!(matches!(bench.fetch().await, Err(UpdateError::Stalled { .. })));
    bench.host.rule(|_| Action::Serve);
    bench.arrives().await;
}

#[tokio::test]
async fn a_flood_a_page_and_a_wrong_length_never_grow_beyond_the_signed_size() {
    for action in [Action::Flood, Action::Body(b"<html>".repeat(50_000)), Action::Body(b"<html>".to_vec())] {
        let bench = Bench::new();
        bench.host.rule(move |_| action.clone());
        assert!(bench.fetch().await.is_err());
        let left = std::fs::read_dir(bench.to.path()).expect("a folder").flatten();
        let left: u64 = left.map(|entry| entry.metadata().expect("there").len()).sum();
        assert!(left <= bench.bytes.len() as u64, "{left} bytes on the disk");
        bench.host.rule(|_| Action::Serve);
        bench.arrives().await;
    }
}

#[tokio::test]
async fn a_flipped_byte_is_never_kept() {
    let bench = Bench::new();
    bench.host.rule(|_| Action::Flip);
    assert!(matches!(bench.fetch().await, Err(UpdateError::Digest { .. })));
    assert_eq!(std::fs::read_dir(bench.to.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn redirects_are_followed_a_few_times_and_never_to_http_elsewhere() {
    let bench = Bench::new();
    let url = bench.host.url();
    bench.host.rule(move |request| match request.path.as_str() {
        "/blobs/x" if request.header("x-never").is_none() => Action::Redirect(format!("{url}/moved?1")),
        "/moved?1" => Action::Redirect(format!("{url}/blobs/x?2")),
        _ => Action::Serve,
    });
    bench.arrives().await;
    let bench = Bench::new();
    let url = bench.host.url();
    bench.host.rule(move |_| Action::Redirect(format!("{url}/again")));
    assert!(bench.fetch().await.is_err());
    assert!(bench.host.take_requests().len() < 10);
    bench.host.rule(|_| Action::Redirect("http://a.example/".to_owned()));
    assert!(matches!(bench.fetch().await, Err(UpdateError::Request { .. })));
}

#[tokio::test]
async fn an_unchanged_document_is_not_sent_again() {
    let bench = Bench::new();
    let url = address::join(&address::parse(&bench.host.url(), false).expect("an address"), "/blobs/x");
    let Ok(Document::Found { etag: Some(etag), .. }) = bench.network.document(&url, 1 << 20, None).await else {
        panic!("a document with an ETag");
    };
    let again = bench.network.document(&url, 1 << 20, Some(&etag)).await;
    assert!(matches!(again, Ok(Document::NotModified)));
    let small = bench.network.document(&url, 100, None).await;
    assert!(matches!(small, Err(UpdateError::TooLarge { limit: 100, .. })));
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let read = |text: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
        retry_after(&headers)
    };
    assert_eq!(read("7"), Some(Duration::from_secs(7)));
    assert!(read("Tue, 31 Dec 2999 23:59:59 GMT").is_some_and(|wait| wait > Duration::from_secs(86_400)));
    assert_eq!(read("Fri, 31 Dec 1999 23:59:59 GMT"), None);
    assert_eq!(read("soon"), None);
}
