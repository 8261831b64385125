//! Making the base, and putting a file in the program's place.

use super::{Owner, copy_attributes, create_private, platform};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Seek as _};
use std::path::Path;

/// Makes `to`, which must not exist, the same file as `from`: a hard link, else a copy that shares
/// its blocks, else a copy. (`from` is the installed program or a base of it.)
pub(crate) fn duplicate(from: &Path, to: &Path, owner: Owner) -> io::Result<()> {
    // Links are refused across users (protected_hardlinks), by file systems without them, and past
    // a number of them: each of these ends in the copy.
    rustix::fs::link(from, to).or_else(|_| copy(from, to, owner))
}

/// Syncs a file's bytes to the medium.
pub(crate) fn sync(file: &File, _path: &Path) -> io::Result<()> {
    platform::sync(file)
}

/// A copy with its own inode, synced, with the attributes of `from`.
pub(super) fn copy(from: &Path, to: &Path, owner: Owner) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = create_private(to, owner)?;
    let copied = platform::reflink(&source, from, &target)
        .or_else(|_| {
            source.rewind()?;
            target.set_len(0)?;
            target.rewind()?;
            io::copy(&mut source, &mut target).map(|_| ())
        })
        .and_then(|()| copy_attributes(from, &target, owner))
        .and_then(|()| platform::sync(&target));
    if copied.is_err() {
        let _ = rustix::fs::unlink(to);
    }
    copied
}

/// Renames `new`, which is whole and synced, over the program, and syncs the folder.
pub(super) fn rename_over(new: &Path, program: &Path) -> io::Result<()> {
    platform::sync(File::open(new)?)?;
    rustix::fs::rename(new, program)?;
    // Where both were links of one inode the rename has done nothing, and left both.
    match rustix::fs::unlink(new) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let folder = program.parent().unwrap_or_else(|| Path::new("/"));
    platform::sync(File::open(folder)?)
}

/// Puts `new` in the program's place; with `fresh`, `new` stays and a link or a copy of it under that
/// name goes there.
pub(crate) fn put_in_place(new: &Path, program: &Path, fresh: Option<&Path>, owner: Owner) -> io::Result<()> {
    let Some(fresh) = fresh else {
        return rename_over(new, program);
    };
    if platform::RESTORE_BY_LINK {
        duplicate(new, fresh, owner)?
    } else {
        copy(new, fresh, owner)?
    }
    let placed = rename_over(fresh, program);
    if placed.is_err() {
        let _ = rustix::fs::unlink(fresh);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::MetadataExt as _;

    fn owner() -> Owner {
        Owner { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    }

    #[test]
    fn a_base_is_a_link_and_where_there_are_none_a_copy_with_the_same_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let (program, link, copied) = (folder.path().join("p"), folder.path().join("l"), folder.path().join("c"));
        std::fs::write(&program, b"program").expect("written");
        rustix::fs::chmod(&program, rustix::fs::Mode::from_raw_mode(0o751)).expect("chmod");
        duplicate(&program, &link, owner()).expect("a link");
        copy(&program, &copied, owner()).expect("a copy");
        let meta = |path: &Path| std::fs::metadata(path).expect("there");
        assert_eq!(meta(&program).ino(), meta(&link).ino());
        assert_ne!(meta(&program).ino(), meta(&copied).ino());
        assert_eq!(meta(&copied).mode() & 0o7777, 0o751);
        assert_eq!(std::fs::read(&copied).expect("readable"), b"program");
    }

    #[test]
    fn renaming_one_link_over_another_of_the_same_inode_leaves_no_second_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let (program, base, fresh) = (folder.path().join("p"), folder.path().join("b"), folder.path().join("f"));
        std::fs::write(&program, b"old").expect("written");
        std::fs::hard_link(&program, &base).expect("linked");
        put_in_place(&base, &program, Some(&fresh), owner()).expect("restored");
        assert!(!fresh.exists() && base.exists());
        assert_eq!(std::fs::read(&program).expect("readable"), b"old");
    }
}
