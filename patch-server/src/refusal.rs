//! Answers that are not what was asked for: `{"code", "message"}`.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use upstep_model::{AppName, Channel, Invalid};
use upstep_store::StoreError;

/// Why a request is not answered with what it asks for.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A parameter that is not what it must be.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// A parameter that is not there.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// The query can't be read.
    #[error("the query is malformed: {0}")]
    Query(String),
    /// No such app.
    #[error("no app {0:?}")]
    UnknownApp(String),
    /// The app has no such channel.
    #[error("{0} has no channel {1}")]
    UnknownChannel(AppName, Channel),
    /// The channel has no such platform.
    #[error("{0} has no platform {2:?} in the channel {1}")]
    UnknownPlatform(AppName, Channel, String),
    /// The platform has no such release.
    #[error("no such release, or none that is for everybody")]
    UnknownRelease,
    /// The release was withdrawn.
    #[error("the release was withdrawn")]
    Yanked,
    /// Nothing has this path.
    #[error("nothing here")]
    NotFound,
    /// `/latest.json` without an app, in a store with several.
    #[error("this store has several apps: ask for /APP/latest.json, or start the server with --default-app")]
    NoDefaultApp,
    /// Only GET and HEAD.
    #[error("only GET and HEAD are answered here")]
    Method,
    /// The app's metadata or one of its indexes is broken.
    #[error("the app {0} can't be served at the moment: its operator finds the reason in the log")]
    Broken(AppName),
    /// The store does not answer.
    #[error("the store can't be read at the moment")]
    Store(#[source] StoreError),
    /// A file of the store can't be read.
    #[error("the store can't be read at the moment")]
    Read {
        /// The object.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'a str,
    message: String,
}

impl Refusal {
    /// The code in the answer.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Invalid(invalid) => match invalid.what {
                "version" => "invalid_version",
                "digest" => "invalid_digest",
                "platform" => "invalid_platform",
                "channel" => "invalid_channel",
                _ => "invalid_request",
            },
            Refusal::Missing(_) => "missing_parameter",
            Refusal::Query(_) => "invalid_query",
            Refusal::UnknownApp(_) => "unknown_app",
            Refusal::UnknownChannel(..) => "unknown_channel",
            Refusal::UnknownPlatform(..) => "unknown_platform",
            Refusal::UnknownRelease => "unknown_release",
            Refusal::Yanked => "yanked",
            Refusal::NotFound => "not_found",
            Refusal::NoDefaultApp => "no_default_app",
            Refusal::Method => "method_not_allowed",
            Refusal::Broken(_) => "app_unavailable",
            Refusal::Store(_) | Refusal::Read { .. } => "store_unavailable",
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } | StoreError::Path { .. } => Refusal::NotFound,
            error => Refusal::Store(error),
        }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Refusal::Invalid(_) | Refusal::Missing(_) | Refusal::Query(_) => StatusCode::BAD_REQUEST,
            Refusal::UnknownApp(_)
            | Refusal::UnknownChannel(..)
            | Refusal::UnknownPlatform(..)
            | Refusal::UnknownRelease
            | Refusal::Yanked
            | Refusal::NotFound
            | Refusal::NoDefaultApp => StatusCode::NOT_FOUND,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Broken(_) | Refusal::Store(_) | Refusal::Read { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Refusal::Store(error) => tracing::error!(error = crate::error::chain(error), "the store failed"),
            Refusal::Read { path, source } => tracing::error!(path, error = source.to_string(), "the store failed"),
            _ => {}
        }
        let mut response = HttpResponse::build(self.status_code());
        if matches!(self, Refusal::Method) {
            response.insert_header(("Allow", "GET, HEAD"));
        }
        // What is missing now may be there in a second: no proxy may go on saying it is not.
        response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
        response.json(Body { code: self.code(), message: self.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_cut_and_quoted_in_the_message() {
        let invalid = upstep_model::Version::parse(&"\"\n".repeat(1000)).expect_err("no version");
        let refusal = Refusal::from(invalid);
        assert_eq!((refusal.status_code(), refusal.code()), (StatusCode::BAD_REQUEST, "invalid_version"));
        assert!(refusal.to_string().len() < 600 && !refusal.to_string().contains('\n'));
    }
}
