//! Cargo: `ROOT/bin` holds the programs, `ROOT/.crates2.json` says which crate each came from.

use super::{Package, name, read, word};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Installed {
    /// By `NAME VERSION (SOURCE)`.
    installs: BTreeMap<String, Install>,
}

#[derive(Deserialize)]
struct Install {
    bins: Vec<String>,
}

/// The crate that `cargo install` built a program from. One that was only copied into the folder is
/// not in the list.
pub(super) fn owner_of(program: &Path) -> Option<Package> {
    let file_name = read::file_name(program)?;
    let bin = program.parent().filter(|bin| bin.ends_with("bin"))?;
    let list = read::text(&bin.parent()?.join(".crates2.json"))?;
    let installed: Installed = serde_json::from_str(&list).ok()?;
    let (id, _) = installed.installs.iter().find(|(_, install)| install.bins.iter().any(|bin| bin == file_name))?;
    let mut words = id.splitn(3, ' ');
    let name = name(words.next()?)?;
    let source = words.nth(1).unwrap_or_default().trim_start_matches('(').trim_end_matches(')');
    Some(Package::new("cargo", name, command(name, source)))
}

fn command(name: &str, source: &str) -> String {
    match source.split_once('+') {
        Some(("git", url)) => {
            // The commit that was built, and what was asked for.
            let url = url.split(['#', '?']).next().unwrap_or(url);
            format!("cargo install --git {} {name}", word(Path::new(url)))
        }
        Some(("path", url)) => {
            let path = url.strip_prefix("file://").unwrap_or(url);
            format!("cargo install --path {}", word(Path::new(path)))
        }
        _ => format!("cargo install {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;

    const LIST: &str = r#"{"installs":{
        "hello 1.0.0 (registry+https://example.org/index)":{"version_req":null,"bins":["hello","hallo"],"profile":"release"},
        "tool 0.1.0 (git+https://example.org/tool?branch=main#0123456)":{"bins":["tool"]},
        "mine 0.1.0 (path+file:///home/me/my%20tool)":{"bins":["mine"]},
        "$(reboot) 0.1.0 (registry+https://example.org/index)":{"bins":["evil"]}
    }}"#;

    #[test]
    fn programs_that_cargo_built_are_known_by_its_list() {
        let tree = Tree::new();
        tree.file("home/me/.cargo/.crates2.json", LIST);
        for (program, command) in [
            ("hallo", "cargo install hello"),
            ("tool", "cargo install --git https://example.org/tool tool"),
            (
                "mine",
                if cfg!(windows) {
                    r#"cargo install --path "/home/me/my%20tool""#
                } else {
                    "cargo install --path '/home/me/my%20tool'"
                },
            ),
        ] {
            assert_eq!(tree.command(&format!("home/me/.cargo/bin/{program}")), command);
        }
    }

    #[test]
    fn what_was_only_copied_there_and_what_is_no_list_is_not_cargos() {
        let tree = Tree::new();
        tree.file("home/me/.cargo/.crates2.json", LIST);
        for other in ["home/me/.cargo/bin/other", "home/me/.cargo/bin/evil", "home/me/.cargo/libexec/hello"] {
            let program = tree.file(other, "program");
            assert_eq!(tree.owner(&program), None, "{other}");
        }
        let program = tree.file("opt/x/bin/hello", "program");
        for nonsense in ["", "{", "[]", r#"{"installs":[]}"#] {
            tree.file("opt/x/.crates2.json", nonsense);
            assert_eq!(tree.owner(&program), None, "{nonsense}");
        }
    }
}
