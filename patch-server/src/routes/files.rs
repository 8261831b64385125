//! What any file host could serve: metadata, indexes, commits and blobs.
//!
//! A path is taken apart into its types and put together again, so that nothing but these files
//! can be reached, whatever is sent.

use super::{Site, app_name};
use crate::body::{Cache, blob as blob_body, document};
use crate::catalog::Document;
use crate::refusal::Refusal;
use actix_web::{HttpRequest, HttpResponse, web};
use upstep_model::{AppName, Digest, index, paths};
use upstep_store::MAX_TIMESTAMP;

/// Most bytes of a metadata file.
const MAX_METADATA: u64 = 8 << 20;

const JSON: &str = "application/json";

/// `/{app}/metadata/{file}`
pub async fn metadata(
    request: HttpRequest,
    site: web::Data<Site>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refusal> {
    let (app, file) = parts(&site, &path)?;
    if file == "timestamp.json" {
        // Of the highest commit: the copy in the store may lag behind.
        return Ok(document(&request, &site.app(&app)?.timestamp, JSON, Cache::Revalidate));
    }
    let (number, role) = numbered(file).ok_or(Refusal::NotFound)?;
    let is_root = match role {
        "root.json" => true,
        "snapshot.json" | "targets.json" => false,
        _ => return Err(Refusal::NotFound),
    };
    let newest_root = site.app(&app).ok().map(|app| app.root);
    // Each check of each client asks for the root after the newest.
    if is_root && newest_root.is_some_and(|newest| number > newest) {
        return Err(Refusal::NotFound);
    }
    let document_path = format!("metadata/{number}.{role}");
    small_file(&request, &site, &app, &document_path, MAX_METADATA, JSON).await
}

/// `/{app}/targets/{digest}.{channel}.{platform}.index.zst`
pub async fn target(
    request: HttpRequest,
    site: web::Data<Site>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refusal> {
    let (app, file) = parts(&site, &path)?;
    let (digest, name) = file.split_once('.').ok_or(Refusal::NotFound)?;
    let digest = Digest::parse(digest).map_err(|_| Refusal::NotFound)?;
    let (channel, platform) = paths::parse_index_target(name).map_err(|_| Refusal::NotFound)?;
    let document_path = format!("targets/{digest}.{}", paths::index_target(&channel, &platform));
    small_file(&request, &site, &app, &document_path, index::MAX_COMPRESSED, "application/zstd").await
}

/// `/{app}/commits/{number}.json`
pub async fn commit(
    request: HttpRequest,
    site: web::Data<Site>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refusal> {
    let (app, file) = parts(&site, &path)?;
    let number = file.strip_suffix(".json").filter(|digits| digits.len() >= 8).and_then(whole_number);
    let document_path = format!("commits/{:08}.json", number.ok_or(Refusal::NotFound)?);
    small_file(&request, &site, &app, &document_path, MAX_TIMESTAMP, JSON).await
}

/// `/{app}/blobs/{digest}`
pub async fn blob(
    request: HttpRequest,
    site: web::Data<Site>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refusal> {
    let (app, digest) = parts(&site, &path)?;
    let digest = Digest::parse(digest).map_err(|_| Refusal::NotFound)?;
    blob_body(&request, &site.store, &paths::blob(&app, &digest), &digest).await
}

/// The app and the rest of a path. An app that is not there costs the store nothing.
fn parts<'a>(site: &Site, path: &'a (String, String)) -> Result<(AppName, &'a str), Refusal> {
    let app = app_name(&path.0)?;
    if !site.knows(&app) {
        return Err(Refusal::UnknownApp(app.to_string()));
    }
    Ok((app, &path.1))
}

/// From memory where the newest commit names it, else from the store.
async fn small_file(
    request: &HttpRequest,
    site: &Site,
    app: &AppName,
    path: &str,
    max: u64,
    content_type: &str,
) -> Result<HttpResponse, Refusal> {
    let known = site.app(app).ok().and_then(|app| app.documents.get(path).cloned());
    let file = match known {
        Some(known) => known,
        None => Document::new(site.store.get(&format!("{app}/{path}"), max).await?),
    };
    Ok(document(request, &file, content_type, Cache::Immutable))
}

/// `12.root.json` as 12 and `root.json`.
fn numbered(file: &str) -> Option<(u64, &str)> {
    let (number, rest) = file.split_once('.')?;
    if number.starts_with('0') {
        return None;
    }
    Some((whole_number(number)?, rest))
}

/// Digits and nothing else: `parse` alone would take a sign.
fn whole_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_of_a_number_is_taken() {
        assert_eq!(numbered("12.root.json"), Some((12, "root.json")));
        for bad in ["root.json", "012.root.json", "+1.root.json", "-1.root.json", ".root.json", "1", "1e3.root.json"] {
            assert!(numbered(bad).is_none_or(|(_, rest)| rest != "root.json"), "{bad}");
        }
        assert_eq!(whole_number("99999999999999999999999"), None);
    }
}
