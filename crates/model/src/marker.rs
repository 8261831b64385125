//! The marker that `upstep::app!` embeds in a program's bytes: app, version and platform.
//!
//! `differ` reads it off the file that it publishes, so that nobody has to say on the command line
//! what the program says itself, and a version constant that nobody bumped is found out.
//!
//! Layout, 208 bytes: 16 bytes of magic, then app, version and platform in 64 bytes each, UTF-8,
//! padded with NUL.

use crate::name::MAX_NAME;
use crate::platform::MAX_PLATFORM;
use crate::version::MAX_VERSION;
use crate::{AppName, Invalid, Platform, Version};

/// Length of the marker in bytes.
pub const LEN: usize = MAGIC_LEN + MAX_NAME + MAX_VERSION + MAX_PLATFORM;
const MAGIC_LEN: usize = 16;

/// The magic, each byte XORed with 0x55: a program that searches for markers must not hold the
/// magic itself, or it would be found in every program that links this crate.
const MASKED_MAGIC: [u8; MAGIC_LEN] = mask(*b"\xc3\x0b\xfdUPSTEP-APP\x01\xd1\x9e");

const fn mask(mut bytes: [u8; MAGIC_LEN]) -> [u8; MAGIC_LEN] {
    let mut i = 0;
    while i < MAGIC_LEN {
        bytes[i] ^= 0x55;
        i += 1;
    }
    bytes
}

/// What a marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The app.
    pub app: AppName,
    /// The version of this build.
    pub version: Version,
    /// The platform that it was built for.
    pub platform: Platform,
}

/// The marker's bytes, made at compile time: `app!` puts them into a `#[used]` static.
///
/// # Panics
/// At compile time, if one of the texts is longer than its field.
pub const fn bytes(app: &str, version: &str, platform: &str) -> [u8; LEN] {
    let mut out = [0; LEN];
    out = put(out, 0, &mask(MASKED_MAGIC), MAGIC_LEN);
    out = put(out, MAGIC_LEN, app.as_bytes(), MAX_NAME);
    out = put(out, MAGIC_LEN + MAX_NAME, version.as_bytes(), MAX_VERSION);
    put(out, MAGIC_LEN + MAX_NAME + MAX_VERSION, platform.as_bytes(), MAX_PLATFORM)
}

const fn put(mut out: [u8; LEN], at: usize, text: &[u8], room: usize) -> [u8; LEN] {
    assert!(text.len() <= room, "a text of the marker is longer than its field");
    let mut i = 0;
    while i < text.len() {
        out[at + i] = text[i];
        i += 1;
    }
    out
}

/// Reads one marker from its bytes.
pub fn parse(bytes: &[u8; LEN]) -> Result<Marker, Invalid> {
    let field = |at: usize, room: usize| {
        let field = &bytes[at..at + room];
        let end = field.iter().position(|&byte| byte == 0).unwrap_or(room);
        std::str::from_utf8(&field[..end])
            .map_err(|_| Invalid::new("marker", "UTF-8 text", &String::from_utf8_lossy(field)))
    };
    Ok(Marker {
        app: AppName::parse(field(MAGIC_LEN, MAX_NAME)?)?,
        version: Version::parse(field(MAGIC_LEN + MAX_NAME, MAX_VERSION)?)?,
        platform: Platform::parse(field(MAGIC_LEN + MAX_NAME + MAX_VERSION, MAX_PLATFORM)?)?,
    })
}

/// The markers in a program's bytes with their offsets: none, one, or one per slice of a universal
/// Mach-O. Bytes that only look like the beginning of a marker are passed over.
pub fn find(program: &[u8]) -> Vec<(usize, Marker)> {
    let mut found = Vec::new();
    let mut from = 0;
    // The search runs on the first byte and compares the rest masked: the magic is in no constant.
    while let Some(at) = program[from..].iter().position(|&byte| byte ^ 0x55 == MASKED_MAGIC[0]) {
        let at = from + at;
        from = at + 1;
        let Some(bytes) = program.get(at..at + LEN).and_then(|bytes| <&[u8; LEN]>::try_from(bytes).ok()) else {
            continue;
        };
        let is_magic = bytes.iter().zip(MASKED_MAGIC).all(|(byte, masked)| byte ^ 0x55 == masked);
        if is_magic && let Ok(marker) = parse(bytes) {
            found.push((at, marker));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_embedded_is_found_again_and_nothing_else() {
        let marker = bytes("hello", "1.2.3", "x86_64-unknown-linux-gnu");
        let mut program = vec![0xc3; 1000];
        program.extend_from_slice(&marker);
        program.extend_from_slice(&marker[..LEN - 1]);
        let found = find(&program);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 1000);
        assert_eq!(found[0].1.version.to_string(), "1.2.3");
        assert_eq!(found[0].1.app.as_str(), "hello");
        assert_eq!(found[0].1.platform.as_str(), "x86_64-unknown-linux-gnu");
    }

    #[test]
    fn a_marker_with_a_bad_version_is_none() {
        assert!(find(&bytes("hello", "one", "x86_64-unknown-linux-gnu")).is_empty());
    }
}
