//! The install place: the program's real file, its folder, and what lies beside it.

use crate::sys::{self, Owner};
use crate::{Refusal, packaged};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use upstep_model::Digest;

/// Where a program is installed, found through links, and found fit for updates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    program: PathBuf,
    folder: PathBuf,
    /// The program's file name, without `.exe`.
    name: OsString,
    owner: Owner,
}

impl Place {
    /// The place of the running program.
    pub fn current() -> Result<Place, Refusal> {
        Place::of(&sys::running_file().map_err(|error| Refusal::Unknown(error.to_string()))?)
    }

    /// The place of the program at `path`.
    pub fn of(path: &Path) -> Result<Place, Refusal> {
        let unknown = |error: io::Error| Refusal::Unknown(format!("{}: {error}", path.display()));
        let program = path.canonicalize().map_err(unknown)?;
        let (Some(folder), Some(file_name)) = (program.parent(), program.file_name()) else {
            return Err(Refusal::NotAFile(program));
        };
        if is_kept_name(file_name) {
            return Err(Refusal::KeptCopy(program));
        }
        if let Some(package) = packaged::owner_of(&program, Path::new("/")) {
            return Err(Refusal::PackageManager { path: program, package });
        }
        let owner = sys::inspect(&program, folder)?;
        let (folder, name) = (folder.to_owned(), without_exe(file_name).to_owned());
        Ok(Place { program, folder, name, owner })
    }

    /// The installed program: a canonical path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The folder that the program, its base and its staged file lie in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The state folder: `.NAME.upstep`. It may not exist yet; [`crate::Session::lock`] makes it.
    pub fn state_folder(&self) -> PathBuf {
        self.beside("")
    }

    /// Where a base or a staged file with this digest lies: `.NAME.upstep.<16 hex>[.exe]`.
    pub fn kept(&self, digest: &Digest) -> PathBuf {
        self.kept_as(&digest.short())
    }

    /// A name of the same form that is in no use: for the file that a rollback puts back.
    pub(crate) fn fresh(&self) -> io::Result<PathBuf> {
        Ok(self.kept_as(&crate::random_hex::<8>()?))
    }

    /// Whether a file name in the folder is that of a base or a staged file of this place.
    pub(crate) fn is_kept(&self, file_name: &OsStr) -> bool {
        let mut prefix = OsString::from(".");
        prefix.push(&self.name);
        prefix.push(".upstep.");
        without_exe(file_name).as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes()).is_some_and(is_short_digest)
    }

    /// macOS's mark of a download that the program still carries: it is judged at its first start,
    /// and may be run from another place until it is moved.
    pub fn quarantine(&self) -> Option<String> {
        #[cfg(unix)]
        let mark = sys::quarantine(&self.program);
        #[cfg(not(unix))]
        let mark = None;
        mark
    }

    /// Whom the program belongs to.
    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    fn kept_as(&self, hex: &str) -> PathBuf {
        self.beside(&format!(".{hex}{}", std::env::consts::EXE_SUFFIX))
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(".upstep");
        name.push(suffix);
        self.folder.join(name)
    }
}

fn without_exe(name: &OsStr) -> &OsStr {
    let path = Path::new(name);
    match path.extension() {
        Some(extension) if cfg!(windows) && extension.eq_ignore_ascii_case("exe") => path.file_stem().unwrap_or(name),
        _ => name,
    }
}

fn is_short_digest(bytes: &[u8]) -> bool {
    bytes.len() == 16 && bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a file name is that of some program's base or staged file.
fn is_kept_name(name: &OsStr) -> bool {
    let bytes = without_exe(name).as_encoded_bytes();
    bytes.len() > 16
        && is_short_digest(&bytes[bytes.len() - 16..])
        && bytes.starts_with(b".")
        && bytes[..bytes.len() - 16].ends_with(b".upstep.")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn names_of_kept_files_are_known_and_others_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("hello");
        std::fs::write(&program, b"x").expect("written");
        let place = Place::of(&program).expect("a place");
        let kept = place.kept(&Digest::of(b"x"));
        assert!(place.is_kept(kept.file_name().expect("a name")));
        for other in [
            ".hello.upstep",
            ".hello.upstep.12",
            "hello",
            ".hello2.upstep.0123456789abcdef",
            ".hello.upstep.0123456789abcdeF",
        ] {
            assert!(!place.is_kept(OsStr::new(other)), "{other}");
        }
        std::fs::write(&kept, b"x").expect("written");
        assert_eq!(Place::of(&kept), Err(Refusal::KeptCopy(kept.canonicalize().expect("there"))));
    }

    #[test]
    fn files_of_package_managers_are_refused() {
        assert!(matches!(Place::of(Path::new("/usr/bin/env")), Err(Refusal::PackageManager { .. })));
    }
}
