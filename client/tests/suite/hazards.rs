//! docs/hazards.md names a test for every hazard, docs/platforms.md for every rule of a system: those
//! tests exist.

use std::collections::BTreeSet;
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
        for_each_source(&top.join(folder), &mut |text| sources.push_str(text));
    }
    for name in named {
        assert!(
            sources.contains(&format!("fn {name}(")),
            "docs/hazards.md or docs/platforms.md names {name}, which is no test"
        );
    }
}

#[test]
fn the_tests_that_windows_leaves_out_are_those_that_the_page_names() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let page = std::fs::read_to_string(top.join("docs/platforms.md")).expect("the page");
    let (_, list) = page.split_once("### Left out under Wine").expect("the list");
    let named: BTreeSet<String> =
        list.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned)).collect();
    let mut found = BTreeSet::new();
    // patch-server's own tests are not part of ci/windows; what it does there the client's show.
    for folder in ["crates", "differ", "client"] {
        for_each_source(&top.join(folder), &mut |text| found.extend(unix_tests(text)));
    }
    assert_eq!(found, named, "docs/platforms.md must name the tests that are left out, and why");
}

/// The names of the tests in a source that are compiled for Unix alone, or for Linux.
fn unix_tests(source: &str) -> Vec<String> {
    let is_unix = |line: &str| {
        line.contains("cfg(unix)")
            || line.contains(r#"cfg(target_os = "linux")"#)
            || line.contains("cfg(all(test, unix))")
    };
    let mut names = Vec::new();
    let (mut file, mut module, mut attributes) = (false, false, Vec::new());
    for line in source.lines().map(str::trim) {
        if line.starts_with("#![") {
            file |= is_unix(line);
        } else if line.starts_with("#[") {
            attributes.push(line);
        } else if !line.starts_with("//") {
            let is_left_out = attributes.iter().any(|line| is_unix(line));
            if line.starts_with("mod ") && line.ends_with('{') {
                module = is_left_out;
            }
            let is_test = attributes.iter().any(|line| *line == "#[test]" || *line == "#[tokio::test]");
            let is_ignored = attributes.iter().any(|line| line.starts_with("#[ignore"));
            let name = line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            if let Some(name) = name.filter(|_| is_test && !is_ignored && (file || module || is_left_out)) {
                names.push(name.to_owned());
            }
            attributes.clear();
        }
    }
    names
}

fn for_each_source(folder: &Path, visit: &mut dyn FnMut(&str)) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            for_each_source(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}
