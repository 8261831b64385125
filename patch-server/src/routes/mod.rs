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

#[cfg(test)]
mod tests {
    //! Over a store that is no folder, as S3 is none: all goes through the store's own streams.

    use super::*;
    use crate::catalog::{AppState, Catalog};
    use crate::samples;
    use actix_web::dev::ServiceResponse;
    use actix_web::http::Method;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use std::collections::BTreeMap;
    use upstep_model::{Artifact, Digest, Full, Kind};

    const LINUX: &str = "x86_64-unknown-linux-gnu";

    /// A site with one release, whose artifact and full are these.
    async fn site(program: &[u8], full: &[u8]) -> Site {
        let store = Store::memory();
        let app = AppName::parse("hello").expect("a name");
        let digest = Digest::of(full);
        store.put_blob(&app, &digest, full.to_vec(), std::time::SystemTime::now()).await.expect("memory");
        let mut release = samples::release("1.0.0", 0, 0);
        release.artifact = Artifact { kind: Kind::File, digest: Digest::of(program), size: program.len() as u64 };
        release.full = Full { digest, size: full.len() as u64, memory: 1 << 20 };
        let index = samples::index(LINUX, vec![release], vec![]);
        let offers = BTreeMap::from([(index.platform.clone(), Arc::new(Offer::new(index)))]);
        let serving = App {
            commit: 1,
            timestamp: crate::catalog::Document::new("{}"),
            root: 1,
            documents: BTreeMap::new(),
            indexes: BTreeMap::new(),
            channels: BTreeMap::from([(Channel::stable(), offers)]),
            latest: None,
            expires: BTreeMap::new(),
        };
        let state = AppState { serving: Some(Arc::new(serving)), trouble: None };
        let live = Arc::new(Live::default());
        live.replace(Catalog { apps: BTreeMap::from([(app, state)]) });
        Site { live, store, default_app: None, public_url: None }
    }

    async fn answers(site: Site, requests: Vec<TestRequest>) -> Vec<(u16, Vec<u8>)> {
        let service = init_service(actix_web::App::new().app_data(web::Data::new(site)).configure(configure)).await;
        let mut answers = Vec::new();
        for request in requests {
            let response: ServiceResponse = call_service(&service, request.to_request()).await;
            answers.push((response.status().as_u16(), read_body(response).await.to_vec()));
        }
        answers
    }

    #[actix_web::test]
    async fn blobs_and_programs_stream_out_of_a_store_that_is_no_folder() {
        let program: Vec<u8> = (0..200_000u32).flat_map(|at| (at % 7919).to_le_bytes()).collect();
        let full = zstd::encode_all(&program[..], 3).expect("memory");
        let blob = format!("/hello/blobs/{}", Digest::of(&full));
        let missing = format!("/hello/blobs/{}", Digest::of(b"missing"));
        let get = |path: &str| TestRequest::get().uri(path);
        let requests = vec![
            get(&blob),
            get(&blob).insert_header(("Range", "bytes=100-199")),
            get(&blob).insert_header(("Range", "bytes=-5")),
            get(&blob).insert_header(("Range", format!("bytes={}-", full.len()))),
            get(&missing),
            get("/hello/download/stable/linux"),
            get("/hello/download/stable/linux").insert_header(("Accept-Encoding", "zstd")),
            TestRequest::with_uri(&blob).method(Method::HEAD),
        ];
        let answers = answers(site(&program, &full).await, requests).await;
        assert!(answers[0] == (200, full.clone()));
        assert!(answers[1] == (206, full[100..200].to_vec()));
        assert!(answers[2] == (206, full[full.len() - 5..].to_vec()));
        assert_eq!((answers[3].0, answers[4].0), (416, 404));
        assert!(answers[5] == (200, program));
        assert!(answers[6] == (200, full));
        assert_eq!(answers[7], (200, vec![]));
    }
}
