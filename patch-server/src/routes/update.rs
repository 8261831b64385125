//! The plan: what a client must fetch and apply.

use super::{Site, app_name, offer};
use crate::body::Cache;
use crate::offer::{Answer, Question};
use crate::refusal::Refusal;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use upstep_model::{Channel, Digest, Version};

/// What may stand behind the question mark of the first form.
#[derive(Deserialize)]
pub struct Narrowed {
    digest: Option<String>,
    to: Option<String>,
}

/// The second form: everything but the app stands behind the question mark.
#[derive(Deserialize)]
pub struct Whole {
    from_version: Option<String>,
    channel: Option<String>,
    os: Option<String>,
    arch: Option<String>,
    digest: Option<String>,
    to: Option<String>,
}

/// `/v1/update/{app}/{channel}/{platform}/{from_version}?digest=&to=`
pub async fn by_path(
    site: web::Data<Site>,
    path: web::Path<(String, String, String, String)>,
    query: web::Query<Narrowed>,
) -> Result<HttpResponse, Refusal> {
    let (app, channel, platform, from) = path.into_inner();
    let Narrowed { digest, to } = query.into_inner();
    answer(&site, &app, &channel, &platform, &question(&from, digest, to)?)
}

/// `/v1/update/{app}?from_version=&os=&arch=&channel=`
pub async fn by_query(
    site: web::Data<Site>,
    path: web::Path<String>,
    query: web::Query<Whole>,
) -> Result<HttpResponse, Refusal> {
    let query = query.into_inner();
    let from = given(query.from_version).ok_or(Refusal::Missing("from_version"))?;
    let os = given(query.os).ok_or(Refusal::Missing("os"))?;
    let platform = match given(query.arch) {
        Some(arch) => format!("{os}-{arch}"),
        None => os,
    };
    let channel = given(query.channel).unwrap_or_else(|| Channel::stable().to_string());
    answer(&site, &path, &channel, &platform, &question(&from, query.digest, query.to)?)
}

/// A parameter without a value is none: templates leave them empty.
fn given(parameter: Option<String>) -> Option<String> {
    parameter.filter(|value| !value.is_empty())
}

fn question(from: &str, digest: Option<String>, to: Option<String>) -> Result<Question, Refusal> {
    Ok(Question {
        from: Version::parse(from)?,
        digest: given(digest).map(|digest| Digest::parse(&digest)).transpose()?,
        to: given(to).map(|to| Version::parse(&to)).transpose()?,
    })
}

fn answer(
    site: &Site,
    name: &str,
    channel: &str,
    platform: &str,
    question: &Question,
) -> Result<HttpResponse, Refusal> {
    let name = app_name(name)?;
    let app = site.app(&name)?;
    let (_, offer) = offer(&app, &name, channel, platform)?;
    let cache = (CACHE_CONTROL, Cache::Minute.header());
    match offer.answer(question) {
        Answer::Plan(json) => Ok(HttpResponse::Ok().content_type("application/json").insert_header(cache).body(json)),
        Answer::Current => Ok(HttpResponse::NoContent().insert_header(cache).finish()),
        Answer::NoRelease => Err(Refusal::UnknownRelease),
    }
}
