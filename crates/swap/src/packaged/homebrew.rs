//! Homebrew: a program lies in `Cellar/NAME/VERSION`, beside the receipt of its installation.

use super::{Package, name};
use std::path::Path;

/// The formula or cask that a program belongs to.
pub(super) fn owner_of(program: &Path) -> Option<Package> {
    // A cask's app is moved to the folder of applications, and updates itself there: that is
    // the user's. What stays in the Caskroom is not.
    program.ancestors().find_map(|keg| {
        let package = keg.parent()?;
        let name = name(package.file_name()?.to_str()?)?;
        let cellar = package.parent()?;
        match cellar.file_name()?.to_str()? {
            "Cellar" if keg.join("INSTALL_RECEIPT.json").is_file() => {
                Some(Package::new("Homebrew", name, format!("brew upgrade {name}")))
            }
            "Caskroom" if package.join(".metadata").is_dir() => {
                Some(Package::new("Homebrew", name, format!("brew upgrade --cask {name}")))
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;

    #[test]
    fn formulas_and_casks_are_known_by_their_receipts() {
        let tree = Tree::new();
        for prefix in ["opt/homebrew", "usr/local", "home/linuxbrew/.linuxbrew"] {
            tree.file(&format!("{prefix}/Cellar/hello/1.0_1/INSTALL_RECEIPT.json"), "{}");
            assert_eq!(tree.command(&format!("{prefix}/Cellar/hello/1.0_1/bin/hello")), "brew upgrade hello");
        }
        tree.file("opt/homebrew/Caskroom/hello/.metadata/config.json", "{}");
        assert_eq!(tree.command("opt/homebrew/Caskroom/hello/1.0/hello"), "brew upgrade --cask hello");
    }

    #[test]
    fn somebodys_cellar_is_no_homebrew() {
        let tree = Tree::new();
        let program = tree.file("home/me/Cellar/red/2019/wine", "program");
        assert_eq!(tree.owner(&program), None);
    }
}
