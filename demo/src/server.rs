//! A real patch-server in a process of its own, and its log.

use crate::Outcome;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The server; it is stopped when dropped.
pub struct Server {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
    url: String,
}

impl Server {
    /// Starts it on a free port and waits until it listens.
    pub fn start(program: &Path, store: &Path) -> Outcome<Self> {
        let mut child = Command::new(program)
            .args(["--port", "0", "--log-format", "json", "--store"])
            .arg(store)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} did not start: {error}", program.display()))?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let reader = child.stderr.take().map(|stderr| {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    match serde_json::from_str(&line) {
                        Ok(entry) => lock(&log).push(entry),
                        Err(_) => eprintln!("patch-server: {line}"),
                    }
                }
            })
        });
        let mut server = Server { child, log, reader, url: String::new() };
        server.url = server.listening()?;
        Ok(server)
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Bytes of bodies that it sent for blobs, by its own access log.
    pub fn blob_bytes(&self) -> u64 {
        let log = lock(&self.log);
        let blobs = log
            .iter()
            .filter(|entry| find(entry, "path").and_then(Value::as_str).is_some_and(|path| path.contains("/blobs/")));
        blobs.filter_map(|entry| find(entry, "bytes").and_then(Value::as_u64)).sum()
    }

    /// Waits until it serves a commit: it looks for new ones each second.
    pub fn wait_for_commit(&mut self, number: u64) -> Outcome<()> {
        self.wait_for("did not serve the new release", |entry| {
            find(entry, "commit").and_then(Value::as_u64).filter(|served| *served >= number).map(|_| ())
        })
    }

    fn listening(&mut self) -> Outcome<String> {
        self.wait_for("did not say where it listens", |entry| {
            find(entry, "address").and_then(Value::as_str).map(|address| format!("http://{address}"))
        })
    }

    /// Waits for an entry of the log.
    fn wait_for<T>(&mut self, failure: &str, wanted: impl Fn(&Value) -> Option<T>) -> Outcome<T> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            let found = lock(&self.log).iter().find_map(&wanted);
            if let Some(found) = found {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("patch-server ended: {status}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("patch-server {failure} within 30 s").into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It holds nothing that has to be finished: the demo's clients are done.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn lock(log: &Mutex<Vec<Value>>) -> std::sync::MutexGuard<'_, Vec<Value>> {
    log.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A field of a log entry: at its top, or among the event's own.
fn find<'a>(entry: &'a Value, name: &str) -> Option<&'a Value> {
    entry.get(name).or_else(|| entry.get("fields")?.get(name))
}
