//! Which addresses the client talks to.

use crate::UpdateError;
use url::{Host, Url};

/// Reads the address of a server or file host: https, or http to this machine, or http anywhere
/// if the program allows it. The result ends with `/`, so that paths can be joined to it.
pub(crate) fn parse(text: &str, allow_http: bool) -> Result<Url, UpdateError> {
    let refuse = |expected| UpdateError::Address { address: text.to_owned(), expected };
    let mut url = Url::parse(text).map_err(|_| refuse("a URL such as https://updates.example.org"))?;
    if let Err(expected) = admits(&url, allow_http) {
        return Err(refuse(expected));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("a URL without query and fragment"));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Whether a request, or a redirect of one, may go to `url`; if not, what is expected.
pub(crate) fn admits(url: &Url, allow_http: bool) -> Result<(), &'static str> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if allow_http || is_loopback(url) => Ok(()),
        "http" => Err("https (http is for this machine only, unless allow_http is set)"),
        _ => Err("https or http"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// `path` below `base`: a store's path is the path of the URL.
pub(crate) fn join(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    url.set_path(&format!("{}{}", base.path(), path.trim_start_matches('/')));
    url.set_query(query);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_for_this_machine_unless_allowed() {
        for good in ["https://a.example/x", "http://127.0.0.1:8080", "http://localhost/", "http://[::1]:1/"] {
            assert!(parse(good, false).is_ok(), "{good}");
        }
        for bad in ["http://a.example", "http://127.0.0.1.example", "ftp://a.example", "a.example", "file:///etc", ""] {
            assert!(parse(bad, false).is_err(), "{bad}");
        }
        assert!(parse("http://a.example", true).is_ok());
        assert!(parse("ftp://a.example", true).is_err());
    }

    #[test]
    fn paths_are_joined_below_the_base() {
        let base = parse("https://a.example/updates", false).expect("an address");
        assert_eq!(join(&base, "/hello/blobs/x").as_str(), "https://a.example/updates/hello/blobs/x");
        assert_eq!(
            join(&base, "v1/update/a?digest=1&to=2").as_str(),
            "https://a.example/updates/v1/update/a?digest=1&to=2"
        );
        assert_eq!(join(&base, "/../../etc").host_str(), Some("a.example"));
    }
}
