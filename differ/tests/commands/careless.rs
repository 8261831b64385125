//! An S3 that ignores `If-None-Match: *`: it answers 200 and overwrites, as some do.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Serves one bucket from memory until the test ends.
pub fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut objects = BTreeMap::new();
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that goes away in mid-request is no concern of the others.
            let _ = answer(stream, &mut objects);
        }
    });
    address
}

fn key_of_bucket(target: &str) -> &str {
    target.split('?').next().unwrap_or_default().trim_end_matches('/')
}

/// One request for each connection is enough.
fn answer(mut stream: TcpStream, objects: &mut BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim().to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let key = target.split('?').next().unwrap_or_default().to_owned();
    let (status, body) = match method.as_str() {
        "PUT" => {
            objects.insert(key, body);
            ("200 OK", Vec::new())
        }
        "GET" if target.contains("list-type=2") => {
            let empty = r#"<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"#;
            ("200 OK", empty.as_bytes().to_vec())
        }
        "GET" | "HEAD" => match objects.get(&key) {
            Some(bytes) => ("200 OK", bytes.clone()),
            None => ("404 Not Found", Vec::new()),
        },
        // The only POST is that of several deletes: what is asked for is answered as done.
        "POST" => {
            let asked = String::from_utf8_lossy(&body).into_owned();
            let key = asked.split("<Key>").nth(1).and_then(|rest| rest.split("</Key>").next()).unwrap_or_default();
            objects.remove(&format!("{}/{key}", key_of_bucket(&target)));
            let done =
                format!(r#"<?xml version="1.0"?><DeleteResult><Deleted><Key>{key}</Key></Deleted></DeleteResult>"#);
            ("200 OK", done.into_bytes())
        }
        _ => ("204 No Content", Vec::new()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"{length}\"\r\n\
         Last-Modified: Tue, 24 Nov 2026 08:00:00 GMT\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    if method != "HEAD" {
        stream.write_all(&body)?;
    }
    stream.flush()
}
