//! Programs that a package manager owns: found from files alone, before anything is downloaded.
//!
//! A program that two programs update is broken by one of them. No other program is asked, since
//! this runs at every start: what managers write down beside the program, or in a database of text
//! files, is read, and never more of it than a limit. A database that says nothing leaves the
//! folder: a distribution owns `/usr` but for `/usr/local`.

mod cargo;
mod homebrew;
mod node;
mod python;
mod read;
mod store;
#[cfg(unix)]
mod system;
/// Windows has no packages of that kind.
#[cfg(not(unix))]
mod system {
    use super::Package;
    use std::path::Path;

    pub(super) fn owner_by_database(_program: &Path, _root: &Path) -> Option<Package> {
        None
    }

    pub(super) fn owner_by_folder(_program: &Path, _root: &Path) -> Option<Package> {
        None
    }
}

use std::fmt;
use std::path::Path;

/// What owns a program's file in place of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// `dpkg`, `Homebrew`, `cargo`.
    pub manager: &'static str,
    /// The package's name, where it can be told.
    pub name: Option<String>,
    /// What updates it: a command to type, or what to do.
    pub update: Update,
}

/// How a package is updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// A command to type.
    Command(String),
    /// What to do, where the command depends on what only the user knows.
    Advice(&'static str),
}

impl Package {
    fn new(manager: &'static str, name: impl Into<String>, command: impl Into<String>) -> Self {
        Package { manager, name: Some(name.into()), update: Update::Command(command.into()) }
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "the package {name} ({})", self.manager),
            None => write!(f, "a package ({})", self.manager),
        }
    }
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Update::Command(command) => write!(f, "update it with `{command}`"),
            Update::Advice(advice) => f.write_str(advice),
        }
    }
}

/// The package that owns the program at `program`, a canonical path. `root` is `/`; tests put a
/// folder in its place.
pub(crate) fn owner_of(program: &Path, root: &Path) -> Option<Package> {
    // First what the path alone tells, then the databases that name the file, then the folder.
    store::owner_of(program, root)
        .or_else(|| homebrew::owner_of(program))
        .or_else(|| system::owner_by_database(program, root))
        .or_else(|| node::owner_of(program))
        .or_else(|| cargo::owner_of(program))
        .or_else(|| python::owner_of(program))
        .or_else(|| system::owner_by_folder(program, root))
}

/// A name that may stand in a command: it comes from a file, and a person will paste it.
fn name(text: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'@' | b'/');
    let is_name = !text.is_empty() && text.len() <= 214 && !text.starts_with('-') && text.bytes().all(is_plain);
    is_name.then_some(text)
}

/// A path as a word of a command.
fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    // Windows's canonical form is one that no shell takes.
    let text = text.strip_prefix(r"\\?\").unwrap_or(&text);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b':');
    match text.bytes().all(|byte| is_plain(byte) || (cfg!(windows) && byte == b'\\')) {
        true => text.to_owned(),
        false if cfg!(windows) => format!("\"{text}\""),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// A made-up tree of files.
#[cfg(test)]
mod tree {
    use std::path::{Path, PathBuf};

    pub(super) struct Tree(tempfile::TempDir);

    impl Tree {
        pub(super) fn new() -> Self {
            Tree(tempfile::tempdir().expect("a folder"))
        }

        pub(super) fn root(&self) -> PathBuf {
            self.0.path().canonicalize().expect("there")
        }

        /// Writes a file; its path.
        pub(super) fn file(&self, path: &str, text: &str) -> PathBuf {
            let path = self.root().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, text).expect("written");
            path
        }

        /// The manager's name and what is to be done, for a program.
        pub(super) fn owner(&self, program: &Path) -> Option<(&'static str, String)> {
            super::owner_of(program, &self.root()).map(|package| (package.manager, package.update.to_string()))
        }

        /// The command that updates a program that is made here.
        #[track_caller]
        pub(super) fn command(&self, program: &str) -> String {
            let program = self.file(program, "program");
            let package = super::owner_of(&program, &self.root()).expect("a package manager owns it");
            match package.update {
                super::Update::Command(command) => command,
                super::Update::Advice(advice) => panic!("no command but {advice}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::tree::Tree;
    use super::*;

    #[test]
    fn a_program_of_nobody_elses_is_its_users() {
        let tree = Tree::new();
        for path in ["home/me/bin/hello", "usr/local/bin/hello", "opt/hello/hello", "tmp/hello"] {
            let program = tree.file(path, "program");
            assert_eq!(owner_of(&program, &tree.root()), None, "{path}");
        }
    }

    #[test]
    fn a_name_from_a_file_is_no_way_into_a_command() {
        for bad in ["", "a b", "$(reboot)", "a;b", "`x`", "--yes", "ä", &"a".repeat(300)] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
        assert_eq!(name("@scope/hello-1.0_x+y"), Some("@scope/hello-1.0_x+y"));
        #[cfg(unix)]
        assert_eq!(word(Path::new("/a b/it's")), r"'/a b/it'\''s'");
        assert_eq!(word(Path::new("/opt/x")), "/opt/x");
    }

    #[test]
    fn what_is_told_names_the_package_and_the_command() {
        let package = Package::new("cargo", "hello", "cargo install hello");
        assert_eq!(package.to_string(), "the package hello (cargo)");
        assert_eq!(package.update.to_string(), "update it with `cargo install hello`");
    }
}
