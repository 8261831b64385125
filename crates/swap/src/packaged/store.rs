//! Nix, Guix, snap and flatpak keep programs in places of their own: the path tells.

use super::{Package, Update, name, read};
use std::path::Path;

/// The package of a program in one of these places.
pub(super) fn owner_of(program: &Path, root: &Path) -> Option<Package> {
    let parts = read::parts(program.strip_prefix(root).ok()?)?;
    let owner = match parts.as_slice() {
        ["nix", "store", item, ..] => with_name("Nix", store_name(item), "nix profile upgrade"),
        ["gnu", "store", item, ..] => with_name("Guix", store_name(item), "guix upgrade"),
        ["snap", package, _, ..] | ["var", "lib", "snapd", "snap", package, _, ..] => {
            with_name("snap", name(package), "sudo snap refresh")
        }
        // Inside of its sandbox a flatpak's own files are /app, and this file says who it is.
        ["app", ..] => {
            let info = read::text(&root.join(".flatpak-info"))?;
            let id = info.lines().find_map(|line| line.strip_prefix("name="));
            with_name("flatpak", id.and_then(name), "flatpak update")
        }
        // Seen from outside: a system's or a user's `flatpak/app/ID/ARCH/BRANCH`.
        parts => match parts.windows(5).find(|window| window[..2] == ["flatpak", "app"])? {
            [_, _, id, ..] => with_name("flatpak", name(id), "flatpak update"),
            _ => return None,
        },
    };
    Some(owner)
}

fn with_name(manager: &'static str, name: Option<&str>, command: &str) -> Package {
    match name {
        Some(name) => Package::new(manager, name, format!("{command} {name}")),
        None => Package { manager, name: None, update: Update::Command(command.to_owned()) },
    }
}

/// The name in `<hash>-<name>-<version>`.
fn store_name(item: &str) -> Option<&str> {
    let (_, rest) = item.split_once('-')?;
    let is_version = |at: &usize| rest[at + 1..].starts_with(|first: char| first.is_ascii_digit());
    let end = rest.match_indices('-').map(|(at, _)| at).find(is_version).unwrap_or(rest.len());
    name(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;

    #[test]
    fn programs_in_stores_and_sandboxes_are_known_by_their_place() {
        let tree = Tree::new();
        let hash = "0c0xv3dz6cjjzlzn3kqz2xgk8bqhvwrk";
        for (program, command) in [
            (format!("nix/store/{hash}-hello-2.12.1/bin/hello"), "nix profile upgrade hello"),
            (format!("nix/store/{hash}-my-tool-1.0/bin/my-tool"), "nix profile upgrade my-tool"),
            (format!("gnu/store/{hash}-hello-2.12.1/bin/hello"), "guix upgrade hello"),
            ("snap/hello/42/bin/hello".into(), "sudo snap refresh hello"),
            ("var/lib/snapd/snap/hello/x1/bin/hello".into(), "sudo snap refresh hello"),
            (
                "var/lib/flatpak/app/org.example.Hello/x86_64/stable/0123/files/bin/hello".into(),
                "flatpak update org.example.Hello",
            ),
            (
                "home/me/.local/share/flatpak/app/org.example.Hello/current/active/files/bin/hello".into(),
                "flatpak update org.example.Hello",
            ),
        ] {
            assert_eq!(tree.command(&program), command, "{program}");
        }
    }

    #[test]
    fn inside_of_a_flatpak_its_own_file_says_who_it_is() {
        let tree = Tree::new();
        let program = tree.file("app/bin/hello", "program");
        assert_eq!(tree.owner(&program), None, "a folder /app alone is no flatpak");
        tree.file(".flatpak-info", "[Application]\nname=org.example.Hello\nruntime=runtime/org.x/y\n");
        assert_eq!(tree.command("app/bin/hello"), "flatpak update org.example.Hello");
        tree.file(".flatpak-info", "[Application]\nname=$(reboot)\n");
        assert_eq!(tree.command("app/bin/hello"), "flatpak update");
    }
}
