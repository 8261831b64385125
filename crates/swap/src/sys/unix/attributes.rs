//! Mode, owner and extended attributes of the program go over to the file that takes its place.

use super::Owner;
use rustix::fs::{Gid, Mode, Uid};
use std::fs::File;
use std::io;
use std::path::Path;
use xattr::FileExt as _;

/// Gives `to` the mode, owner and extended attributes of the installed program.
///
/// Attributes of the system's own name spaces (labels) are set where the system lets us: it gives a
/// new file in the same folder the right ones by itself. Our own are not optional.
pub(crate) fn copy_attributes(program: &Path, to: &File, owner: Owner) -> io::Result<()> {
    let stat = rustix::fs::stat(program)?;
    let now = rustix::fs::fstat(to)?;
    if (now.st_uid, now.st_gid) != (owner.uid, owner.gid) {
        let uid = (now.st_uid != owner.uid).then(|| Uid::from_raw(owner.uid));
        let changed = rustix::fs::fchown(to, uid, Some(Gid::from_raw(owner.gid)));
        // Only a member of a group may give a file to it; the owner is not negotiable.
        if uid.is_some() {
            changed?;
        }
    }
    // After the owner: a change of owner clears bits of the mode.
    rustix::fs::fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o777))?;
    let Ok(names) = xattr::list(program) else {
        // A file system without them.
        return Ok(());
    };
    for name in names.filter(|name| !is_about_the_old_bytes(&name.to_string_lossy())) {
        let Some(value) = xattr::get(program, &name)? else { continue };
        if let Err(error) = to.set_xattr(&name, &value)
            && name.to_string_lossy().starts_with("user.")
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Attributes of macOS that say something of the bytes that were downloaded, or whom the file may
/// be opened by, but nothing of those that take their place: the mark of a download and where it
/// came from, and the signature of a program that is no Mach-O. A file that this process writes has
/// no such mark, and what it holds was verified by its signed digest.
fn is_about_the_old_bytes(name: &str) -> bool {
    let exact = ["com.apple.quarantine", "com.apple.provenance", "com.apple.macl", "com.apple.lastuseddate#PS"];
    exact.contains(&name) || name.starts_with("com.apple.cs.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_macos_has_noted_of_the_old_bytes_does_not_go_over() {
        for name in ["com.apple.quarantine", "com.apple.cs.CodeSignature", "com.apple.provenance"] {
            assert!(is_about_the_old_bytes(name), "{name}");
        }
        for name in ["user.upstep.test", "com.apple.FinderInfo", "com.apple.metadata:_kMDItemUserTags"] {
            assert!(!is_about_the_old_bytes(name), "{name}");
        }
    }
}
