//! The base: the kept copy of the installed program.

use crate::held::Install;
use crate::{Base, Content, SwapError, error::Context as _, sys};

/// Makes the base of the installed file, or finds that the one there is the same. The digest of
/// what was made is compared, since a copy can fail and a link can lead to a file that somebody
/// is writing.
pub(crate) fn make(install: &Install) -> Result<Base, SwapError> {
    let place = &install.place;
    let content = install.installed()?;
    let path = place.kept(&content.digest);
    if install.kept(&path).is_ok_and(|kept| kept == content) && is_runnable(&path) {
        return Ok(Base { path, content });
    }
    remove(&path)?;
    sys::duplicate(place.program(), &path, place.owner()).context("make the base", &path)?;
    install.must_keep(content)?;
    Ok(Base { path, content })
}

/// Refuses unless both the installed file and the base hold what the journal says.
pub(crate) fn check(install: &Install, base: Content) -> Result<(), SwapError> {
    install.must_keep(base)?;
    install.installed()?.must_be(base, install.place.program())
}

fn remove(path: &std::path::Path) -> Result<(), SwapError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("delete", path),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn is_runnable(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
}

#[cfg(windows)]
fn is_runnable(_path: &std::path::Path) -> bool {
    true
}
