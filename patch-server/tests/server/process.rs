//! The command itself, as a process.

use crate::support::{Author, LINUX, PATIENCE, WINDOWS, get, program};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use upstep_model::Digest;

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patch-server"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("UPSTEP_")) {
        command.env_remove(name);
    }
    command
}

/// A running command with JSON logs; killed when it is dropped.
struct Running {
    child: Child,
    lines: Receiver<Value>,
    address: String,
}

impl Running {
    fn start(command: &mut Command) -> Running {
        let mut child = command
            .args(["--log-format", "json"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let stderr = BufReader::new(child.stderr.take().expect("standard error"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut running = Running { child, lines, address: String::new() };
        let listening = running.line(|line| line["message"] == "listening");
        running.address = listening["address"].as_str().expect("an address").to_owned();
        running
    }

    fn serving(store: &Path) -> Running {
        Running::start(command().args(["--port", "0", "--store"]).arg(store))
    }

    /// The next log line that is as it should be.
    fn line(&self, is_right: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).expect("a log line");
            if is_right(&line) {
                return line;
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn kill(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_stop_finishes_downloads_in_flight_and_takes_no_new_ones() {
    let author = Author::new("hello");
    // More than all buffers between the two hold, and incompressible.
    let length = 30 << 20;
    author.publish("1.0.0", LINUX, &program("1.0.0", length));
    let mut server = Running::serving(&author.store());
    let idle = TcpStream::connect(&server.address).expect("a connection");
    let full = &author.index(LINUX).releases[0].full;
    let mut slow = TcpStream::connect(&server.address).expect("a connection");
    slow.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(slow, "GET /hello/blobs/{} HTTP/1.1\r\nHost: a\r\n\r\n", full.digest).expect("a request");
    let mut got = vec![0; 1000];
    slow.read_exact(&mut got).expect("the beginning");

    server.kill(Signal::TERM);
    server.line(|line| line["message"].as_str().is_some_and(|message| message.starts_with("stopping")));
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(&server.address).is_ok_and(is_answered) {
        assert!(Instant::now() < deadline, "it still takes connections");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(server.child.try_wait().expect("a child").is_none(), "a download is in flight");
    let mut chunk = vec![0; 1 << 20];
    loop {
        let length = slow.read(&mut chunk).expect("more of it");
        if length == 0 {
            break;
        }
        got.extend_from_slice(&chunk[..length]);
        std::thread::sleep(Duration::from_millis(2));
    }
    let body = got.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    assert_eq!((got.len() - body) as u64, full.size);
    assert_eq!(Digest::of(&got[body..]), full.digest);
    assert!(server.ended().success());
    drop(idle);
}

fn is_answered(mut stream: TcpStream) -> bool {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let sent = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    sent.is_ok() && stream.read(&mut [0; 1]).is_ok_and(|length| length > 0)
}

#[tokio::test]
async fn ctrl_c_ends_an_idle_server_at_once() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let mut server = Running::serving(&author.store());
    let client = crate::support::client();
    let answer = client.get(server.url("/latest.json")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    server.kill(Signal::INT);
    assert!(server.ended().success(), "a connection that is kept alive does not hold it");
}

#[tokio::test]
async fn the_access_log_counts_the_bytes_of_each_body() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 200_000));
    let server = Running::serving(&author.store());
    let full = author.index(LINUX).releases[0].full.clone();
    let blob = format!("/hello/blobs/{}", full.digest);
    assert_eq!(get(&server.url(&blob)).await.body.len() as u64, full.size);
    let line = server.line(|line| line["path"] == blob.as_str());
    assert_eq!((&line["app"], &line["status"], &line["method"]), (&"hello".into(), &200.into(), &"GET".into()));
    assert_eq!((&line["bytes"], &line["complete"]), (&full.size.into(), &true.into()));
    assert!(line["duration_ms"].is_number() && line["target"] == "access", "{line}");
    crate::support::get_with(&server.url(&blob), &[("range", "bytes=10-19")]).await;
    assert_eq!(server.line(|line| line["status"] == 206)["bytes"], 10);
    crate::support::head(&server.url(&blob)).await;
    let line = server.line(|line| line["method"] == "HEAD");
    assert_eq!((&line["bytes"], &line["complete"]), (&0.into(), &true.into()));
    get(&server.url("/v1/update/hello/stable/linux/1.0.0")).await;
    let line = server.line(|line| line["status"] == 204);
    assert_eq!((&line["app"], &line["bytes"]), (&"hello".into(), &0.into()));
    let refused = get(&server.url("/hello/metadata/7.root.json")).await;
    assert_eq!(server.line(|line| line["status"] == 404)["bytes"], refused.body.len());

    // Given up after the head.
    author.publish("2.0.0", WINDOWS, &program("2.0.0", 30 << 20));
    let large = author.index(WINDOWS).releases[0].full.clone();
    let mut stream = TcpStream::connect(&server.address).expect("a connection");
    write!(stream, "GET /hello/blobs/{} HTTP/1.1\r\nHost: a\r\n\r\n", large.digest).expect("a request");
    stream.read_exact(&mut [0; 100]).expect("the beginning");
    drop(stream);
    let line = server.line(|line| line["path"].as_str().is_some_and(|path| path.ends_with(&large.digest.to_string())));
    assert_eq!(line["complete"], false);
    assert!(line["bytes"].as_u64().is_some_and(|bytes| bytes < large.size), "{line}");
}

fn failed(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("the command runs");
    let text = String::from_utf8_lossy(&stderr).into_owned();
    assert!(!status.success(), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[test]
fn what_hinders_the_start_is_said_clearly() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let text = failed(command().args(["--port", &port, "--store"]).arg(author.store()));
    assert!(text.contains(&format!("cannot listen on 127.0.0.1:{port}")) && text.contains("hint:"), "{text}");

    let missing = folder.path().join("nowhere");
    let text = failed(command().args(["--port", "0", "--store"]).arg(&missing));
    assert!(text.contains("nowhere") && text.contains("caused by:") && text.contains("hint:"), "{text}");
    let text = failed(command().args(["--port", "0", "--store", "ftp://a/b"]));
    assert!(text.contains("ftp://a/b"), "{text}");

    let (garbage, empty) = (file("garbage.pem", "garbage"), file("empty.pem", ""));
    for (certificate, key) in [(&garbage, &empty), (&missing, &empty)] {
        let text = failed(
            command()
                .args(["--port", "0", "--store"])
                .arg(author.store())
                .arg("--tls-cert")
                .arg(certificate)
                .arg("--tls-key")
                .arg(key),
        );
        assert!(
            text.contains("cannot use the certificate") && text.contains(certificate.to_str().expect("text")),
            "{text}"
        );
    }
    let pair = |name: &str| {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        (
            file(&format!("{name}.pem"), &made.cert.pem()),
            file(&format!("{name}.key"), &made.signing_key.serialize_pem()),
        )
    };
    let ((certificate, _), (_, other_key)) = (pair("one"), pair("two"));
    let text = failed(
        command()
            .args(["--port", "0", "--store"])
            .arg(author.store())
            .arg("--tls-cert")
            .arg(&certificate)
            .arg("--tls-key")
            .arg(&other_key),
    );
    assert!(text.contains("cannot use the private key") && text.contains("two.key"), "{text}");
    let text =
        failed(command().args(["--port", "0", "--store"]).arg(author.store()).arg("--tls-cert").arg(&certificate));
    assert!(text.contains("need each other"), "{text}");

    let config = file("typo.toml", "prot = 80\n");
    let text = failed(command().arg("--config").arg(&config));
    assert!(text.contains("typo.toml") && text.contains("prot"), "{text}");
    let text = failed(command().arg("--config").arg(&missing));
    assert!(text.contains("cannot use the configuration file"), "{text}");
    let text =
        failed(command().args(["--port", "0", "--resign-keys"]).arg(&missing).arg("--store").arg(author.store()));
    assert!(text.contains("cannot use the keys in"), "{text}");
    for bad in
        [["--port", "70000"], ["--host", "here"], ["--log-format", "xml"], ["--public-url", "x"], ["--prot", "1"]]
    {
        assert!(failed(command().args(bad)).contains(bad[0]), "{bad:?}");
    }
}

#[tokio::test]
async fn flags_go_before_variables_and_those_before_the_file() {
    let hello = Author::new("hello");
    hello.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let other = Author::new("other");
    other.publish("2.0.0", LINUX, &program("2.0.0", 20_000));
    let config = hello.store().with_extension("toml");
    let text = format!("store = {:?}\nport = 0\nlog-format = \"text\"\n", hello.store());
    std::fs::write(&config, text).expect("a file");
    let version = async |server: &Running| get(&server.url("/latest.json")).await.json()["version"].clone();

    let by_file = Running::start(command().arg("--config").arg(&config));
    assert_eq!(version(&by_file).await, "1.0.0");
    let by_variable =
        Running::start(command().env("UPSTEP_SERVER_CONFIG", &config).env("UPSTEP_SERVER_STORE", other.store()));
    assert_eq!(version(&by_variable).await, "2.0.0");
    let by_flag = Running::start(
        command()
            .env("UPSTEP_SERVER_CONFIG", &config)
            .env("UPSTEP_SERVER_STORE", other.store())
            .arg("--store")
            .arg(hello.store()),
    );
    assert_eq!(version(&by_flag).await, "1.0.0");
}

#[tokio::test]
async fn a_hangup_reads_the_certificate_again_and_changes_nothing_without_one() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let server = Running::serving(&author.store());
    server.kill(Signal::HUP);
    server.line(|line| line["message"].as_str().is_some_and(|message| message.contains("nothing to reload")));
    assert_eq!(get(&server.url("/healthz")).await.status, 200);
}

#[tokio::test]
async fn a_broken_app_is_reported_in_the_log() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let (index, _) = author.index_file(LINUX);
    std::fs::write(&index, "broken").expect("a file");
    let mut child = command()
        .args(["--port", "0", "--log-format", "json", "--store"])
        .arg(author.store())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let stderr = BufReader::new(child.stderr.take().expect("standard error"));
    let line = stderr.lines().map_while(Result::ok).find(|line| line.contains("can't be read")).expect("a report");
    child.kill().expect("it runs");
    child.wait().expect("a child");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&line["level"], &line["app"]), (&"ERROR".into(), &"hello".into()));
    assert!(line["error"].as_str().is_some_and(|error| error.contains("index.zst")), "{line}");
}
