//! HTTPS.

use crate::support::{Author, LINUX, PATIENCE, Server, program};
use patch_server::{Signal, TlsFiles};
use std::path::Path;
use std::time::{Duration, Instant};

/// A certificate for localhost that signs itself, written as PEM; the certificate in DER.
fn self_signed(folder: &Path) -> (TlsFiles, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).expect("a file");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("a file");
    (files, made.cert.der().to_vec())
}

/// A client that trusts this certificate alone.
fn client(server: &Server, certificate: &[u8]) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_der(certificate).expect("a certificate");
    reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .pool_max_idle_per_host(0)
        .tls_certs_only([certificate])
        .resolve("localhost", server.address)
        .build()
        .expect("a client")
}

fn url(server: &Server, path: &str) -> String {
    format!("https://localhost:{}{path}", server.address.port())
}

#[tokio::test]
async fn everything_is_served_over_https_and_the_certificate_is_replaced_while_it_runs() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 400_000));
    let folder = tempfile::tempdir().expect("a folder");
    let (files, first) = self_signed(folder.path());
    let server = Server::start_with(&author.store(), |config| config.tls = Some(files));
    let with_first = client(&server, &first);
    let latest = with_first.get(url(&server, "/latest.json")).send().await.expect("an answer");
    let latest: serde_json::Value = serde_json::from_slice(&latest.bytes().await.expect("a body")).expect("JSON");
    let program_url = latest["url_linux"].as_str().expect("a URL");
    assert!(program_url.starts_with(&url(&server, "/")), "{program_url}");
    let got = with_first.get(program_url).send().await.expect("an answer").bytes().await.expect("a body");
    assert!(got == program("1.0.0", 400_000));

    let (_, second) = self_signed(folder.path());
    let with_second = client(&server, &second);
    assert!(with_second.get(url(&server, "/healthz")).send().await.is_err(), "not shown before it is told");
    server.tell(Signal::Reload).await;
    until(&with_second, &url(&server, "/healthz")).await;
    // A session of the first client would be resumed, without a look at the certificate.
    let with_first = client(&server, &first);
    assert!(with_first.get(url(&server, "/healthz")).send().await.is_err());

    std::fs::write(folder.path().join("cert.pem"), "no certificate").expect("a file");
    server.tell(Signal::Reload).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let still = with_second.get(url(&server, "/healthz")).send().await.expect("the former certificate stays");
    assert_eq!(still.status(), 200);
}

async fn until(client: &reqwest::Client, url: &str) {
    let deadline = Instant::now() + PATIENCE;
    while client.get(url).send().await.is_err() {
        assert!(Instant::now() < deadline, "{url} does not answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
