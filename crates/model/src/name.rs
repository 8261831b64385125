//! Names of apps and channels.

use crate::{Invalid, string_type};
use serde::{Deserialize, Serialize};
use std::fmt;

/// First segments of the server's own paths: no app can have these names.
pub const RESERVED: [&str; 8] = ["v1", "healthz", "readyz", "version", "metrics", "openapi", "admin", "static"];

/// Longest name of an app or a channel, in bytes; the marker has this much room.
pub const MAX_NAME: usize = 64;

/// The program that is kept up to date: `[a-z0-9][a-z0-9-]*`, at most 64 bytes, not reserved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppName(String);

/// A named stream of releases: `stable`, `beta`; same form as an app's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Channel(String);

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let alnum = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= MAX_NAME && bytes.next().is_some_and(alnum) && bytes.all(|byte| alnum(byte) || byte == b'-')
}

impl AppName {
    /// Reads an app's name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if RESERVED.contains(&text) {
            return Err(Invalid::new("app name", "none of the server's own paths", text));
        }
        if !is_name(text) {
            return Err(Invalid::new("app name", "[a-z0-9][a-z0-9-]*, at most 64 bytes", text));
        }
        Ok(AppName(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Channel {
    /// Reads a channel's name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if !is_name(text) {
            return Err(Invalid::new("channel", "[a-z0-9][a-z0-9-]*, at most 64 bytes", text));
        }
        Ok(Channel(text.to_owned()))
    }

    /// The channel that is used where none is named.
    pub fn stable() -> Self {
        Channel("stable".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

string_type!(AppName);
string_type!(Channel);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_path_segments_and_nothing_else() {
        for good in ["hello", "a", "7zip", "my-app-2"] {
            assert_eq!(AppName::parse(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "-a", "A", "a/b", "..", "a.b", "ä", "a b", "v1", "metrics", &"a".repeat(65)] {
            assert!(AppName::parse(bad).is_err(), "{bad:?} was taken for a name");
        }
        assert!(Channel::parse("v1").is_ok(), "channels never stand first in a path");
    }
}
