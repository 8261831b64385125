//! An author who publishes to a store, and the server before it.

use differ::change::signer;
use differ::init;
use differ::progress::Quiet;
use differ::project::Project;
use differ::publish::{PublishRequest, publish};
use differ::published::Published;
use patch_server::{Config, Signal, run_with_signals};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::sync::mpsc;
use upstep_codec::{DiffOptions, Level};
use upstep_model::{AppName, Index, Version};

/// The platform of programs that do not say theirs.
pub const PLATFORM: &str = if cfg!(windows) { "x86_64-pc-windows-gnu" } else { "x86_64-unknown-linux-gnu" };

/// One app with its keys and a store of its own.
pub struct Author {
    pub folder: TempDir,
    pub project: Project,
}

impl Author {
    pub fn new(app: &str) -> Author {
        let folder = TempDir::new().expect("a temporary folder");
        let args = init::Args::new(AppName::parse(app).expect("a name"));
        let project =
            init::init(&args, &folder.path().join("upstep.toml"), None, jiff::Timestamp::now()).expect("a new project");
        Author { folder, project }
    }

    /// Changes what the indexes say beyond what `differ` has commands for.
    pub fn edit(&self, change: impl Fn(&mut Index) + Send + Sync) {
        let signer = signer(&self.project).expect("the keys are there");
        let edited = async |published: &Published| {
            let mut indexes = published.all_indexes(&signer.store).await?;
            indexes.iter_mut().for_each(&change);
            Ok(indexes)
        };
        differ::block_on(async || signer.commit(jiff::Timestamp::now(), edited).await)
            .and_then(|outcome| outcome)
            .expect("it is committed");
    }

    /// The same author with the same keys and a store of its own: publishing large programs takes
    /// time, so tests share what they have in common.
    pub fn copy(&self) -> Author {
        let folder = TempDir::new().expect("a temporary folder");
        copy_folder(self.folder.path(), folder.path());
        let project = Project::load(&folder.path().join("upstep.toml")).expect("the copied project");
        Author { folder, project }
    }

    pub fn store(&self) -> PathBuf {
        PathBuf::from(&self.project.store)
    }

    /// The public root.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("upstep.root.json")
    }

    /// Publishes a program that does not link the library.
    pub fn publish(&self, version: &str, program: &[u8]) {
        self.publish_as(version, program, |_| {});
    }

    pub fn publish_as(&self, version: &str, program: &[u8], change: impl FnOnce(&mut PublishRequest)) {
        let file = self.folder.path().join(format!("program-{version}"));
        std::fs::write(&file, program).expect("a program");
        let mut request = PublishRequest {
            files: vec![file],
            version: Some(Version::parse(version).expect("a version")),
            platform: Some(PLATFORM.to_owned()),
            no_probe: true,
            // Programs that are built here are large: what is not tested here is not waited for.
            coding: DiffOptions { level: Level::Fast, ..DiffOptions::default() },
            full_level: Some(1),
            ..PublishRequest::default()
        };
        change(&mut request);
        publish(&self.project, &request, &Quiet).expect("it is published");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => {
                std::fs::create_dir(&to).expect("a new folder");
                copy_folder(&entry.path(), &to);
            }
            false => {
                std::fs::copy(entry.path(), &to).expect("copied");
            }
        }
    }
}

/// A patch-server in a thread of its own.
pub struct Server {
    pub address: SocketAddr,
    signals: mpsc::Sender<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn before(author: &Author) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut config = Config::new(author.project.store.clone());
        config.workers = Some(2);
        let (signals, received) = mpsc::channel(4);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(run_with_signals(listener, config, received)).expect("the server ends without an error");
        });
        Server { address, signals, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.signals.try_send(Signal::Stop);
        let _ = self.signals.try_send(Signal::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
