//! The raw program: first installs, simple clients, curl.

use super::{Site, app_name, offer};
use crate::body::{ByteStream, Cache, Stored, etag, has_it, not_modified};
use crate::decode::decoded;
use crate::frame::is_content_coding;
use crate::offer::is_for_everybody;
use crate::refusal::Refusal;
use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, ETAG,
    HeaderValue, VARY,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use std::io;
use upstep_model::{AppName, Digest, Kind, Platform, Release, Version, paths};

/// Bytes at a blob's beginning that say how it is compressed.
const BEGINNING: u64 = 18;

/// `/{app}/download/{channel}/{platform}`: the newest release that is for everybody.
pub async fn newest(
    request: HttpRequest,
    site: web::Data<Site>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, Refusal> {
    let (app, channel, platform) = path.into_inner();
    let name = app_name(&app)?;
    let app = site.app(&name)?;
    let (platform, offer) = offer(&app, &name, &channel, &platform)?;
    let release = offer.newest().ok_or(Refusal::UnknownRelease)?;
    debug_assert!(is_for_everybody(release));
    send(&request, &site, &name, platform, release).await
}

/// `/{app}/download/{channel}/{platform}/{version}`
pub async fn of_version(
    request: HttpRequest,
    site: web::Data<Site>,
    path: web::Path<(String, String, String, String)>,
) -> Result<HttpResponse, Refusal> {
    let (app, channel, platform, version) = path.into_inner();
    let name = app_name(&app)?;
    let app = site.app(&name)?;
    let (platform, offer) = offer(&app, &name, &channel, &platform)?;
    let release = offer.index().release(&Version::parse(&version)?).ok_or(Refusal::UnknownRelease)?;
    if release.yanked {
        return Err(Refusal::Yanked);
    }
    if release.artifact.kind != Kind::File {
        return Err(Refusal::UnknownRelease);
    }
    send(&request, &site, &name, platform, release).await
}

async fn send(
    request: &HttpRequest,
    site: &Site,
    app: &AppName,
    platform: &Platform,
    release: &Release,
) -> Result<HttpResponse, Refusal> {
    let path = paths::blob(app, &release.full.digest);
    let full = Stored::find(&site.store, &path).await?;
    let is_stored_form = accepts_zstd(request) && is_content_coding(&beginning(site, &path, full.size).await?);
    let (digest, length) = match is_stored_form {
        true => (&release.full.digest, full.size),
        false => (&release.artifact.digest, release.artifact.size),
    };
    if has_it(request, digest) {
        let mut response = not_modified(digest, Cache::Minute);
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        return Ok(response);
    }
    let mut response = HttpResponse::Ok();
    describe(&mut response, app, platform, digest);
    if is_stored_form {
        response.insert_header((CONTENT_ENCODING, "zstd"));
    }
    if request.method() == Method::HEAD {
        return Ok(response.body(SizedStream::new(length, stream::empty::<Result<Bytes, io::Error>>())));
    }
    let size = full.size;
    let bytes: ByteStream = full.part(0..size).await?;
    if is_stored_form {
        return Ok(response.body(SizedStream::new(length, bytes)));
    }
    let program = decoded(bytes, &release.artifact).map_err(|source| Refusal::Read { path: path.clone(), source })?;
    Ok(response.body(SizedStream::new(length, program.boxed_local())))
}

fn describe(response: &mut HttpResponseBuilder, app: &AppName, platform: &Platform, digest: &Digest) {
    response
        .insert_header((CONTENT_TYPE, "application/octet-stream"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{app}{}\"", platform.exe_suffix())))
        .insert_header((ETAG, etag(digest)))
        .insert_header((CACHE_CONTROL, Cache::Minute.header()))
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header((ACCEPT_RANGES, "none"));
}

async fn beginning(site: &Site, path: &str, size: u64) -> Result<Vec<u8>, Refusal> {
    let mut part = Stored::find(&site.store, path).await?.part(0..size.min(BEGINNING)).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = part.next().await {
        bytes.extend_from_slice(&chunk.map_err(|source| Refusal::Read { path: path.to_owned(), source })?);
    }
    Ok(bytes)
}

/// Whether the client decodes zstd by itself.
fn accepts_zstd(request: &HttpRequest) -> bool {
    let codings = request.headers().get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse::<f32>() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("zstd") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn zstd_is_sent_to_those_who_say_that_they_take_it() {
        let accepts =
            |value| accepts_zstd(&TestRequest::default().insert_header((ACCEPT_ENCODING, value)).to_http_request());
        assert!(accepts("zstd") && accepts("gzip, ZSTD;q=0.5") && accepts("br,zstd"));
        assert!(!accepts("gzip") && !accepts("zstd;q=0") && !accepts("*") && !accepts("zstd; q=0.0"));
        assert!(!accepts_zstd(&TestRequest::default().to_http_request()));
    }
}
