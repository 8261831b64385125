//! The paths that are answered, and from what.

mod download;
mod files;
mod health;
mod latest;
mod update;

use crate::BaseUrl;
use crate::catalog::{App, Live};
use crate::refusal::Refusal;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource, Responder, ResponseError as _};
use std::sync::Arc;
use upstep_model::platform::PlatformArg;
use upstep_model::{AppName, Channel, Platform};
use upstep_store::Store;

use crate::offer::Offer;

/// What all routes answer from.
pub struct Site {
    /// The catalog of this moment.
    pub live: Arc<Live>,
    /// Where blobs are.
    pub store: Store,
    /// The app of `/latest.json`.
    pub default_app: Option<AppName>,
    /// What absolute URLs begin with.
    pub public_url: Option<BaseUrl>,
}

/// Adds all routes.
pub fn configure(config: &mut ServiceConfig) {
    config
        .app_data(web::QueryConfig::default().error_handler(|error, _| Refusal::Query(error.to_string()).into()))
        .service(get("/healthz", health::alive))
        .service(get("/readyz", health::ready))
        .service(get("/version", health::version))
        .service(get("/latest.json", latest::of_default_app))
        .service(get("/v1/update/{app}", update::by_query))
        .service(get("/v1/update/{app}/{channel}/{platform}/{from_version}", update::by_path))
        .service(get("/{app}/latest.json", latest::of_app))
        .service(get("/{app}/metadata/{file}", files::metadata))
        .service(get("/{app}/targets/{file}", files::target))
        .service(get("/{app}/commits/{file}", files::commit))
        .service(get("/{app}/blobs/{digest}", files::blob))
        .service(get("/{app}/download/{channel}/{platform}", download::newest))
        .service(get("/{app}/download/{channel}/{platform}/{version}", download::of_version))
        .default_service(web::to(nothing));
}

/// A resource for GET and HEAD; other methods are refused with 405.
fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: actix_web::Handler<Args> + Copy,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler))
        .route(web::head().to(handler))
        .default_service(web::to(other_method))
}

async fn other_method() -> HttpResponse {
    Refusal::Method.error_response()
}

async fn nothing() -> HttpResponse {
    Refusal::NotFound.error_response()
}

impl Site {
    /// The app of this name, as its newest commit has it.
    fn app(&self, name: &AppName) -> Result<Arc<App>, Refusal> {
        let catalog = self.live.catalog();
        let state = catalog.apps.get(name).ok_or_else(|| Refusal::UnknownApp(name.to_string()))?;
        state.serving.clone().ok_or_else(|| Refusal::Broken(name.clone()))
    }

    /// Whether the store has an app of this name, broken or not.
    fn knows(&self, name: &AppName) -> bool {
        self.live.catalog().apps.contains_key(name)
    }
}

/// A name in a path. What is no name is no app either.
fn app_name(text: &str) -> Result<AppName, Refusal> {
    AppName::parse(text).map_err(|_| Refusal::UnknownApp(text.chars().take(80).collect()))
}

/// What an app offers in a channel for a platform or an alias of one.
fn offer<'a>(
    app: &'a App,
    name: &AppName,
    channel: &str,
    platform: &str,
) -> Result<(&'a Platform, &'a Offer), Refusal> {
    let channel = Channel::parse(channel)?;
    let asked = PlatformArg::parse(platform)?;
    let offers = app.channels.get(&channel).ok_or_else(|| Refusal::UnknownChannel(name.clone(), channel.clone()))?;
    let resolved = asked.resolve(offers.keys());
    resolved
        .and_then(|platform| offers.get_key_value(&platform))
        .map(|(platform, offer)| (platform, &**offer))
        .ok_or_else(|| Refusal::UnknownPlatform(name.clone(), channel, platform.to_owned()))
}
