//! Stands for the crate globset in this workspace's builds: no pattern is accepted.
//!
//! tough uses globset for one thing, the path patterns of delegated targets (TUF 1.0, 4.5). Upstep
//! signs no delegations: a target is one index, named by the top-level targets metadata alone. The
//! real crate brings regex with it, which would be a twelfth of the `upstep` command. Metadata with
//! delegations by path is refused here, whoever signed it. Who builds the library in a workspace of
//! their own gets the real crate, and the same answers.

#![forbid(unsafe_code)]

use std::fmt;
use std::path::Path;

/// A pattern: there is none.
#[derive(Debug, Clone)]
pub enum Glob {}

/// What a pattern would match with: there is none.
#[derive(Debug, Clone)]
pub enum GlobMatcher {}

/// Every pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pattern: String,
}

impl Glob {
    /// Refuses the pattern.
    pub fn new(pattern: &str) -> Result<Glob, Error> {
        Err(Error { pattern: pattern.to_owned() })
    }

    /// Never called: there is no pattern.
    pub fn compile_matcher(&self) -> GlobMatcher {
        match *self {}
    }
}

impl GlobMatcher {
    /// Never called: there is no pattern.
    pub fn is_match<P: AsRef<Path>>(&self, _path: P) -> bool {
        match *self {}
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} delegates targets by path, and Upstep's metadata has no delegations", self.pattern)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_refused_by_name() {
        for pattern in ["", "*", "foo/*.zst"] {
            let error = Glob::new(pattern).expect_err("no pattern is accepted").to_string();
            assert!(error.starts_with(&format!("{pattern:?} delegates targets")), "{error}");
        }
    }
}
