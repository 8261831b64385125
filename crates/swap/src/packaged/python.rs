//! pip, pipx and uv: a wheel's `RECORD` lists the files that it brought, programs among them.

use super::read::{self, Budget};
use super::{Package, name, word};
use std::path::{Path, PathBuf};

/// The folder of programs, beside the library.
const PROGRAMS: &str = if cfg!(windows) { "Scripts" } else { "bin" };

/// The distribution that brought a program.
pub(super) fn owner_of(program: &Path) -> Option<Package> {
    let is_library = |folder: &&Path| folder.ends_with("site-packages") || folder.ends_with("dist-packages");
    let mut budget = Budget::new();
    if let Some(library) = program.ancestors().find(is_library) {
        let inside = read::parts(program.strip_prefix(library).ok()?)?.join("/");
        let prefix = library.ancestors().find(|above| above.join(PROGRAMS).is_dir());
        return wheel(library, &inside, &mut budget).map(|name| package(&name, prefix));
    }
    let prefix = program.parent().filter(|folder| folder.ends_with(PROGRAMS))?.parent()?;
    let file_name = read::file_name(program)?;
    libraries(prefix, &mut budget).into_iter().find_map(|(library, up)| {
        let recorded = format!("{up}{PROGRAMS}/{file_name}");
        wheel(&library, &recorded, &mut budget).map(|name| package(&name, Some(prefix)))
    })
}

/// Where the wheels of a prefix may lie, and the way from there to the prefix.
fn libraries(prefix: &Path, budget: &mut Budget) -> Vec<(PathBuf, &'static str)> {
    if cfg!(windows) {
        return vec![(prefix.join("Lib").join("site-packages"), "../../")];
    }
    let mut found = Vec::new();
    for lib in ["lib", "lib64"] {
        for python in budget.list(&prefix.join(lib)) {
            if read::file_name(&python).is_some_and(|name| name.starts_with("python")) {
                found.extend(["site-packages", "dist-packages"].map(|folder| (python.join(folder), "../../../")));
            }
        }
    }
    found
}

/// The wheel in `library` whose record has `file`.
fn wheel(library: &Path, file: &str, budget: &mut Budget) -> Option<String> {
    let mut wheels = budget.list(library);
    wheels.retain(|path| path.extension().is_some_and(|extension| extension == "dist-info"));
    wheels.into_iter().find_map(|wheel| {
        let record = budget.read(&wheel.join("RECORD"))?;
        // A line is path,hash,size; a path with a comma stands in quotes.
        let is_named = |line: &[u8]| {
            let line = line.strip_prefix(b"\"").unwrap_or(line);
            line.strip_prefix(file.as_bytes()).is_some_and(|rest| matches!(rest.first(), Some(b',' | b'"')))
        };
        record.split(|byte| *byte == b'\n').any(is_named).then_some(())?;
        let (distribution, _) = read::file_name(&wheel)?.split_once('-')?;
        Some(name(distribution)?.to_owned())
    })
}

fn package(name: &str, prefix: Option<&Path>) -> Package {
    let Some(prefix) = prefix else {
        return Package::new("pip", name, format!("pip install --upgrade {name}"));
    };
    // Programs that have an environment of their own are updated by what made it.
    let parts = read::parts(prefix).unwrap_or_default();
    match parts.as_slice() {
        [.., "pipx", "venvs", environment] if super::name(environment).is_some() => {
            return Package::new("pipx", name, format!("pipx upgrade {environment}"));
        }
        [.., "uv", "tools", environment] if super::name(environment).is_some() => {
            return Package::new("uv", name, format!("uv tool upgrade {environment}"));
        }
        _ => {}
    }
    let command = match prefix.join("pyvenv.cfg").is_file() {
        true => {
            let python = prefix.join(PROGRAMS).join("python");
            format!("{} -m pip install --upgrade {name}", word(&python))
        }
        false => format!("pip install --upgrade {name}"),
    };
    Package::new("pip", name, command)
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::tree::Tree;

    const RECORD: &str = "../../../bin/hello,sha256=x,1\nhello/core/hello-bin,sha256=y,2\nhello/__init__.py,,\n";

    #[test]
    fn programs_of_wheels_are_known_by_their_record() {
        let tree = Tree::new();
        let root = tree.root().display().to_string();
        for (prefix, command) in [
            ("home/me/.local", "pip install --upgrade hello".to_owned()),
            ("home/me/venv", format!("{root}/home/me/venv/bin/python -m pip install --upgrade hello")),
            ("home/me/.local/share/pipx/venvs/hello", "pipx upgrade hello".to_owned()),
            ("home/me/.local/share/uv/tools/hello", "uv tool upgrade hello".to_owned()),
        ] {
            let library = format!("{prefix}/lib/python3.11/site-packages");
            tree.file(&format!("{library}/hello-1.0.dist-info/RECORD"), RECORD);
            tree.file(&format!("{library}/other-1.0.dist-info/RECORD"), "other.py,,\n");
            if prefix != "home/me/.local" {
                tree.file(&format!("{prefix}/pyvenv.cfg"), "home = /usr/bin\n");
            }
            assert_eq!(tree.command(&format!("{prefix}/bin/hello")), command);
            assert_eq!(tree.command(&format!("{library}/hello/core/hello-bin")), command);
            let other = tree.file(&format!("{prefix}/bin/hello2"), "program");
            assert_eq!(tree.owner(&other), None);
        }
    }
}
