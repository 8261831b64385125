//! Bad input: an error that names it, exit code not 0, the store as it was.

use crate::sandbox::{LINUX, Sandbox, WINDOWS, program, unmarked};

/// A store with one release, and the program of the next.
fn one() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    let next = sandbox.program(LINUX, "1.1.0");
    (sandbox, next)
}

#[test]
fn not_a_file() {
    let (sandbox, _) = one();
    let error = sandbox.fails(&["publish", "keys"]);
    assert_eq!(error, "error: keys is not a file\n");
    let error = sandbox.fails(&["publish", "missing"]);
    assert!(error.starts_with("error: can't read missing\ncaused by: "), "{error}");
}

#[test]
fn one_bad_file_among_good_ones() {
    let (sandbox, next) = one();
    let empty = sandbox.file("empty", b"");
    sandbox.fails(&["publish", &next, &sandbox.program(WINDOWS, "1.1.0"), &empty]);
}

#[test]
fn an_empty_file() {
    let (sandbox, _) = one();
    let error = sandbox.fails(&["publish", "--version", "1.1.0", &sandbox.file("empty", b"")]);
    assert!(error.contains("empty is empty"), "{error}");
}

/// Nobody may read it, not even root: reading fails with an input/output error.
#[cfg(target_os = "linux")]
#[test]
fn an_unreadable_file() {
    let (sandbox, _) = one();
    let error = sandbox.fails(&["publish", "--version", "1.1.0", "--platform", LINUX, "/proc/self/mem"]);
    assert!(error.starts_with("error: can't read /proc/self/mem\ncaused by: "), "{error}");
}

#[cfg(unix)]
#[test]
fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
    let (sandbox, _) = one();
    let made = std::process::Command::new("mkfifo").arg(sandbox.path("pipe")).status().expect("mkfifo");
    assert!(made.success());
    let error = sandbox.fails(&["publish", "pipe"]);
    assert_eq!(error, "error: pipe is not a file\n");
}

#[test]
fn an_unknown_platform() {
    let (sandbox, _) = one();
    let script = sandbox.file("script", b"#!/bin/sh\n");
    let error = sandbox.fails(&["publish", "--version", "1.1.0", &script]);
    assert!(error.contains("the platform of") && error.contains("hint: name it: --platform"), "{error}");
    for bad in ["plan9", "../x", "linux-pdp11", "X86_64-unknown-linux-gnu"] {
        let error = sandbox.fails(&["publish", "--version", "1.1.0", "--platform", bad, &script]);
        assert!(error.contains("platform") && error.contains(bad), "{error}");
    }
}

#[test]
fn a_platform_that_the_header_contradicts() {
    let (sandbox, _) = one();
    let file = sandbox.file("linux", &unmarked(LINUX, "2"));
    for other in [WINDOWS, "aarch64-unknown-linux-gnu", "windows", "darwin-aarch64"] {
        let error = sandbox.fails(&["publish", "--version", "1.1.0", "--platform", other, &file]);
        assert!(error.contains(&format!("is not for {other}: its header says {LINUX}")), "{error}");
    }
}

#[test]
fn a_platform_that_the_marker_contradicts() {
    let (sandbox, _) = one();
    let musl = "x86_64-unknown-linux-musl";
    let error = sandbox.fails(&["publish", "--platform", LINUX, &sandbox.program(musl, "1.1.0")]);
    assert!(error.contains(&format!("its marker says {musl}")), "{error}");
    let mut lie = unmarked(LINUX, "1.1.0");
    lie.extend(upstep_model::marker::bytes("hello", "1.1.0", WINDOWS));
    let error = sandbox.fails(&["publish", &sandbox.file("lie", &lie)]);
    assert!(error.contains("its header says") && error.contains(WINDOWS), "{error}");
}

