//! Bundles of macOS: `NAME.app/Contents/MacOS/NAME` is a program with its resources around it.
//!
//! A signed bundle is sealed: its signature lists every file in it and the hash of `Info.plist`.
//! A new main program alone, or a state folder beside it, breaks the seal. (Bundles without one,
//! whose main program alone is signed, are updated as any other program.)

use std::path::{Path, PathBuf};

/// The bundle that a program is a part of: the outermost, for a helper's lies inside of an app's.
pub(crate) fn of(program: &Path) -> Option<PathBuf> {
    let is_bundle = |folder: &&Path| folder.ends_with("Contents") && folder.join("Info.plist").is_file();
    program.ancestors().filter(is_bundle).last()?.parent().map(Path::to_owned)
}

/// The same, if it is sealed.
pub(crate) fn sealed(program: &Path) -> Option<PathBuf> {
    of(program).filter(|bundle| bundle.join("Contents/_CodeSignature/CodeResources").is_file())
}

/// Whether macOS runs the app from a random, read-only place, since it was downloaded and never
/// moved: `/private/var/folders/.../AppTranslocation/UUID/d/NAME.app`. The call that tells it is
/// not public; the place is the one that is known of every release of macOS since 10.12.
pub(crate) fn is_translocated(path: &Path) -> bool {
    let is_temporary = ["/private/var/folders", "/var/folders"].iter().any(|folder| path.starts_with(folder));
    is_temporary && path.components().any(|part| part.as_os_str() == "AppTranslocation")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_app_is_known_by_the_place_that_macos_runs_it_from() {
        let place = "/private/var/folders/p0/x/T/AppTranslocation/0A1B/d/Hello.app/Contents/MacOS/Hello";
        assert!(is_translocated(Path::new(place)));
        assert!(!is_translocated(Path::new("/Users/me/AppTranslocation/hello")));
        assert!(!is_translocated(Path::new("/private/var/folders/p0/x/T/hello")));
    }

    #[test]
    fn a_bundle_is_known_by_its_form_and_a_seal_by_its_list() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |path: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, "x").expect("written");
            path
        };
        let app = folder.path().join("Hello.app");
        let program = file("Hello.app/Contents/MacOS/Hello");
        assert_eq!(of(&program), None, "a folder of that name is no bundle");
        file("Hello.app/Contents/Info.plist");
        assert_eq!((of(&program), sealed(&program)), (Some(app.clone()), None));
        file("Hello.app/Contents/_CodeSignature/CodeResources");
        assert_eq!(sealed(&program), Some(app.clone()));
        file("Hello.app/Contents/Helpers/Helper.app/Contents/Info.plist");
        let helper = file("Hello.app/Contents/Helpers/Helper.app/Contents/MacOS/Helper");
        assert_eq!(sealed(&helper), Some(app));
        assert_eq!(of(&file("bin/hello")), None);
    }
}
