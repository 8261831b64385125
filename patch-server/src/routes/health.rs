//! What operators and their probes ask.

use super::Site;
use crate::body::Cache;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde_json::{Map, json};

/// The process answers.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, Cache::Revalidate.header())).body("ok\n")
}

/// The store can be read; which commit of each app is served, and what is wrong with any.
pub async fn ready(site: web::Data<Site>) -> HttpResponse {
    let catalog = site.live.catalog();
    let apps: Map<_, _> = catalog
        .apps
        .iter()
        .map(|(name, state)| {
            let commit = state.serving.as_ref().map(|app| app.commit);
            (name.to_string(), json!({ "commit": commit, "trouble": state.trouble }))
        })
        .collect();
    let is_ready = site.live.is_store_read();
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header((CACHE_CONTROL, "no-store")).json(json!({ "ready": is_ready, "apps": apps }))
}

/// Which program this is.
pub async fn version() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, Cache::Revalidate.header()))
        .json(json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") }))
}