#[test]
fn an_ambiguous_alias_lists_the_choices() {
    let (sandbox, _) = one();
    let file = sandbox.file("static", &unmarked(LINUX, "static"));
    let error = sandbox.fails(&["publish", "--version", "1.1.0", "--platform", "linux", &file]);
    assert!(error.contains("can be any of x86_64-unknown-linux-gnu, x86_64-unknown-linux-musl"), "{error}");
    assert!(error.contains("hint: name one of them"), "{error}");
}

#[test]
fn a_version_that_the_marker_contradicts() {
    let (sandbox, next) = one();
    let error = sandbox.fails(&["publish", "--version", "1.2.0", &next]);
    assert!(error.contains("believes to be version 1.1.0, not 1.2.0"), "{error}");
}

#[test]
fn no_version_at_all() {
    let (sandbox, _) = one();
    let error = sandbox.fails(&["publish", &sandbox.file("unmarked", &unmarked(LINUX, "2"))]);
    assert!(error.contains("hint: name it: --version"), "{error}");
}

#[test]
fn a_bad_version() {
    let (sandbox, next) = one();
    for bad in ["", "one", "1.1", "1.1.0+build", "v1.1.0"] {
        let error = sandbox.fails(&["publish", "--version", bad, &next]);
        assert!(error.contains("version"), "{bad}: {error}");
    }
}

#[test]
fn another_app() {
    let (sandbox, _) = one();
    let mut other = unmarked(LINUX, "1.1.0");
    other.extend(upstep_model::marker::bytes("goodbye", "1.1.0", LINUX));
    let error = sandbox.fails(&["publish", &sandbox.file("other", &other)]);
    assert!(error.contains("is the app goodbye, not hello"), "{error}");
}

#[test]
fn two_files_of_one_platform() {
    let (sandbox, next) = one();
    let copy = sandbox.file("copy", &program(LINUX, "1.1.0"));
    let error = sandbox.fails(&["publish", &next, &copy]);
    assert!(error.contains("are both for x86_64-unknown-linux-gnu"), "{error}");
}

