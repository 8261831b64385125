//! The raw program.

use crate::support::{Author, DARWIN, LINUX, Server, WINDOWS, client, get, get_with, head, program};
use upstep_model::{Digest, Rollout};

/// Longer than one piece, and so much alike itself that it is compressed.
fn long_program(version: &str) -> Vec<u8> {
    let mut bytes = program(version, 150_000);
    bytes.extend_from_slice(&program(version, 150_000));
    bytes
}

#[tokio::test]
async fn a_person_gets_the_program_itself_with_a_name() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &long_program("1.0.0"));
    author.publish("1.1.0", LINUX, &long_program("1.1.0"));
    author.publish("1.0.0", WINDOWS, &long_program("1.0.0 windows"));
    let server = Server::start(&author.store());
    let newest = long_program("1.1.0");
    for path in ["stable/linux", "stable/linux-x86_64", &format!("stable/{LINUX}"), "stable/linux/1.1.0"] {
        let got = get(&server.url(&format!("/hello/download/{path}"))).await;
        assert_eq!(got.status, 200, "{path}");
        assert!(got.body == newest, "{path}");
        assert_eq!(got.header("content-length"), Some(newest.len().to_string().as_str()));
        assert_eq!(got.header("content-disposition"), Some("attachment; filename=\"hello\""));
        assert_eq!((got.header("content-encoding"), got.header("vary")), (None, Some("Accept-Encoding")));
        let etag = got.header("etag").expect("an ETag").to_owned();
        assert_eq!(etag, format!("\"{}\"", Digest::of(&newest)));
        let again = get_with(&server.url(&format!("/hello/download/{path}")), &[("if-none-match", &etag)]).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
        let head = head(&server.url(&format!("/hello/download/{path}"))).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), Some(newest.len().to_string().as_str()));
    }
    assert!(get(&server.url("/hello/download/stable/linux/1.0.0")).await.body == long_program("1.0.0"));
    let windows = get(&server.url("/hello/download/stable/windows")).await;
    assert_eq!(windows.header("content-disposition"), Some("attachment; filename=\"hello.exe\""));
    assert!(windows.body == long_program("1.0.0 windows"));
}

#[tokio::test]
async fn who_takes_zstd_gets_the_full_as_it_is_stored() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &long_program("1.0.0"));
    let server = Server::start(&author.store());
    let url = server.url("/hello/download/stable/linux");
    let got = get_with(&url, &[("accept-encoding", "gzip, zstd")]).await;
    assert_eq!((got.status, got.header("content-encoding")), (200, Some("zstd")));
    let full = &author.index(LINUX).releases[0].full;
    assert_eq!((Digest::of(&got.body), got.body.len() as u64), (full.digest, full.size));
    assert!(zstd::decode_all(&got.body[..]).expect("zstd") == long_program("1.0.0"));
    let etag = format!("\"{}\"", full.digest);
    assert_eq!(got.header("etag"), Some(etag.as_str()), "another representation has another tag");
    let again = get_with(&url, &[("accept-encoding", "zstd"), ("if-none-match", &etag)]).await;
    assert_eq!(again.status, 304);
    let plain = get_with(&url, &[("accept-encoding", "gzip"), ("if-none-match", &etag)]).await;
    assert!(plain.status == 200 && plain.body == long_program("1.0.0"));
}

#[tokio::test]
async fn only_what_is_for_everybody_is_downloaded_without_a_version() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &long_program("1.0.0"));
    author.publish("1.1.0", LINUX, &long_program("1.1.0"));
    author.yank("1.1.0");
    author.publish_to("1.2.0", LINUX, &long_program("1.2.0"), Rollout::percent(50.0).expect("a share"));
    author.publish_to("1.0.0", DARWIN, &long_program("darwin"), Rollout::NONE);
    let server = Server::start(&author.store());
    assert!(get(&server.url("/hello/download/stable/linux")).await.body == long_program("1.0.0"));
    assert!(get(&server.url("/hello/download/stable/linux/1.2.0")).await.body == long_program("1.2.0"));
    for (path, status, code) in [
        ("stable/linux/1.1.0", 404, "yanked"),
        ("stable/linux/3.0.0", 404, "unknown_release"),
        ("stable/linux/x", 400, "invalid_version"),
        ("stable/darwin", 404, "unknown_release"),
        ("stable/windows", 404, "unknown_platform"),
        ("beta/linux", 404, "unknown_channel"),
    ] {
        let got = get(&server.url(&format!("/hello/download/{path}"))).await;
        assert_eq!((got.status, got.code().as_str()), (status, code), "{path}");
    }
    assert_eq!(get(&server.url("/nobody/download/stable/linux")).await.code(), "unknown_app");
}

#[tokio::test]
async fn a_full_that_decayed_on_the_disk_never_arrives_as_a_whole_program() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &long_program("1.0.0"));
    let full = &author.index(LINUX).releases[0].full;
    let file = author.in_store(&format!("hello/blobs/{}", full.digest));
    let whole = std::fs::read(&file).expect("the full");
    let server = Server::start(&author.store());
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x40;
    let other = zstd::encode_all(&long_program("another")[..], 3).expect("memory");
    for bytes in [flipped, other, whole[..whole.len() - 1].to_vec(), b"nothing".to_vec()] {
        std::fs::write(&file, &bytes).expect("a decayed file");
        let answer = async || client().get(server.url("/hello/download/stable/linux")).send().await?.bytes().await;
        assert!(answer().await.is_err(), "{} bytes were taken for the program", bytes.len());
    }
    std::fs::remove_file(&file).expect("a file");
    assert_eq!(get(&server.url("/hello/download/stable/linux")).await.status, 404);
}
