//! The packages of a distribution: dpkg, pacman and rpm.
//!
//! Their files belong to root, as the root folder does: a program of anybody else's is none of
//! theirs, and the databases are not read for it.

use super::read::{self, Budget};
use super::{Package, Update, name, word};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Folders that packages put programs in. (`/usr/local` is the administrator's.)
const FOLDERS: [&str; 8] = ["usr", "bin", "sbin", "lib", "lib64", "opt", "etc", "var"];

/// The package that a distribution's database has a program's path in.
pub(super) fn owner_by_database(program: &Path, root: &Path) -> Option<Package> {
    let inside = inside(program, root)?;
    let is_roots = owner(program).is_some_and(|uid| Some(uid) == owner(root));
    if !is_roots {
        return None;
    }
    // The same file by the name that it had before /bin was a link to /usr/bin.
    let mut names = vec![inside.to_str()?];
    names.extend(inside.strip_prefix("usr").ok().and_then(Path::to_str));
    dpkg(root, &names).or_else(|| pacman(root, &names))
}

/// Where no database names the program: a distribution owns the folder. rpm's is no text.
pub(super) fn owner_by_folder(program: &Path, root: &Path) -> Option<Package> {
    let inside = inside(program, root)?;
    let is_systems = ["usr", "bin", "sbin", "lib", "lib64"].iter().any(|folder| inside.starts_with(folder));
    if !is_systems {
        return None;
    }
    let rpm = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];
    let has_rpm = rpm.iter().any(|folder| root.join(folder).is_dir()) && !root.join("var/lib/dpkg/status").is_file();
    if !has_rpm {
        let update =
            Update::Advice("update it with the system's package manager, or install it in a folder of its own");
        return Some(Package { manager: "the system's", name: None, update });
    }
    let upgrade = if root.join("usr/bin/zypper").exists() { "zypper update" } else { "dnf upgrade" };
    let command = format!("sudo {upgrade} \"$(rpm -qf --queryformat '%{{NAME}}' {})\"", word(program));
    Some(Package { manager: "rpm", name: None, update: Update::Command(command) })
}

/// The path without the root, where packages put programs.
fn inside(program: &Path, root: &Path) -> Option<PathBuf> {
    let inside = program.strip_prefix(root).ok()?;
    let is_theirs = FOLDERS.iter().any(|folder| inside.starts_with(folder)) && !inside.starts_with("usr/local");
    is_theirs.then(|| inside.to_owned())
}

fn owner(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|metadata| metadata.uid())
}

/// dpkg's lists: `info/NAME.list` or `info/NAME:ARCH.list`, a path in each line.
fn dpkg(root: &Path, names: &[&str]) -> Option<Package> {
    let mut budget = Budget::new();
    let lists = budget.list(&root.join("var/lib/dpkg/info"));
    lists.into_iter().find_map(|list| {
        let package = read::file_name(&list)?.strip_suffix(".list")?;
        let package = package.split(':').next().and_then(name)?;
        let bytes = budget.read(&list)?;
        has_line(&bytes, b"/", names)
            .then(|| Package::new("dpkg", package, format!("sudo apt install --only-upgrade {package}")))
    })
}

/// pacman's database: `local/NAME-VERSION-RELEASE/files`, a path in each line.
fn pacman(root: &Path, names: &[&str]) -> Option<Package> {
    let mut budget = Budget::new();
    let packages = budget.list(&root.join("var/lib/pacman/local"));
    packages.into_iter().find_map(|package| {
        let name = read::file_name(&package)?.rsplitn(3, '-').nth(2).and_then(name)?.to_owned();
        let bytes = budget.read(&package.join("files"))?;
        // There are no partial upgrades on such a system: everything is brought up to date.
        has_line(&bytes, b"", names).then(|| Package::new("pacman", name.clone(), format!("sudo pacman -Syu {name}")))
    })
}

fn has_line(text: &[u8], before: &[u8], names: &[&str]) -> bool {
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| line.strip_prefix(before))
        .any(|line| names.iter().any(|name| line == name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;

    #[test]
    fn dpkg_names_the_package_also_by_the_path_before_usr_was_merged() {
        let tree = Tree::new();
        tree.file("var/lib/dpkg/info/hello:amd64.list", "/.\n/usr\n/usr/bin\n/usr/bin/hello\n/bin/old\n/opt/hi/hi\n");
        tree.file("var/lib/dpkg/info/hello:amd64.md5sums", "/usr/bin/other\n");
        tree.file("var/lib/dpkg/info/hello2.list", "/usr/bin/hello2\n");
        for program in ["usr/bin/hello", "usr/bin/old", "opt/hi/hi"] {
            assert_eq!(tree.command(program), "sudo apt install --only-upgrade hello", "{program}");
        }
        assert_eq!(tree.command("usr/bin/hello2"), "sudo apt install --only-upgrade hello2");
        let by_hand = tree.file("opt/hi/other", "program");
        assert_eq!(tree.owner(&by_hand), None);
    }

    #[test]
    fn pacman_names_the_package_without_version_and_release() {
        let tree = Tree::new();
        tree.file("var/lib/pacman/local/hello-world-2.12-1/files", "%FILES%\nusr/\nusr/bin/\nusr/bin/hello\n\n");
        tree.file("var/lib/pacman/local/ALPM_DB_VERSION", "9\n");
        assert_eq!(tree.command("usr/bin/hello"), "sudo pacman -Syu hello-world");
    }

    #[test]
    fn rpm_is_asked_for_the_name() {
        let tree = Tree::new();
        tree.file("usr/lib/sysimage/rpm/rpmdb.sqlite", "");
        let command = tree.command("usr/bin/hello");
        assert!(command.starts_with("sudo dnf upgrade \"$(rpm -qf "), "{command}");
        assert!(command.contains("usr/bin/hello"), "{command}");
        tree.file("usr/bin/zypper", "");
        assert!(tree.command("usr/bin/hello").starts_with("sudo zypper update "));
        let by_hand = tree.file("usr/local/bin/hello", "program");
        assert_eq!(tree.owner(&by_hand), None);
    }

    #[test]
    fn a_folder_of_the_systems_is_the_systems_also_where_nothing_is_written_down() {
        let tree = Tree::new();
        let program = tree.file("usr/bin/hello", "program");
        let (manager, advice) = tree.owner(&program).expect("the system's");
        assert_eq!(manager, "the system's");
        assert!(advice.contains("package manager"), "{advice}");
    }
}