#[test]
fn bad_notes() {
    let (sandbox, next) = one();
    let long = sandbox.file("long", &vec![b'a'; 70_000]);
    let binary = sandbox.file("binary", &[0xff, 0xfe]);
    for (notes, reason) in [("missing", "can't read missing"), (&long, "65536 bytes"), (&binary, "can't read")] {
        let error = sandbox.fails(&["publish", "--notes", notes, &next]);
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn no_project() {
    let (sandbox, next) = one();
    let error = sandbox.fails(&["--project", "elsewhere/upstep.toml", "publish", &next]);
    assert!(error.contains("elsewhere/upstep.toml") && error.contains("hint: run `differ init"), "{error}");
    sandbox.file("upstep.toml", b"app = 'hello'\n");
    let error = sandbox.fails(&["publish", &next]);
    assert!(error.contains("store"), "{error}");
}

#[test]
fn a_missing_key() {
    let (sandbox, next) = one();
    std::fs::remove_file(sandbox.path("keys/snapshot.pem")).expect("a key");
    for args in [&["publish", &next][..], &["yank", "1.0.0"], &["rollout", "1.0.0", "5"], &["prune", "--keep", "1"]] {
        let error = sandbox.fails(args);
        assert!(error.contains("no snapshot key") && error.contains("snapshot.pem"), "{error}");
    }
}

#[test]
fn a_wrong_key() {
    let (sandbox, next) = one();
    std::fs::copy(sandbox.path("keys/timestamp.pem"), sandbox.path("keys/targets.pem")).expect("a key");
    let error = sandbox.fails(&["publish", &next]);
    assert!(error.contains("wrong targets key"), "{error}");
    sandbox.file("keys/targets.pem", b"-----BEGIN NONSENSE-----\n");
    let error = sandbox.fails(&["publish", &next]);
    assert!(error.contains("targets.pem") && error.contains("not a private key"), "{error}");
}

#[test]
fn the_keys_of_another_project() {
    let (sandbox, _) = one();
    let store = sandbox.path("releases");
    let other = Sandbox::with_store(store.to_str().expect("text"));
    let before = sandbox.listing();
    let output = other.run(&["publish", &other.program(LINUX, "1.1.0")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(sandbox.listing(), before);
}

#[test]
fn a_wrong_passphrase() {
    let sandbox = Sandbox::new();
    for name in ["upstep.toml", "upstep.root.json"] {
        std::fs::remove_file(sandbox.path(name)).expect("a file");
    }
    std::fs::remove_dir_all(sandbox.path("keys")).expect("a folder");
    let with = |passphrase: &str, args: &[&str]| {
        sandbox.command(args).env("UPSTEP_PASSPHRASE", passphrase).output().expect("the command starts")
    };
    assert!(with("correct", &["init", "--app", "hello"]).status.success());
    let file = sandbox.program(LINUX, "1.0.0");
    let wrong = with("battery", &["publish", &file]);
    let error = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(error.contains("wrong passphrase"), "{error}");
    assert!(sandbox.listing().is_empty());
    assert!(with("correct", &["publish", &file]).status.success());
}

#[test]
fn a_store_that_cannot_be_written() {
    let sandbox = Sandbox::new();
    let file = sandbox.program(LINUX, "1.0.0");
    // A file where a folder should be: permissions would not stop root.
    sandbox.file("releases", b"no folder");
    let error = sandbox.fails(&["publish", &file]);
    assert!(error.contains("releases"), "{error}");
    std::fs::remove_file(sandbox.path("releases")).expect("a file");
    std::fs::create_dir(sandbox.path("releases")).expect("a folder");
    sandbox.file("releases/hello", b"no folder");
    let error = sandbox.fails(&["publish", &file]);
    assert!(error.contains("hello"), "{error}");
}

#[test]
fn a_store_that_is_not_there() {
    let sandbox = Sandbox::new();
    for args in [&["list"][..], &["verify"], &["yank", "1.0.0"], &["prune"]] {
        let error = sandbox.fails(args);
        assert!(error.contains("cannot open the store") && error.contains("hint:"), "{error}");
    }
}

#[test]
fn a_store_without_a_release() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("releases")).expect("a folder");
    for args in [&["verify"][..], &["prune"]] {
        let error = sandbox.fails(args);
        assert!(error.contains("has no release of hello yet"), "{error}");
    }
    assert!(sandbox.ok(&["list"]).contains("no release of hello yet"));
}

/// Publishes to a bucket at `address`; what the command says on standard error.
fn publish_to_s3(address: std::net::SocketAddr) -> String {
    let sandbox = Sandbox::with_store("s3://patches/releases");
    let file = sandbox.program(LINUX, "1.0.0");
    let mut command = sandbox.command(&["publish", &file]);
    command.env("AWS_ENDPOINT", format!("http://{address}"));
    command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    let output = command.output().expect("the command starts");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    error
}

#[test]
fn a_store_that_does_not_answer() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let error = publish_to_s3(port);
    assert!(error.contains("cannot read hello/metadata/timestamp.json in the store"), "{error}");
}

#[test]
fn a_store_that_ignores_create_only_writes() {
    let error = publish_to_s3(crate::careless::serve());
    assert!(error.contains("s3://patches/releases ignores create-only writes (If-None-Match: *)"), "{error}");
    assert!(error.contains("hint: use a store that honours"), "{error}");
}

/// A limit on the length of files stands for a full disk: each write past it fails.
#[cfg(unix)]
#[test]
fn a_full_disk() {
    let sandbox = Sandbox::new();
    let file = sandbox.program(LINUX, "1.0.0");
    let script = r#"trap "" XFSZ; ulimit -f 8; exec "$0" "$@""#;
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_differ"), "publish", "--no-probe", &file])
        .current_dir(sandbox.path(""));
    let output = command.output().expect("the command starts");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot create hello/blobs/") && error.contains("caused by:"), "{error}");
    assert!(sandbox.listing().is_empty(), "{:?}", sandbox.listing());
    sandbox.ok(&["publish", &file]);
    sandbox.ok(&["verify"]);
}
