//! docs/hazards.md names a test for every hazard, docs/platforms.md for every rule of a system: those
//! tests exist.

use std::path::Path;

#[test]
fn every_test_that_the_table_names_exists() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let read = |page: &str| std::fs::read_to_string(top.join("docs").join(page)).expect("the page");
    let tables = [read("hazards.md"), read("platforms.md")];
    let is_test = |word: &&str| word.len() > 15 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let named: Vec<&str> = tables.iter().flat_map(|table| table.split('`')).filter(is_test).collect();
    assert!(named.len() > 40, "{} tests are named", named.len());
    let mut sources = String::new();
    for folder in ["crates", "differ", "patch-server", "client"] {
        read_sources(&top.join(folder), &mut sources);
    }
    for name in named {
        assert!(
            sources.contains(&format!("fn {name}(")),
            "docs/hazards.md or docs/platforms.md names {name}, which is no test"
        );
    }
}

fn read_sources(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}
