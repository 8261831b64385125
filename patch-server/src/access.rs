//! The access log: one line per request, written when its body is sent or given up.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use bytes::Bytes;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use upstep_model::AppName;

/// The target of the lines, for filters.
pub const TARGET: &str = "access";

/// Answers a request and writes its line.
pub async fn log(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<Counted>, actix_web::Error> {
    let begin = Instant::now();
    let method = request.method().clone();
    let path = request.path().to_owned();
    let response = next.call(request).await?;
    let status = response.status().as_u16();
    Ok(response.map_body(|_, body| {
        let size = body.size();
        let line = Line { method, path, status, size, begin, bytes: 0 };
        Counted { body, line: Some(line) }
    }))
}

/// A body that counts what is taken from it.
pub struct Counted {
    body: BoxBody,
    line: Option<Line>,
}

struct Line {
    method: Method,
    path: String,
    status: u16,
    size: BodySize,
    begin: Instant,
    bytes: u64,
}

impl MessageBody for Counted {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        // The answer to HEAD has a length and no bytes.
        if self.line.as_ref().is_some_and(|line| line.method == Method::HEAD) {
            return Poll::Ready(None);
        }
        let next = ready!(Pin::new(&mut self.body).poll_next(context));
        match &next {
            Some(Ok(bytes)) => {
                // Written with the last byte rather than when the body goes: who reads the log
                // after a download finds its line.
                if let Some(mut line) = self.line.take() {
                    line.bytes += bytes.len() as u64;
                    if line.is_sent() { line.write() } else { self.line = Some(line) }
                }
            }
            Some(Err(error)) => {
                let path = self.line.as_ref().map(|line| line.path.as_str());
                tracing::error!(path, error = crate::error::chain(&**error), "an answer was cut off");
            }
            None => {}
        }
        Poll::Ready(next)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.write();
        }
    }
}

impl Line {
    fn is_sent(&self) -> bool {
        match self.size {
            BodySize::Sized(size) => self.method == Method::HEAD || self.bytes == size,
            BodySize::None => true,
            BodySize::Stream => false,
        }
    }

    fn write(self) {
        tracing::info!(
            target: TARGET,
            app = app_of(&self.path),
            method = self.method.as_str(),
            path = self.path,
            status = self.status,
            bytes = self.bytes,
            complete = self.is_sent(),
            duration_ms = self.begin.elapsed().as_micros() as f64 / 1000.0,
            "request"
        );
    }
}

/// The app that a path is about.
fn app_of(path: &str) -> Option<&str> {
    let mut segments = path.split('/').skip(1);
    let first = segments.next()?;
    let app = match first {
        "v1" => segments.nth(1)?,
        _ => first,
    };
    AppName::parse(app).is_ok().then_some(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_of_a_path_is_named_in_its_line() {
        for (path, app) in [
            ("/hello/blobs/x", Some("hello")),
            ("/v1/update/hello", Some("hello")),
            ("/v1/update/hello/stable/x/1.0.0", Some("hello")),
            ("/latest.json", None),
            ("/healthz", None),
            ("/", None),
            ("/v1", None),
            ("", None),
            ("*", None),
            ("/../x", None),
        ] {
            assert_eq!(app_of(path), app, "{path}");
        }
    }
}
