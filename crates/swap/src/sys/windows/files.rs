//! Files beside the program, and the swap: two renames, the running program aside, the new one in.

use super::folder::open_unfollowed;
use super::{Owner, run_once};
use crate::Refusal;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use windows_sys::Win32::Foundation::GENERIC_WRITE;
use windows_sys::Win32::Storage::FileSystem::{DELETE, FILE_FLAG_DELETE_ON_CLOSE};

/// For how long a file may be held by an antivirus or an indexer.
const PATIENCE: Duration = Duration::from_secs(30);
const ERROR_ACCESS_DENIED: i32 = 5;
const ERROR_SHARING_VIOLATION: i32 = 32;

/// Looks at the program and its folder; the program's owner, or why there are no updates here.
pub(crate) fn inspect(program: &Path, folder: &Path) -> Result<Owner, Refusal> {
    let unusable = |error: io::Error| Refusal::Unusable { path: program.to_owned(), reason: error.to_string() };
    if !fs::symlink_metadata(program).map_err(unusable)?.is_file() {
        return Err(Refusal::NotAFile(program.to_owned()));
    }
    let owner = Owner::of(program).map_err(unusable)?;
    // Access lists are not worth computing: a file that vanishes again when it is closed.
    let read_only = |error: io::Error| Refusal::ReadOnly { folder: folder.to_owned(), reason: error.to_string() };
    let name = format!(".upstep.{}.tmp", crate::random_hex::<8>().map_err(read_only)?);
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).access_mode(GENERIC_WRITE | DELETE).custom_flags(FILE_FLAG_DELETE_ON_CLOSE);
    options.open(path).map_err(read_only)?;
    Ok(owner)
}

/// Creates a new file at `path`; whatever has that name is deleted.
pub(crate) fn create_private(path: &Path, _owner: Owner) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

/// Opens a base or a staged file for reading: a regular file, no link, and ours.
pub(crate) fn open_kept(path: &Path, owner: Owner) -> io::Result<File> {
    let file = open_unfollowed(path)?;
    let denied = |reason| Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    if !file.metadata()?.is_file() {
        return denied("it is not a regular file");
    }
    if !owner.owns(path)? {
        return denied("it belongs to somebody else");
    }
    Ok(file)
}

/// The access list comes from the folder, as the program's did; nothing is to be copied.
pub(crate) fn copy_attributes(_program: &Path, _to: &File, _owner: Owner) -> io::Result<()> {
    Ok(())
}

/// Syncs a file's bytes to the medium: that needs a handle that may write.
pub(crate) fn sync(_file: &File, path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.sync_all()
}

/// Makes `to`, which must not exist, a copy of `from`. A link could not be deleted while a process
/// runs from the file's other name: after an update that failed, that is every start.
pub(crate) fn duplicate(from: &Path, to: &Path, _owner: Owner) -> io::Result<()> {
    copy(from, to)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    OpenOptions::new().write(true).open(to)?.sync_all()
}

/// Puts `new` in the program's place, or with `fresh` a copy of it under that name first. Between
/// the two renames there is no program: an entry in RunOnce mends that after a power cut, and the
/// first process, which waits for this one, if this one is killed.
pub(crate) fn put_in_place(new: &Path, program: &Path, fresh: Option<&Path>, _owner: Owner) -> io::Result<()> {
    let new = match fresh {
        Some(fresh) => {
            copy(new, fresh)?;
            fresh
        }
        None => new,
    };
    let aside = aside(new)?;
    run_once::set(new, program)?;
    let placed = rename_patiently(program, &aside).and_then(|()| {
        rename_patiently(new, program).inspect_err(|_| {
            // The old program back: it is still whole.
            let _ = rename_patiently(&aside, program);
        })
    });
    run_once::clear(program);
    placed
}

/// After the end of an updater that was killed between its two renames: puts a program in place.
pub(super) fn finish_swap(program: &Path, candidates: &[PathBuf]) {
    if program.exists() {
        return;
    }
    for candidate in candidates {
        if copy(candidate, program).is_ok() {
            return;
        }
    }
}

/// A name of the kept files' form, with other digits.
fn aside(new: &Path) -> io::Result<PathBuf> {
    let name = new.file_name().unwrap_or_default().to_string_lossy();
    let prefix = name.rsplit_once(".upstep.").map_or("", |(prefix, _)| prefix);
    let digits = crate::random_hex::<8>()?;
    Ok(new.with_file_name(format!("{prefix}.upstep.{digits}{}", std::env::consts::EXE_SUFFIX)))
}

/// Renames, and tries again while somebody has the file open.
pub(super) fn rename_patiently(from: &Path, to: &Path) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(10);
    loop {
        match fs::rename(from, to) {
            Err(error)
                if matches!(error.raw_os_error(), Some(ERROR_ACCESS_DENIED | ERROR_SHARING_VIOLATION))
                    && Instant::now() < until =>
            {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            renamed => return renamed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_more_than_260_characters_is_swapped_like_any_other() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = (0..12)
            .fold(root.path().canonicalize().expect("there"), |folder, _| folder.join("a long name of a folder"));
        fs::create_dir_all(&folder).expect("folders");
        let (program, new) = (folder.join("hello.exe"), folder.join(".hello.upstep.0123456789abcdef.exe"));
        assert!(program.as_os_str().len() > 260);
        fs::write(&program, "old").expect("written");
        fs::write(&new, "new").expect("written");
        let owner = inspect(&program, &folder).expect("a place");
        put_in_place(&new, &program, None, owner).expect("swapped");
        assert_eq!(fs::read(&program).expect("read"), b"new");
        assert!(!new.exists());
        assert_eq!(fs::read_dir(&folder).expect("readable").count(), 2, "the old program is aside");
    }
}
