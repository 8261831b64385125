//! The least program that links the library: the tests publish it, with versions of their own in
//! its marker, and see it probed.

use upstep_model::marker;
use upstep_swap::{Options, Program, begin};

#[used]
static MARKER: [u8; marker::LEN] = marker::bytes("hello", "1.0.0", PLATFORM);

const PLATFORM: &str = match (cfg!(target_os = "linux"), cfg!(target_arch = "x86_64")) {
    (true, true) => "x86_64-unknown-linux-gnu",
    (true, false) => "aarch64-unknown-linux-gnu",
    (false, true) => "x86_64-pc-windows-msvc",
    (false, false) => "aarch64-apple-darwin",
};

fn main() {
    // The probe ends in `begin`; before it the program says which version it is by its bytes, or
    // by the environment where a test wants it to lie.
    // SAFETY: a static is readable. Volatile, or the compiler would take the bytes that it knows.
    let mut marker = marker::parse(&unsafe { std::ptr::read_volatile(&raw const MARKER) }).expect("a marker");
    if let Some(lie) = std::env::var("PROBED_VERSION").ok().and_then(|text| text.parse().ok()) {
        marker.version = lie;
    }
    if std::env::var_os("PROBED_DIES").is_some() {
        std::process::exit(3);
    }
    begin(&Program { app: marker.app, version: marker.version, platform: marker.platform }, &Options::default());
}
