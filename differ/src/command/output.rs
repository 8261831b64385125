//! Data goes to standard output; a reader that has gone away is no error.

use crate::DifferError;
use serde::Serialize;
use std::io::{ErrorKind, Write as _};

/// Prints text that ends its own lines.
pub fn text(text: &str) -> Result<(), DifferError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(DifferError::File { operation: "write", path: "standard output".into(), source: error })
        }
        _ => Ok(()),
    }
}

/// Prints JSON.
pub fn json(value: &impl Serialize) -> Result<(), DifferError> {
    let mut json = serde_json::to_string_pretty(value).expect("reports are maps with text as keys");
    json.push('\n');
    text(&json)
}

/// A number of bytes, in digits that a person can read.
pub fn bytes(bytes: u64) -> String {
    let digits = bytes.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of bytes in whole megabytes, at least 1.
pub fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(bytes(number), text);
        }
    }
}
