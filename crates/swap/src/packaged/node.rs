//! npm and pnpm: a program inside of `node_modules`.

use super::{Package, name, read};
use std::path::{Path, PathBuf};

/// The package that brought a program, and that the user has asked for: the outermost one.
pub(super) fn owner_of(program: &Path) -> Option<Package> {
    let parts = read::parts(program)?;
    let at = parts.iter().position(|part| *part == "node_modules")?;
    let folder = program.ancestors().filter(|folder| folder.ends_with("node_modules")).last()?;
    if parts.get(at + 1) == Some(&".pnpm") {
        // .pnpm/NAME@VERSION/node_modules/NAME
        let at = parts.iter().rposition(|part| *part == "node_modules")?;
        let (name, _) = package(&parts[at + 1..])?;
        return Some(Package::new("pnpm", name.clone(), format!("pnpm update {name}")));
    }
    let (name, inside) = package(&parts[at + 1..])?;
    if !folder.join(inside).join("package.json").is_file() {
        return None;
    }
    let command = match is_global(folder) {
        true => format!("npm update -g {name}"),
        false => format!("npm update {name}"),
    };
    Some(Package::new("npm", name, command))
}

/// The name at the beginning of a path inside of `node_modules`, and its folder.
fn package(inside: &[&str]) -> Option<(String, PathBuf)> {
    let parts = if inside.first()?.starts_with('@') { inside.get(..2)? } else { inside.get(..1)? };
    let text = parts.join("/");
    (!text.starts_with('.')).then_some(())?;
    Some((name(&text)?.to_owned(), parts.iter().collect()))
}

/// npm's global folder is `PREFIX/lib/node_modules`, on Windows the user's `npm\node_modules`.
fn is_global(folder: &Path) -> bool {
    let above = folder.parent().and_then(read::file_name);
    matches!(above, Some("lib")) || (cfg!(windows) && matches!(above, Some("npm" | "nodejs")))
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;

    #[test]
    fn the_package_that_was_asked_for_is_named_not_the_one_inside() {
        let tree = Tree::new();
        for (package, program, command) in [
            ("usr/local/lib/node_modules/hello", "bin/hello", "npm update -g hello"),
            ("home/me/.n/lib/node_modules/@my/hello", "node_modules/@my/linux-x64/hello", "npm update -g @my/hello"),
            ("home/me/site/node_modules/hello", "bin/hello", "npm update hello"),
        ] {
            tree.file(&format!("{package}/package.json"), "{}");
            assert_eq!(tree.command(&format!("{package}/{program}")), command);
        }
        let pnpm = "home/me/site/node_modules/.pnpm/@my+hello@1.0.0/node_modules/@my/hello/bin/hello";
        assert_eq!(tree.command(pnpm), "pnpm update @my/hello");
    }

    #[test]
    fn a_folder_of_that_name_without_packages_is_not_npms() {
        let tree = Tree::new();
        for path in ["home/me/node_modules/hello", "home/me/node_modules/.bin/hello", "home/me/node_modules/@x/hello"] {
            let program = tree.file(path, "program");
            assert_eq!(tree.owner(&program), None, "{path}");
        }
    }
}
