//! Errors for a person.

use crate::DifferError;
use std::error::Error;
use std::fmt::Write as _;

/// The error in one line, its causes in one line each, and what can be done.
pub fn text(error: &DifferError) -> String {
    let mut text = format!("error: {error}\n");
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some libraries repeat the cause in the error itself.
        let line = error.to_string();
        if !said.contains(&line) {
            let _ = writeln!(text, "caused by: {line}");
        }
        said = line;
        cause = error.source();
    }
    if let Some(hint) = error.hint() {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_followed_by_its_causes_and_a_hint() {
        let source = std::io::Error::other("the disk is on fire");
        let error = DifferError::File { operation: "read", path: "a.txt".into(), source };
        assert_eq!(text(&error), "error: can't read a.txt\ncaused by: the disk is on fire\n");
        let newest = DifferError::OlderThanNewest {
            version: upstep_model::Version::parse("1.0.0").expect("a version"),
            newest: upstep_model::Version::parse("1.1.0").expect("a version"),
            platform: upstep_model::Platform::parse("x86_64-unknown-linux-gnu").expect("a triple"),
        };
        assert!(text(&newest).ends_with("hint: publish it with --backfill if that is what you mean\n"));
    }
}
