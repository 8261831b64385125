//! The install place: the program's real file, its folder, and what lies beside it.

use crate::Refusal;
use std::path::{Path, PathBuf};
use upstep_model::Digest;

/// Where a program is installed, found through links, and found fit for updates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    program: PathBuf,
    folder: PathBuf,
    name: String,
}

impl Place {
    /// The place of the running program.
    pub fn current() -> Result<Place, Refusal> {
        Err(Refusal::Unknown("not yet".into()))
    }
    /// The place of the program at `path`.
    pub fn of(path: &Path) -> Result<Place, Refusal> {
        Err(Refusal::Unknown(path.display().to_string()))
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
        self.folder.join(format!(".{}.upstep", self.name))
    }
    /// Where a base or a staged file with this digest lies: `.NAME.upstep.<16 hex>[.exe]`.
    pub fn kept(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!(".{}.upstep.{}", self.name, digest.short()))
    }
}
