//! What absolute URLs begin with.

use actix_web::HttpRequest;
use serde::{Deserialize, Serialize};
use std::fmt;
use upstep_model::Invalid;

/// `https://host[:port][/path]`, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Reads an `http` or `https` URL; a slash at its end is left out.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("URL", "http:// or https:// with a host, without query or fragment", text);
        let trimmed = text.trim_end_matches('/');
        let rest = trimmed.strip_prefix("https://").or_else(|| trimmed.strip_prefix("http://")).ok_or_else(invalid)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let in_path = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte);
        if !is_host(host) || !path.bytes().all(in_path) {
            return Err(invalid());
        }
        Ok(BaseUrl(trimmed.to_owned()))
    }

    /// How the sender of `request` reached this server, or the proxy in front of it: `Forwarded`,
    /// `X-Forwarded-Proto` and `X-Forwarded-Host` before `Host`.
    ///
    /// Anybody can send these headers: an answer that depends on them must not be kept for others.
    pub fn of_request(request: &HttpRequest) -> Result<Self, Invalid> {
        let info = request.connection_info();
        if !is_host(info.host()) {
            return Err(Invalid::new("Host header", "a name or an address, and perhaps a port", info.host()));
        }
        BaseUrl::parse(&format!("{}://{}", info.scheme(), info.host()))
    }
}

/// A name or an address, and perhaps a port: nothing that could end the host's part of a URL.
fn is_host(text: &str) -> bool {
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(in_host)
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        BaseUrl::parse(text)
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        BaseUrl::parse(&text)
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> String {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn of(headers: &[(&'static str, &'static str)]) -> Result<String, Invalid> {
        let request = headers.iter().fold(TestRequest::default(), |request, header| request.insert_header(*header));
        BaseUrl::of_request(&request.to_http_request()).map(String::from)
    }

    #[test]
    fn a_proxy_says_how_the_client_reached_it() {
        assert_eq!(of(&[("host", "a.example:8080")]).as_deref(), Ok("http://a.example:8080"));
        let proxied = [("host", "10.0.0.1"), ("x-forwarded-host", "b.example, inner"), ("x-forwarded-proto", "https")];
        assert_eq!(of(&proxied).as_deref(), Ok("https://b.example"));
        assert_eq!(of(&[("forwarded", "proto=https;host=\"c.example\"")]).as_deref(), Ok("https://c.example"));
    }

    #[test]
    fn what_is_no_host_becomes_no_url() {
        for host in ["a.example/evil", "a b", "a\"b", "a?b", "user@a.example", ""] {
            assert!(of(&[("x-forwarded-host", host)]).is_err(), "{host:?}");
        }
        assert!(of(&[("host", "a.example"), ("x-forwarded-proto", "javascript")]).is_err());
    }

    #[test]
    fn a_public_url_may_have_a_path_and_loses_its_last_slash() {
        assert_eq!(BaseUrl::parse("https://a.example/up/").map(String::from).as_deref(), Ok("https://a.example/up"));
        for bad in ["a.example", "ftp://a.example", "https://", "https://a.example?x", "https://a.example/a b"] {
            assert!(BaseUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
