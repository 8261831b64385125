//! A file host that knows nothing of Upstep, and a proxy: both can be told to misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// How many requests of this path came before.
    pub earlier: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn is_blob(&self) -> bool {
        self.path.contains("/blobs/")
    }
}

/// What is done with a request.
#[derive(Debug, Clone)]
pub enum Action {
    /// What a good host does.
    Serve,
    /// The body, but never a part of it: the host knows nothing of Range.
    NoRange,
    /// The connection is closed after so many bytes of the body.
    Cut(usize),
    /// Nothing more comes after so many bytes of the body, and the connection stays open.
    Stall(usize),
    /// The body, and then more and more of it, without a length.
    Flood,
    /// The body with one byte flipped.
    Flip,
    /// This status, with these header lines, without a body.
    Status(u16, &'static str),
    /// This body instead, with 200.
    Body(Vec<u8>),
    /// Moved to this URL.
    Redirect(String),
}

type Rule = dyn Fn(&Request) -> Action + Send + Sync;

/// A host that runs until the end of the test.
pub struct Host {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    origin: Origin,
    rule: Mutex<Arc<Rule>>,
    requests: Mutex<Vec<Request>>,
    /// Bytes of bodies that were sent.
    sent: Mutex<usize>,
}

enum Origin {
    Folder(PathBuf),
    Server(SocketAddr),
}

struct Answer {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Host {
    /// Serves the files of a folder.
    pub fn of_folder(folder: impl Into<PathBuf>) -> Host {
        Host::start(Origin::Folder(folder.into()))
    }

    /// Stands before another server.
    pub fn before(server: SocketAddr) -> Host {
        Host::start(Origin::Server(server))
    }

    fn start(origin: Origin) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let rule: Arc<Rule> = Arc::new(|_: &Request| Action::Serve);
        let shared =
            Arc::new(Shared { origin, rule: Mutex::new(rule), requests: Mutex::default(), sent: Mutex::default() });
        let host = Host { address, shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        host
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on requests are answered like this.
    pub fn rule(&self, rule: impl Fn(&Request) -> Action + Send + Sync + 'static) {
        *self.shared.rule.lock().expect("no panic") = Arc::new(rule);
    }

    /// Forgets the requests so far and returns them.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.shared.requests.lock().expect("no panic"))
    }

    /// Bytes of bodies that were sent so far.
    pub fn sent(&self) -> usize {
        *self.shared.sent.lock().expect("no panic")
    }
}

impl Shared {
    /// One request, one connection.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let request = read_request(&stream, |path| {
            self.requests.lock().expect("no panic").iter().filter(|request| request.path == path).count()
        })?;
        self.requests.lock().expect("no panic").push(request.clone());
        let rule = self.rule.lock().expect("no panic").clone();
        let action = rule(&request);
        let mut answer = match &action {
            Action::Status(status, headers) => {
                Answer { status: *status, headers: vec![(*headers).to_owned()], body: Vec::new() }
            }
            Action::Body(body) => Answer { status: 200, headers: Vec::new(), body: body.clone() },
            Action::Redirect(url) => {
                Answer { status: 302, headers: vec![format!("location: {url}")], body: Vec::new() }
            }
            Action::NoRange => self.origin(&Request { headers: Vec::new(), ..request })?,
            _ => self.origin(&request)?,
        };
        answer.headers.retain(|line| !line.is_empty());
        if matches!(action, Action::Flip) && !answer.body.is_empty() {
            let middle = answer.body.len() / 2;
            answer.body[middle] ^= 0x10;
        }
        let mut stream = stream;
        let mut head = format!("HTTP/1.1 {} -\r\nconnection: close\r\n", answer.status);
        if !matches!(action, Action::Flood) && answer.status != 304 && answer.status != 204 {
            head.push_str(&format!("content-length: {}\r\n", answer.body.len()));
        }
        for line in &answer.headers {
            head.push_str(&format!("{line}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
        match action {
            Action::Cut(bytes) => self.send(&mut stream, &answer.body[..bytes.min(answer.body.len())]),
            Action::Stall(bytes) if bytes < answer.body.len() => {
                self.send(&mut stream, &answer.body[..bytes])?;
                // The other side gives up first.
                stream.set_read_timeout(Some(Duration::from_secs(300))).ok()?;
                let _ = stream.read(&mut [0]);
                Some(())
            }
            Action::Flood => {
                self.send(&mut stream, &answer.body)?;
                let more = vec![0x55; 1 << 16];
                (0..1 << 12).try_for_each(|_| self.send(&mut stream, &more))
            }
            _ => self.send(&mut stream, &answer.body),
        }
    }

    fn send(&self, stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
        // Counted first: whoever has the last byte already finds it here.
        *self.sent.lock().expect("no panic") += bytes.len();
        stream.write_all(bytes).ok()
    }

    fn origin(&self, request: &Request) -> Option<Answer> {
        match &self.origin {
            Origin::Folder(folder) => Some(file(folder, request)),
            Origin::Server(address) => relay(*address, request),
        }
    }
}

fn read_request(stream: &TcpStream, earlier: impl Fn(&str) -> usize) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    for line in lines {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        let (key, value) = line.split_once(':')?;
        headers.push((key.to_owned(), value.trim().to_owned()));
    }
    let earlier = earlier(&path);
    Some(Request { path, headers, earlier })
}

/// What a plain file host answers: ETag, If-None-Match and Range, and 404 for what it does not have.
fn file(folder: &std::path::Path, request: &Request) -> Answer {
    let path = request.path.split('?').next().unwrap_or_default();
    let Ok(body) = std::fs::read(folder.join(path.trim_start_matches('/'))) else {
        return Answer { status: 404, headers: Vec::new(), body: b"<html>not here</html>".to_vec() };
    };
    let etag = format!("\"{}\"", upstep_model::Digest::of(&body).short());
    let mut headers = vec![format!("etag: {etag}")];
    if request.header("if-none-match") == Some(&etag) {
        return Answer { status: 304, headers, body: Vec::new() };
    }
    let range = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    match range {
        Some(start) if start < body.len() => {
            headers.push(format!("content-range: bytes {start}-{}/{}", body.len() - 1, body.len()));
            Answer { status: 206, headers, body: body[start..].to_vec() }
        }
        Some(_) => Answer { status: 416, headers, body: Vec::new() },
        None => Answer { status: 200, headers, body },
    }
}

/// What the server behind the proxy answers.
fn relay(address: SocketAddr, request: &Request) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    let mut head = format!("GET {} HTTP/1.0\r\nhost: {address}\r\n", request.path);
    for (key, value) in request.headers.iter().filter(|(key, _)| !matches!(key.as_str(), "host" | "connection")) {
        head.push_str(&format!("{key}: {value}\r\n"));
    }
    stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).ok()?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).ok()?;
    let end = all.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let ours = |line: &&str| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("content-length:")
            && !line.starts_with("connection:")
            && !line.starts_with("transfer-encoding:")
    };
    Some(Answer { status, headers: lines.filter(ours).map(str::to_owned).collect(), body: all[end + 4..].to_vec() })
}
