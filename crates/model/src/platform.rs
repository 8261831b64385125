//! Platforms: Rust target triples, and the aliases that people type.

use crate::{Invalid, string_type};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest platform, in bytes; the marker has this much room.
pub const MAX_PLATFORM: usize = 64;

/// A Rust target triple, or `universal-apple-darwin`: `[a-z0-9_]+(-[a-z0-9_]+){1,3}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform(String);

/// The operating systems that aliases name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Os {
    /// Linux with any C library.
    Linux,
    /// macOS.
    Darwin,
    /// Windows.
    Windows,
}

impl Os {
    /// All of them, in the order of `latest.json`.
    pub const ALL: [Os; 3] = [Os::Windows, Os::Darwin, Os::Linux];

    /// The alias: `linux`, `darwin`, `windows`.
    pub fn as_str(self) -> &'static str {
        match self {
            Os::Linux => "linux",
            Os::Darwin => "darwin",
            Os::Windows => "windows",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "linux" => Some(Os::Linux),
            "darwin" | "macos" => Some(Os::Darwin),
            "windows" => Some(Os::Windows),
            _ => None,
        }
    }

    /// The triples of this system on `arch`, the one to be preferred first.
    fn triples(self, arch: &str) -> Vec<Platform> {
        let suffixes: &[&str] = match self {
            Os::Linux => &["unknown-linux-gnu", "unknown-linux-musl"],
            Os::Darwin => &["apple-darwin"],
            Os::Windows => &["pc-windows-msvc", "pc-windows-gnu", "pc-windows-gnullvm"],
        };
        let mut triples: Vec<Platform> = suffixes.iter().map(|suffix| Platform(format!("{arch}-{suffix}"))).collect();
        if self == Os::Darwin {
            triples.push(Platform::universal_darwin());
        }
        triples
    }
}

/// What a person may type for a platform: a triple, or an alias for several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlatformArg {
    /// A triple.
    Exact(Platform),
    /// An alias: its candidates, the one to be preferred first.
    Alias(Vec<Platform>),
}

impl PlatformArg {
    /// Reads a triple or an alias: `linux`, `darwin`, `windows`, `linux-x86_64`, `darwin-aarch64`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (os, arch) = match text.split_once('-') {
            None => (text, None),
            Some((os, arch)) => (os, Some(arch)),
        };
        match Os::parse(os) {
            Some(os) => {
                let arch = match arch {
                    None => "x86_64",
                    Some("x86_64" | "amd64" | "x64") => "x86_64",
                    Some("aarch64" | "arm64") => "aarch64",
                    Some("i686" | "x86" | "i386") => "i686",
                    Some(_) => {
                        return Err(Invalid::new(
                            "platform",
                            "an alias such as linux, darwin-aarch64 or windows-x86_64",
                            text,
                        ));
                    }
                };
                Ok(PlatformArg::Alias(os.triples(arch)))
            }
            None => Platform::parse(text).map(PlatformArg::Exact),
        }
    }

    /// The first candidate that is in `offered`.
    pub fn resolve<'a>(&self, offered: impl IntoIterator<Item = &'a Platform>) -> Option<Platform> {
        let offered: Vec<&Platform> = offered.into_iter().collect();
        let candidates = match self {
            PlatformArg::Exact(platform) => std::slice::from_ref(platform),
            PlatformArg::Alias(candidates) => candidates,
        };
        candidates.iter().find(|candidate| offered.contains(candidate)).cloned()
    }
}

impl Platform {
    /// Reads a target triple.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let parts = text.split('-').count();
        if text.len() > MAX_PLATFORM || !(2..=4).contains(&parts) || !text.split('-').all(part) {
            return Err(Invalid::new("platform", "a target triple such as x86_64-unknown-linux-gnu", text));
        }
        Ok(Platform(text.to_owned()))
    }

    /// `universal-apple-darwin`.
    pub fn universal_darwin() -> Self {
        Platform("universal-apple-darwin".to_owned())
    }

    /// The triple as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first part: `x86_64`, `aarch64`, `universal`.
    pub fn arch(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    /// The operating system, where it is one that aliases name.
    pub fn os(&self) -> Option<Os> {
        self.0.split('-').find_map(Os::parse)
    }

    /// What an artifact's file name ends with on this platform: `.exe` or nothing.
    pub fn exe_suffix(&self) -> &'static str {
        if self.os() == Some(Os::Windows) { ".exe" } else { "" }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

string_type!(Platform);

#[cfg(test)]
mod tests {
    use super::*;

    fn platforms(texts: &[&str]) -> Vec<Platform> {
        texts.iter().map(|text| Platform::parse(text).expect(text)).collect()
    }

    fn resolve(alias: &str, offered: &[&str]) -> Option<String> {
        let offered = platforms(offered);
        PlatformArg::parse(alias).expect(alias).resolve(&offered).map(String::from)
    }

    #[test]
    fn aliases_prefer_gnu_on_linux_msvc_on_windows_and_the_own_arch_on_macos() {
        let (gnu, musl) = ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl");
        assert_eq!(resolve("linux", &[musl, gnu]).as_deref(), Some(gnu));
        assert_eq!(resolve("linux", &[musl]).as_deref(), Some(musl));
        assert_eq!(resolve("linux-arm64", &[musl, gnu]), None);
        let (msvc, mingw) = ("x86_64-pc-windows-msvc", "x86_64-pc-windows-gnu");
        assert_eq!(resolve("windows", &[mingw, msvc]).as_deref(), Some(msvc));
        let (arm, universal) = ("aarch64-apple-darwin", "universal-apple-darwin");
        assert_eq!(resolve("darwin-aarch64", &[universal, arm]).as_deref(), Some(arm));
        assert_eq!(resolve("darwin", &[universal, arm]).as_deref(), Some(universal));
        assert_eq!(resolve(gnu, &[musl, gnu]).as_deref(), Some(gnu));
    }

    #[test]
    fn triples_have_two_to_four_parts() {
        for good in ["universal-apple-darwin", "x86_64-unknown-linux-gnu", "wasm32-wasip1", "i686-pc-windows-msvc"] {
            assert!(Platform::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "linux", "x86_64", "X86-a-b", "a-b-c-d-e", "a--b", "a/b-c", "../a-b"] {
            assert!(Platform::parse(bad).is_err(), "{bad}");
        }
    }
}
