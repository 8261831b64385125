//! `latest.json`, for clients that know nothing of plans.

use super::{Site, app_name};
use crate::BaseUrl;
use crate::body::{Cache, document};
use crate::catalog::Document;
use crate::refusal::Refusal;
use actix_web::http::header::{HeaderValue, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use upstep_model::AppName;

/// `/{app}/latest.json`
pub async fn of_app(
    request: HttpRequest,
    site: web::Data<Site>,
    path: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    answer(&request, &site, &app_name(&path)?)
}

/// `/latest.json`: the only app, or the one that the operator chose.
pub async fn of_default_app(request: HttpRequest, site: web::Data<Site>) -> Result<HttpResponse, Refusal> {
    if let Some(app) = &site.default_app {
        return answer(&request, &site, app);
    }
    let catalog = site.live.catalog();
    let mut apps = catalog.apps.keys();
    match (apps.next(), apps.next()) {
        (Some(only), None) => answer(&request, &site, only),
        (Some(_), Some(_)) => Err(Refusal::NoDefaultApp),
        (None, _) => Err(Refusal::NotFound),
    }
}

fn answer(request: &HttpRequest, site: &Site, name: &AppName) -> Result<HttpResponse, Refusal> {
    let app = site.app(name)?;
    let latest = app.latest.as_ref().ok_or(Refusal::UnknownRelease)?;
    let (base, cache) = match &site.public_url {
        Some(url) => (url.clone(), Cache::Minute),
        // Made from headers that anybody can send: it is for this client alone.
        None => (BaseUrl::of_request(request)?, Cache::Revalidate),
    };
    let json = Document::new(latest.to_json(name, &base));
    let mut response = document(request, &json, "application/json", cache);
    if site.public_url.is_none() {
        let vary = HeaderValue::from_static("Host, Forwarded, X-Forwarded-Host, X-Forwarded-Proto");
        response.headers_mut().insert(VARY, vary);
    }
    Ok(response)
}
