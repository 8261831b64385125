//! Applies mutated patches.
#![no_main]

#[path = "../src/pairs.rs"]
mod pairs;

use libfuzzer_sys::fuzz_target;
use pairs::Pair;
use std::path::PathBuf;
use std::sync::LazyLock;

static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    let folder = std::env::var_os("PAIRS").map_or_else(|| "pairs".into(), PathBuf::from);
    let pairs = pairs::read(&folder).expect("the folder that PAIRS names, or `pairs`");
    assert!(!pairs.is_empty(), "no patches in {}", folder.display());
    pairs
});

fuzz_target!(|input: &[u8]| pairs::check(&PAIRS, input));
