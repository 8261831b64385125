//! What a program says about itself: name, version, platform and root of trust.

use upstep_model::marker::{self, LEN, Marker};

/// Puts name, version and platform of the program into its bytes, together with its root of
/// trust, and begins a [`Builder`](crate::Builder).
///
/// The version is that of the calling crate (`CARGO_PKG_VERSION`), the platform the target that
/// it is built for, and the root `upstep.root.json` beside its `Cargo.toml`, which `differ init`
/// writes. `app!("hello", root = bytes)` takes a root from elsewhere.
#[macro_export]
macro_rules! app {
    ($name:literal) => {
        $crate::app!(
            $name,
            root = ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/upstep.root.json"))
        )
    };
    ($name:literal, root = $root:expr) => {{
        const _: () = $crate::__private::assert_setting($name, ::core::env!("CARGO_PKG_VERSION"));
        #[used]
        static UPSTEP_MARKER: [u8; $crate::__private::LEN] =
            $crate::__private::bytes($name, ::core::env!("CARGO_PKG_VERSION"), $crate::__private::TARGET);
        $crate::Builder::new($crate::__private::read(&UPSTEP_MARKER), $root)
    }};
}

/// What the macro [`app!`](crate::app!) needs; no part of the interface.
#[doc(hidden)]
pub mod private {
    pub use upstep_model::marker::{LEN, bytes};

    /// The target that this library is built for: it is that of the program that links it.
    pub const TARGET: &str = env!("UPSTEP_TARGET");

    pub use super::{assert_setting, read};
}

/// Refuses at compile time what would be no app name or no version at run time.
#[doc(hidden)]
pub const fn assert_setting(name: &str, version: &str) {
    let (name, version) = (name.as_bytes(), version.as_bytes());
    assert!(!name.is_empty() && name[0] != b'-', "an app name must be [a-z0-9][a-z0-9-]*");
    let mut i = 0;
    while i < name.len() {
        let good = matches!(name[i], b'a'..=b'z' | b'0'..=b'9' | b'-');
        assert!(good, "an app name must be [a-z0-9][a-z0-9-]*");
        i += 1;
    }
    let mut i = 0;
    while i < version.len() {
        assert!(version[i] != b'+', "a version must not have build metadata: it would have no precedence");
        i += 1;
    }
}

/// Reads the marker from the program's own bytes.
///
/// The read is volatile, so that the version which the program works with is always the one that
/// stands in its file, where `differ` reads it: a compiler can't put a constant in its place.
#[doc(hidden)]
#[expect(unsafe_code, reason = "no safe read is guaranteed to happen at run time")]
pub fn read(marker: &'static [u8; LEN]) -> Result<Marker, upstep_model::Invalid> {
    // SAFETY: a reference to an initialised static is valid for reads and aligned.
    let bytes = unsafe { std::ptr::read_volatile(marker) };
    marker::parse(&bytes)
}
