//! `latest.json`, and a client that knows nothing of Upstep.

use crate::support::{Author, DARWIN, LINUX, Server, WINDOWS, eventually, get, get_with, program};
#[cfg(unix)]
use std::{path::Path, process::Command};
use upstep_model::Rollout;

#[tokio::test]
async fn a_release_that_one_system_lacks_does_not_move_latest() {
    let author = Author::new("hello");
    for platform in [LINUX, WINDOWS, DARWIN] {
        author.publish("1.0.0", platform, &program(&format!("1.0.0 {platform}"), 5000));
    }
    author.publish("1.1.0", LINUX, &program("1.1.0", 5000));
    author.publish("1.1.0", WINDOWS, &program("1.1.0 w", 5000));
    let server = Server::start(&author.store());
    let url = server.url("/hello/latest.json");
    let base = server.url("/hello/download/stable");
    let expected = |version: &str| {
        serde_json::json!({
            "version": version,
            "url_windows": format!("{base}/{WINDOWS}/{version}"),
            "url_darwin": format!("{base}/{DARWIN}/{version}"),
            "url_linux": format!("{base}/{LINUX}/{version}"),
        })
    };
    assert_eq!(get(&url).await.json(), expected("1.0.0"));
    assert_eq!(get(&server.url("/latest.json")).await.json(), expected("1.0.0"), "it is the only app");
    author.publish_to("1.1.0", DARWIN, &program("1.1.0 d", 5000), Rollout::percent(50.0).expect("a share"));
    let plan = server.url("/v1/update/hello/stable/darwin/1.0.0?to=1.1.0");
    eventually(&plan, |got| got.status == 200).await;
    assert_eq!(get(&url).await.json(), expected("1.0.0"), "not for everybody yet");
    author.publish("1.2.0", DARWIN, &program("1.2.0 d", 5000));
    author.publish("1.2.0", WINDOWS, &program("1.2.0 w", 5000));
    author.publish("1.2.0", LINUX, &program("1.2.0", 5000));
    eventually(&url, |got| got.json() == expected("1.2.0")).await;
    author.yank("1.2.0");
    eventually(&url, |got| got.json() == expected("1.0.0")).await;
}

#[tokio::test]
async fn urls_begin_with_what_the_client_sees() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 5000));
    let server = Server::start(&author.store());
    let url = server.url("/hello/latest.json");
    let linux = |got: &crate::support::Got| got.json()["url_linux"].as_str().expect("a URL").to_owned();
    let proxied = [("x-forwarded-proto", "https"), ("x-forwarded-host", "up.example.org")];
    let got = get_with(&url, &proxied).await;
    assert_eq!(linux(&got), format!("https://up.example.org/hello/download/stable/{LINUX}/1.0.0"));
    assert_eq!(got.header("cache-control"), Some("no-cache"), "anybody can send such headers");
    assert!(got.header("vary").is_some_and(|vary| vary.contains("X-Forwarded-Host")));
    assert_eq!(get_with(&url, &[("host", "a.example:81")]).await.status, 200);
    assert_eq!(get_with(&url, &[("x-forwarded-host", "a.example/evil?")]).await.status, 400);
    let public = Server::start_with(&author.store(), |config| {
        config.public_url = Some("https://cdn.example.org/updates/".parse().expect("a URL"));
    });
    let got = get_with(&public.url("/latest.json"), &proxied).await;
    assert_eq!(linux(&got), format!("https://cdn.example.org/updates/hello/download/stable/{LINUX}/1.0.0"));
    assert_eq!(got.header("cache-control"), Some("public, max-age=60"));
    let etag = got.header("etag").expect("an ETag").to_owned();
    assert_eq!(get_with(&public.url("/latest.json"), &[("if-none-match", &etag)]).await.status, 304);
}

#[tokio::test]
async fn with_several_apps_the_operator_says_which_is_the_default() {
    let hello = Author::new("hello");
    hello.publish("1.0.0", LINUX, &program("1.0.0", 5000));
    let other = Author::with_store("other", &hello.project.store);
    other.publish("2.0.0", LINUX, &program("2.0.0", 5000));
    let undecided = Server::start(&hello.store());
    let got = get(&undecided.url("/latest.json")).await;
    assert_eq!((got.status, got.code().as_str()), (404, "no_default_app"));
    assert_eq!(get(&undecided.url("/other/latest.json")).await.json()["version"], "2.0.0");
    let decided = Server::start_with(&hello.store(), |config| config.default_app = Some(other.project.app.clone()));
    assert_eq!(get(&decided.url("/latest.json")).await.json()["version"], "2.0.0");
    assert_eq!(get(&decided.url("/nobody/latest.json")).await.code(), "unknown_app");
}

/// A client that knows nothing of Upstep: it compares `version` with its own, downloads the URL of
/// its system, and replaces the program.
#[cfg(unix)]
async fn simple_client(latest: &str, program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let own = run(program);
    let latest = get(latest).await.json();
    if latest["version"] == own.as_str() {
        return false;
    }
    let download = get(latest["url_linux"].as_str().expect("a URL of its system")).await;
    let new = program.with_extension("new");
    std::fs::write(&new, download.body).expect("a file");
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    std::fs::rename(&new, program).expect("a rename");
    true
}

/// The version that a program prints.
#[cfg(unix)]
fn run(program: &Path) -> String {
    let output = Command::new("sh").arg(program).output().expect("a program that runs");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[cfg(unix)]
#[tokio::test]
async fn a_client_that_knows_nothing_of_upstep_keeps_itself_up_to_date() {
    let script = |version: &str| format!("#!/bin/sh\necho {version}\n").into_bytes();
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &script("1.0.0"));
    let server = Server::start(&author.store());
    let folder = tempfile::tempdir().expect("a folder");
    let installed = folder.path().join("hello");
    std::fs::write(&installed, script("1.0.0")).expect("a program");
    let latest = server.url("/latest.json");
    assert!(!simple_client(&latest, &installed).await, "it is current");
    author.publish("1.1.0", LINUX, &script("1.1.0"));
    eventually(&latest, |got| got.json()["version"] == "1.1.0").await;
    assert!(simple_client(&latest, &installed).await);
    assert_eq!(run(&installed), "1.1.0");
    assert!(!simple_client(&latest, &installed).await, "it does not download for ever");
    author.publish("1.2.0", WINDOWS, &script("1.2.0"));
    eventually(&server.url("/hello/download/stable/windows"), |got| got.status == 200).await;
    assert_eq!(get(&latest).await.code(), "unknown_release", "no release has both systems");
    author.publish("1.2.0", LINUX, &script("1.2.0"));
    eventually(&latest, |got| got.status == 200).await;
    assert!(simple_client(&latest, &installed).await);
    assert_eq!(run(&installed), "1.2.0");
}
