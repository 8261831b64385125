//! The install path in the role's variable: its bytes as they are.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// The variable's value: `head` and the path.
pub(crate) fn encode_path(head: &str, path: &Path) -> OsString {
    let mut value = OsString::from(head);
    value.push(path);
    value
}

/// Splits the variable's value after its third colon.
pub(crate) fn decode_path(value: &OsStr) -> Option<(String, PathBuf)> {
    let bytes = value.as_bytes();
    let (third, _) = bytes.iter().enumerate().filter(|(_, byte)| **byte == b':').nth(2)?;
    let head = std::str::from_utf8(&bytes[..third]).ok()?;
    Some((head.to_owned(), PathBuf::from(OsString::from_vec(bytes[third + 1..].to_vec()))))
}
