//! Where a store is: a folder, or a bucket and a prefix.

use crate::StoreError;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder.
    Folder(PathBuf),
    /// `s3://bucket/prefix`.
    S3 {
        /// The bucket.
        bucket: String,
        /// What all paths begin with; may be empty.
        prefix: String,
    },
    /// The memory of this process.
    Memory,
    /// One that the caller brought.
    Other(String),
}

impl Location {
    /// Reads a path or an `s3://` URL.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let invalid = || StoreError::Location { found: text.to_owned() };
        let Some((scheme, _)) = text.split_once("://") else {
            return if text.is_empty() { Err(invalid()) } else { Ok(Location::Folder(PathBuf::from(text))) };
        };
        if scheme != "s3" {
            return Err(invalid());
        }
        let url = Url::parse(text).map_err(|_| invalid())?;
        let bucket = url.host_str().filter(|host| !host.is_empty()).ok_or_else(invalid)?.to_owned();
        let prefix = url.path().trim_matches('/').to_owned();
        if url.query().is_some() || url.fragment().is_some() || object_store::path::Path::parse(&prefix).is_err() {
            return Err(invalid());
        }
        Ok(Location::S3 { bucket, prefix })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Folder(path) => write!(f, "{}", path.display()),
            Location::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Location::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Location::Memory => f.write_str("memory"),
            Location::Other(name) => f.write_str(name),
        }
    }
}

/// A client for `bucket`, with keys, region and endpoint from the `AWS_*` variables. Plain HTTP is
/// taken for loopback endpoints alone, unless `AWS_ALLOW_HTTP` says otherwise.
pub(crate) fn s3(bucket: &str) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let endpoint = builder
        .get_config_value(&AmazonS3ConfigKey::S3Endpoint)
        .or_else(|| builder.get_config_value(&AmazonS3ConfigKey::Endpoint));
    if endpoint.is_some_and(|endpoint| is_loopback(&endpoint)) {
        builder = builder.with_allow_http(true);
    }
    // The default of 30 s for a whole request is too short for a large full on a slow line; one
    // without any progress is still given up.
    for (key, value) in [(ClientConfigKey::Timeout, "1 hour"), (ClientConfigKey::ReadTimeout, "5 minutes")] {
        let is_set = std::env::var_os(format!("AWS_{}", key.as_ref().to_ascii_uppercase())).is_some();
        if !is_set {
            builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
        }
    }
    // A store that does not answer is reported in seconds, not in minutes.
    let retry = RetryConfig { max_retries: 5, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() };
    Ok(Arc::new(builder.with_retry(retry).build()?))
}

fn is_loopback(endpoint: &str) -> bool {
    let Ok(url) = Url::parse(endpoint) else { return false };
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_folder_or_a_bucket_with_a_prefix() {
        let s3 = |bucket: &str, prefix: &str| Location::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
        assert_eq!(Location::parse("releases").expect("a path"), Location::Folder("releases".into()));
        assert_eq!(Location::parse("s3://patches").expect("a bucket"), s3("patches", ""));
        assert_eq!(Location::parse("s3://patches/a/b/").expect("a prefix"), s3("patches", "a/b"));
        assert_eq!(Location::parse("s3://patches/a/b").expect("a prefix").to_string(), "s3://patches/a/b");
        for bad in ["", "s3://", "s3:///a", "http://host/bucket", "s3://b/a//b", "s3://b/a?x=1"] {
            assert!(Location::parse(bad).is_err(), "{bad:?} was taken for a location");
        }
    }

    #[test]
    fn plain_http_is_for_loopback() {
        for (endpoint, loopback) in [
            ("http://127.0.0.1:8333", true),
            ("http://[::1]:8333", true),
            ("http://localhost:9000", true),
            ("http://127.0.0.1.example.org", false),
            ("http://192.168.0.2", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_loopback(endpoint), loopback, "{endpoint}");
        }
    }
}
