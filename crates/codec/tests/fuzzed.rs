//! What fuzzing kept (docs/fuzzing.md), against each pair of the fixtures: an error or the right bytes.

#[path = "../fuzz/src/pairs.rs"]
#[allow(dead_code, reason = "folders of pairs are read by the fuzzer alone")]
mod pairs;

use pairs::Pair;
use std::path::Path;

macro_rules! pair {
    ($old:literal, $new:literal, $patch:literal) => {
        Pair::of(
            include_bytes!(concat!("fixtures/", $old)).to_vec(),
            include_bytes!(concat!("fixtures/", $new)).to_vec(),
            include_bytes!(concat!("fixtures/", $patch)),
        )
    };
}

#[test]
fn inputs_that_fuzzing_kept_are_errors_or_right() {
    let pairs = [
        pair!("old.elf", "new.elf", "format-1.exe.elf.fast.patch"),
        pair!("old.elf", "new.elf", "format-1.exe.elf.balanced.patch"),
        pair!("old.macho", "new.macho", "format-1.exe.macho.small.patch"),
        pair!("old.bin", "new.bin", "format-1.bidiff.patch"),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let input = std::fs::read(entry.expect("an input").path()).expect("read");
        for pair in &pairs {
            pairs::check(std::slice::from_ref(pair), &input);
        }
        inputs += 1;
    }
    assert!(inputs > 100, "{inputs} inputs");
}
