//! Requests that no good client sends: 4xx, and the server goes on.

use crate::support::{Author, LINUX, PATIENCE, Server, client, get, program};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

fn served() -> (Author, Server) {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let server = Server::start_with(&author.store(), |config| {
        config.request_timeout = std::time::Duration::from_secs(2);
    });
    (author, server)
}

/// The status that the raw bytes are answered with; `None` where the connection is just closed.
fn status_of(server: &Server, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // It may close while we still send.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while answer.len() < 12 {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(length) => answer.extend_from_slice(&chunk[..length]),
        }
    }
    let text = String::from_utf8_lossy(&answer);
    text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok())
}

fn status_of_path(server: &Server, path: &str) -> Option<u16> {
    status_of(server, format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
}

fn is_refused(status: Option<u16>) -> bool {
    status.is_none_or(|status| (400..500).contains(&status))
}

#[tokio::test]
async fn paths_that_lead_out_of_the_store_lead_nowhere() {
    let (author, server) = served();
    std::fs::write(author.store().parent().expect("a folder").join("secret"), "secret").expect("a file");
    for path in [
        "/../secret",
        "/hello/../../secret",
        "/hello/blobs/../../../secret",
        "/hello/blobs/..%2f..%2f..%2fsecret",
        "/hello/blobs/%2e%2e%2f%2e%2e%2fsecret",
        "/hello/metadata/..%5c..%5csecret",
        "/%2e%2e/secret",
        "//etc/passwd",
        "/hello//etc/passwd",
        "/hello/blobs//etc/passwd",
        "/hello/metadata/timestamp.json%00",
        "/hello/metadata/%ff%fe",
        "/%ff/metadata/timestamp.json",
        "/hello/metadata/.lock",
        "/hello/.lock",
        "/hello/targets/..",
        "/..%c0%af../secret",
        "/v1/update/..%2f../stable/linux/1.0.0",
        "/v1/update/hello/../linux/1.0.0",
        "/hello/download/../../secret",
        "*",
        "secret",
    ] {
        let status = status_of_path(&server, path);
        assert!(is_refused(status), "{path}: {status:?}");
    }
    assert_eq!(get(&server.url("/healthz")).await.status, 200);
}

#[tokio::test]
async fn lengths_beyond_all_bounds_are_refused() {
    let (_author, server) = served();
    let long = "a".repeat(60_000);
    for path in [
        format!("/{long}"),
        format!("/{long}/latest.json"),
        format!("/hello/blobs/{long}"),
        format!("/v1/update/hello/stable/linux/{long}"),
        format!("/v1/update/hello/stable/{long}/1.0.0"),
        format!("/v1/update/hello/stable/linux/1.0.0?to={long}"),
        format!("/v1/update/hello?from_version={long}&os={long}"),
        format!("/hello/metadata/{}.root.json", "9".repeat(50_000)),
        format!("/{}", "a/".repeat(30_000)),
    ] {
        let status = status_of_path(&server, &path);
        assert!(is_refused(status), "{:.60}: {status:?}", path);
    }
    let headers = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    assert!(is_refused(status_of(&server, headers.as_bytes())));
    let many = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(5000));
    assert!(is_refused(status_of(&server, many.as_bytes())));
    let got = get(&server.url(&format!("/hello/metadata/{}.root.json", u64::MAX))).await;
    assert_eq!(got.status, 404);
    assert_eq!(get(&server.url("/healthz")).await.status, 200);
}

#[tokio::test]
async fn other_methods_and_broken_requests_are_refused() {
    let (_author, server) = served();
    let body = "x".repeat(1 << 20);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        for path in ["/healthz", "/latest.json", "/hello/metadata/timestamp.json", "/v1/update/hello"] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
            let answer = client().request(method.clone(), server.url(path)).send().await.expect("an answer");
            assert_eq!(answer.status(), 405, "{method} {path}");
            assert_eq!(answer.headers()["allow"], "GET, HEAD");
        }
    }
    let request = format!("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert!(is_refused(status_of(&server, request.as_bytes())));
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let status = status_of(&server, request);
        assert!(is_refused(status), "{:?}: {status:?}", String::from_utf8_lossy(request));
    }
    for headers in [
        "Range: bytes=18446744073709551615-18446744073709551615",
        "Range: bytes=--",
        "If-None-Match: \"",
        "If-None-Match: ,,,",
        "If-Range: \u{1}",
        "Accept-Encoding: ;;q=zstd",
        "Forwarded: host=;;;proto",
    ] {
        let digest = upstep_model::Digest::of(b"x");
        for path in [format!("/hello/blobs/{digest}"), "/latest.json".into(), "/hello/download/stable/linux".into()] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n\r\n");
            let status = status_of(&server, request.as_bytes());
            assert!(status.is_none_or(|status| status < 500), "{headers} {path}: {status:?}");
        }
    }
    assert_eq!(get(&server.url("/healthz")).await.status, 200);
}
