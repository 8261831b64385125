//! An author who publishes, a server in a thread of its own, and a client that asks.

use differ::init;
use differ::progress::Quiet;
use differ::project::Project;
use differ::publish::{PublishRequest, publish};
use patch_server::{Config, Signal, run_with_signals};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::mpsc;
use upstep_model::index::{MAX_COMPRESSED, MAX_JSON};
use upstep_model::{AppName, Digest, Index, Platform, Rollout, Version, paths};

pub const LINUX: &str = "x86_64-unknown-linux-gnu";
pub const WINDOWS: &str = "x86_64-pc-windows-msvc";
pub const DARWIN: &str = "universal-apple-darwin";

/// How long a test waits for what must come: it fails after that, and nothing is measured.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn version(text: &str) -> Version {
    Version::parse(text).expect("a version")
}

/// One app with its keys, in a store of its own or beside others.
pub struct Author {
    folder: TempDir,
    pub project: Project,
}

impl Author {
    /// A new app in a store of its own.
    pub fn new(app: &str) -> Author {
        Author::with_store(app, "releases")
    }

    /// A new app in a store that is there.
    pub fn with_store(app: &str, store: &str) -> Author {
        let folder = TempDir::new().expect("a temporary folder");
        let mut args = init::Args::new(AppName::parse(app).expect("a name"));
        args.store = store.to_owned();
        let project =
            init::init(&args, &folder.path().join("upstep.toml"), None, jiff::Timestamp::now()).expect("a new project");
        Author { folder, project }
    }

    /// Where the store is.
    pub fn store(&self) -> PathBuf {
        PathBuf::from(&self.project.store)
    }

    /// Where the keys are.
    pub fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// A path of the store.
    pub fn in_store(&self, path: &str) -> PathBuf {
        self.store().join(path)
    }

    /// Publishes a program to everybody.
    pub fn publish(&self, version_text: &str, platform: &str, program: &[u8]) {
        self.publish_to(version_text, platform, program, Rollout::FULL);
    }

    /// Publishes a program to a share of the clients.
    pub fn publish_to(&self, version_text: &str, platform: &str, program: &[u8], share: Rollout) {
        let file = self.folder.path().join(format!("{version_text}-{platform}"));
        std::fs::write(&file, program).expect("a file");
        let request = PublishRequest {
            files: vec![file],
            version: Some(version(version_text)),
            platform: Some(platform.to_owned()),
            percent: Some(share),
            no_probe: true,
            ..PublishRequest::default()
        };
        publish(&self.project, &request, &Quiet).expect("a publish");
    }

    /// Withdraws a release.
    pub fn yank(&self, version_text: &str) {
        let selection = differ::change::Selection { version: version(version_text), channel: None, platform: None };
        differ::change::change(&self.project, &selection, |release| !std::mem::replace(&mut release.yanked, true))
            .expect("a yank");
    }

    /// The index of a platform, as the folder has it.
    pub fn index(&self, platform: &str) -> Index {
        let (path, _) = self.index_file(platform);
        let bytes = std::fs::read(path).expect("the index");
        assert!(bytes.len() as u64 <= MAX_COMPRESSED);
        Index::from_json(&upstep_codec::frame::decompress(&bytes, MAX_JSON).expect("a frame")).expect("an index")
    }

    /// The newest file of a platform's index, and the name of its target.
    pub fn index_file(&self, platform: &str) -> (PathBuf, String) {
        let platform = Platform::parse(platform).expect("a triple");
        let target = paths::index_target(&self.project.channel, &platform);
        let app = &self.project.app;
        let read = |path: String| std::fs::read(self.in_store(&format!("{app}/{path}"))).expect("metadata");
        let timestamp = upstep_trust::parse_timestamp(&read("metadata/timestamp.json".into())).expect("a timestamp");
        let snapshot = read(format!("metadata/{}.snapshot.json", timestamp.snapshot.version));
        let snapshot = upstep_trust::parse_snapshot(&snapshot).expect("a snapshot");
        let targets = read(format!("metadata/{}.targets.json", snapshot.targets.version));
        let targets = upstep_trust::parse_targets(&targets).expect("targets");
        let digest = targets.targets[&target].digest;
        (self.in_store(&paths::target(app, &digest, &target)), target)
    }
}

/// A program of some kilobytes that is much like that of other versions.
pub fn program(version: &str, length: usize) -> Vec<u8> {
    let mut bytes = format!("program {version}\n").into_bytes();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    // A change of its own in the middle.
    let changed = Digest::of(version.as_bytes());
    let middle = bytes.len() / 2;
    let end = (middle + 32).min(bytes.len());
    bytes[middle..end].copy_from_slice(&changed.as_bytes()[..end - middle]);
    bytes
}

/// A server in a thread of its own; it is stopped when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    signals: mpsc::Sender<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves a folder.
    pub fn start(store: &Path) -> Server {
        Server::start_with(store, |_| {})
    }

    /// Serves a folder with other settings than the defaults.
    pub fn start_with(store: &Path, configure: impl FnOnce(&mut Config)) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut config = Config::new(store.to_str().expect("a path in UTF-8"));
        config.workers = Some(2);
        configure(&mut config);
        let (signals, received) = mpsc::channel(4);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(run_with_signals(listener, config, received)).expect("the server ends without an error");
        });
        Server { address, signals, thread: Some(thread) }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Tells it something.
    pub async fn tell(&self, signal: Signal) {
        self.signals.send(signal).await.expect("it runs");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.signals.try_send(Signal::Stop);
        let _ = self.signals.try_send(Signal::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the server failed");
        }
    }
}

/// What a client got.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The code of a refusal.
    pub fn code(&self) -> String {
        let json = self.json();
        assert!(json["message"].is_string(), "{json}");
        json["code"].as_str().expect("a code").to_owned()
    }
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client")
}

/// A GET with headers.
pub async fn get_with(url: &str, headers: &[(&str, &str)]) -> Got {
    let request = headers.iter().fold(client().get(url), |request, (name, value)| request.header(*name, *value));
    got(request).await
}

/// A GET.
pub async fn get(url: &str) -> Got {
    get_with(url, &[]).await
}

/// A HEAD.
pub async fn head(url: &str) -> Got {
    got(client().head(url)).await
}

async fn got(request: reqwest::RequestBuilder) -> Got {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Got { status, headers, body: response.bytes().await.expect("a whole body").to_vec() }
}

/// Asks again and again until the answer is as it should become.
pub async fn eventually(url: &str, is_right: impl Fn(&Got) -> bool) -> Got {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let got = get(url).await;
        if is_right(&got) {
            return got;
        }
        assert!(Instant::now() < deadline, "{url} still answers {} {}", got.status, String::from_utf8_lossy(&got.body));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
