//! Bodies: small documents from memory, blobs from a file or the store, whole or in part.

use crate::catalog::Document;
use crate::range::Wanted;
use crate::refusal::Refusal;
use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, EntityTag, Header as _, IF_RANGE, IfNoneMatch,
    RANGE,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures::stream::{self, LocalBoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use upstep_model::Digest;
use upstep_store::{Store, StoreError};

/// How long an answer may be kept by clients and by proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// For ever: the path names the content.
    Immutable,
    /// For a minute.
    Minute,
    /// Asked for again each time; the ETag makes that cheap.
    Revalidate,
}

impl Cache {
    /// The header's value.
    pub fn header(self) -> &'static str {
        match self {
            Cache::Immutable => "public, max-age=31536000, immutable",
            Cache::Minute => "public, max-age=60",
            Cache::Revalidate => "no-cache",
        }
    }
}

/// Parts of a file up to this length are read on the thread that sends them: handing the read to
/// another one costs more than the read.
const INLINE: u64 = 1 << 20;
const INLINE_CHUNK: u64 = 64 << 10;
const HANDED_CHUNK: u64 = 256 << 10;

/// Bytes on their way.
pub type ByteStream = LocalBoxStream<'static, Result<Bytes, io::Error>>;

/// Answers with a document, or with 304 where the client has it.
pub fn document(request: &HttpRequest, document: &Document, content_type: &str, cache: Cache) -> HttpResponse {
    if has_it(request, &document.digest) {
        return not_modified(&document.digest, cache);
    }
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, content_type))
        .insert_header((ETAG, etag(&document.digest)))
        .insert_header((CACHE_CONTROL, cache.header()))
        .body(document.bytes.clone())
}

/// Answers with a blob or a part of it, or with 304 where the client has it. The ETag is the blob's
/// digest, so that a download can go on at another replica than it began at.
pub async fn blob(request: &HttpRequest, store: &Store, path: &str, digest: &Digest) -> Result<HttpResponse, Refusal> {
    if has_it(request, digest) {
        return Ok(not_modified(digest, Cache::Immutable));
    }
    let stored = Stored::find(store, path).await?;
    let headers = request.headers();
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    // A part of something else than the client has the beginning of would be useless to it.
    let is_same = headers.get(IF_RANGE).is_none_or(|known| known.as_bytes() == etag(digest).to_string().as_bytes());
    let wanted = Wanted::parse(range.filter(|_| is_same && request.method() == Method::GET), stored.size);
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "application/octet-stream"))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((ETAG, etag(digest)));
    let size = stored.size;
    let part = match wanted {
        Wanted::Whole => 0..size,
        Wanted::Part(part) => {
            let place = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            response.status(StatusCode::PARTIAL_CONTENT).insert_header((CONTENT_RANGE, place));
            part
        }
        Wanted::Unsatisfiable => {
            return Ok(response
                .status(StatusCode::RANGE_NOT_SATISFIABLE)
                .insert_header((CONTENT_RANGE, format!("bytes */{size}")))
                .insert_header((CACHE_CONTROL, "no-store"))
                .finish());
        }
    };
    response.insert_header((CACHE_CONTROL, Cache::Immutable.header()));
    let length = part.end - part.start;
    if request.method() == Method::HEAD {
        return Ok(response.body(SizedStream::new(length, stream::empty::<Result<Bytes, io::Error>>())));
    }
    Ok(response.body(SizedStream::new(length, stored.part(part).await?)))
}

/// An object of the store, found but not read.
pub struct Stored<'a> {
    store: &'a Store,
    path: &'a str,
    file: Option<File>,
    /// Its length in bytes.
    pub size: u64,
}

impl<'a> Stored<'a> {
    /// Finds it; a folder's objects are opened as files, which is many times cheaper than going
    /// through the store.
    pub async fn find(store: &'a Store, path: &'a str) -> Result<Self, Refusal> {
        if let Some(local) = store.local_path(path) {
            let failed = |source| Refusal::Read { path: path.to_owned(), source };
            let file = match File::open(local) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Refusal::NotFound),
                Err(error) => return Err(failed(error)),
            };
            let metadata = file.metadata().map_err(failed)?;
            if !metadata.is_file() {
                return Err(Refusal::NotFound);
            }
            return Ok(Stored { store, path, file: Some(file), size: metadata.len() });
        }
        let entry = store.entry(path).await?.ok_or(Refusal::NotFound)?;
        Ok(Stored { store, path, file: None, size: entry.size })
    }

    /// The bytes of a part.
    pub async fn part(self, part: Range<u64>) -> Result<ByteStream, Refusal> {
        if part.is_empty() {
            return Ok(stream::empty().boxed_local());
        }
        match self.file {
            Some(file) => Ok(file_part(file, part).boxed_local()),
            None => {
                let download = self.store.get_range(self.path, part.start, Some(part.end)).await?;
                Ok(download.stream.map_err(|error: StoreError| io::Error::other(error)).boxed_local())
            }
        }
    }
}

/// A part of a file, piece by piece; fails where the file has become shorter.
fn file_part(file: File, part: Range<u64>) -> impl futures::Stream<Item = Result<Bytes, io::Error>> {
    let is_inline = part.end - part.start <= INLINE;
    let chunk = if is_inline { INLINE_CHUNK } else { HANDED_CHUNK };
    stream::try_unfold((file, part.start), move |(mut file, at)| async move {
        let length = chunk.min(part.end - at);
        if length == 0 {
            return Ok(None);
        }
        let read = move || read_at(&mut file, at, length).map(|bytes| (bytes, file));
        let (bytes, file) = if is_inline { read()? } else { web::block(read).await.map_err(io::Error::other)?? };
        Ok(Some((bytes, (file, at + length))))
    })
}

fn read_at(file: &mut File, at: u64, length: u64) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(length as usize);
    file.seek(SeekFrom::Start(at))?;
    file.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.into())
}

/// Whether `If-None-Match` names this content.
pub fn has_it(request: &HttpRequest, digest: &Digest) -> bool {
    if !request.headers().contains_key(IfNoneMatch::name()) {
        return false;
    }
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(&etag(digest))),
        Err(_) => false,
    }
}

/// The answer to a client that has this content.
pub fn not_modified(digest: &Digest, cache: Cache) -> HttpResponse {
    HttpResponse::NotModified()
        .insert_header((ETAG, etag(digest)))
        .insert_header((CACHE_CONTROL, cache.header()))
        .finish()
}

/// The strong ETag of some content.
pub fn etag(digest: &Digest) -> EntityTag {
    EntityTag::new_strong(digest.to_string())
}
