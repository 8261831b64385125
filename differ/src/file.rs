//! Files of the command line: read whole within a limit, written whole or not at all.

use crate::DifferError;
use std::fs::File;
use std::io::{Read as _, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Reads a regular file of at most `max` bytes.
pub fn read(path: &Path, max: u64) -> Result<Vec<u8>, DifferError> {
    let failed = |source| DifferError::File { operation: "read", path: path.to_owned(), source };
    let (file, size) = open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(max)).unwrap_or_default());
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    within(path, bytes.len() as u64, max)?;
    Ok(bytes)
}

/// Length of a regular file of at most `max` bytes.
pub fn size(path: &Path, max: u64) -> Result<u64, DifferError> {
    open(path).and_then(|(_, size)| within(path, size, max))
}

fn within(path: &Path, size: u64, max: u64) -> Result<u64, DifferError> {
    let too_long = || std::io::Error::other(format!("it has more than {max} bytes"));
    let failed = |source| DifferError::File { operation: "read", path: path.to_owned(), source };
    if size > max { Err(failed(too_long())) } else { Ok(size) }
}

/// Opens a regular file and says how long it is.
pub fn open(path: &Path) -> Result<(File, u64), DifferError> {
    let failed = |source| DifferError::File { operation: "read", path: path.to_owned(), source };
    // Asked before it is opened: opening a pipe would wait for a writer.
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(failed(std::io::Error::other("it is not a file")));
    }
    Ok((File::open(path).map_err(failed)?, meta.len()))
}

/// Makes `path` with what `write` writes: under another name first, then renamed, so that nobody
/// ever sees half of it. What was there stays if it fails. It gets the permissions of `like`.
pub fn create<T>(
    path: &Path,
    like: Option<&File>,
    write: impl FnOnce(&mut dyn Write) -> Result<T, DifferError>,
) -> Result<T, DifferError> {
    let failed = |source| DifferError::File { operation: "write", path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
    let mut buffered = std::io::BufWriter::new(&mut file);
    let result = write(&mut buffered)?;
    buffered.flush().map_err(failed)?;
    drop(buffered);
    match like {
        Some(like) => like.metadata().and_then(|meta| file.as_file().set_permissions(meta.permissions())),
        None => open_to_all(file.as_file()),
    }
    .map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(result)
}

/// A temporary file is its owner's alone; what a command writes is readable like any other file.
#[cfg(unix)]
fn open_to_all(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn open_to_all(_: &File) -> std::io::Result<()> {
    Ok(())
}
