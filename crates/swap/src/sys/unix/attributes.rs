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
    for name in names {
        let Some(value) = xattr::get(program, &name)? else { continue };
        if let Err(error) = to.set_xattr(&name, &value)
            && name.to_string_lossy().starts_with("user.")
        {
            return Err(error);
        }
    }
    Ok(())
}
