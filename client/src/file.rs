//! Files, with errors that say what was done to which.

use crate::UpdateError;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use upstep_model::{Digest, Digester};

const BUFFER: usize = 64 << 10;

fn error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> UpdateError {
    move |source| UpdateError::File { operation, path: path.to_owned(), source }
}

/// Options that make a file which nobody else may read or write.
#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.mode(0o600);
    options
}

/// Who may use a file follows from its folder.
#[cfg(not(unix))]
fn private() -> OpenOptions {
    File::options()
}

/// A new, empty file; what was there before is removed, not written through.
pub(crate) fn create(path: &Path) -> Result<File, UpdateError> {
    remove(path)?;
    let file = private().read(true).write(true).create_new(true).open(path).map_err(error("create", path))?;
    give_to_owner(&file, path)?;
    Ok(file)
}

/// A file to write at its end.
pub(crate) fn open_to_append(path: &Path) -> Result<File, UpdateError> {
    let file = private().append(true).create(true).open(path).map_err(error("open", path))?;
    give_to_owner(&file, path)?;
    Ok(file)
}

/// What root writes in a user's folder belongs to that user, who could not go on with it otherwise.
fn give_to_owner(file: &File, path: &Path) -> Result<(), UpdateError> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        use std::os::unix::fs::MetadataExt;
        let folder = std::fs::metadata(folder).map_err(error("look at", folder))?;
        let owner = file.metadata().map_err(error("look at", path))?.uid();
        if owner != folder.uid() {
            std::os::unix::fs::fchown(file, Some(folder.uid()), Some(folder.gid())).map_err(error("chown", path))?;
        }
    }
    #[cfg(not(unix))]
    let _ = (file, path);
    Ok(())
}

/// A file to read.
pub(crate) fn open(path: &Path) -> Result<File, UpdateError> {
    File::open(path).map_err(error("open", path))
}

/// Removes a file if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), UpdateError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(error("remove", path)(source)),
        _ => Ok(()),
    }
}

/// The content of a file of at most `limit` bytes.
pub(crate) fn read_small(path: &Path, limit: u64) -> Result<Vec<u8>, UpdateError> {
    let mut bytes = Vec::new();
    open(path)?.take(limit + 1).read_to_end(&mut bytes).map_err(error("read", path))?;
    if bytes.len() as u64 > limit {
        let found = io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes"));
        return Err(error("read", path)(found));
    }
    Ok(bytes)
}

/// Puts a new file in the place of an old one. What it holds is worth little: it is not synced.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), UpdateError> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    create(fresh)?.write_all(bytes).map_err(error("write", fresh))?;
    rename(fresh, path)
}

/// Gives a file another name.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), UpdateError> {
    std::fs::rename(from, to).map_err(error("rename", from))
}

/// Digest and length of a file, read as a stream.
pub(crate) fn digest(path: &Path) -> Result<(Digest, u64), UpdateError> {
    let mut file = open(path)?;
    let mut digester = Digester::new();
    let mut buffer = vec![0; BUFFER];
    let mut length = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((digester.finish(), length)),
            Ok(count) => {
                digester.update(&buffer[..count]);
                length += count as u64;
            }
            Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(error("read", path)(source)),
        }
    }
}

/// Refuses a file that does not have this digest and length.
pub(crate) fn verify(path: &Path, expected: &Digest, size: u64) -> Result<(), UpdateError> {
    let (found, length) = digest(path)?;
    if found == *expected && length == size {
        return Ok(());
    }
    Err(UpdateError::Digest { place: path.display().to_string(), expected: *expected, found })
}

/// A writer that asks before each write whether there is still time.
pub(crate) struct Until<W, F> {
    inner: W,
    has_time: F,
}

impl<W: Write, F: Fn() -> bool> Until<W, F> {
    pub(crate) fn new(inner: W, has_time: F) -> Self {
        Until { inner, has_time }
    }
}

impl<W: Write, F: Fn() -> bool> Write for Until<W, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !(self.has_time)() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the time is up"));
        }
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_never_writes_through_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let (precious, link) = (folder.path().join("precious"), folder.path().join("link"));
        std::fs::write(&precious, "kept").expect("written");
        std::fs::hard_link(&precious, &link).expect("linked");
        create(&link).expect("created").write_all(b"new").expect("written");
        assert_eq!(std::fs::read(&precious).expect("read"), b"kept");
    }
}
