//! Reading what package managers write down: never more than a limit, never through what is no
//! plain file, and nothing in here is an error: what can't be read tells nothing.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Most bytes of a single file.
const MAX_FILE: u64 = 16 << 20;

/// What may be read in all: a database of thousands of files, but no more.
pub(super) struct Budget {
    bytes: u64,
    entries: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Budget { bytes: 256 << 20, entries: 50_000 }
    }

    /// The bytes of a plain file; `None` if there is none, or it is too large.
    pub(super) fn read(&mut self, path: &Path) -> Option<Vec<u8>> {
        // A pipe would be waited for as soon as it is opened.
        path.metadata().ok().filter(Metadata::is_file)?;
        let mut file = File::open(path).ok()?;
        let limit = MAX_FILE.min(self.bytes);
        let mut bytes = Vec::new();
        file.by_ref().take(limit).read_to_end(&mut bytes).ok()?;
        self.bytes -= bytes.len() as u64;
        // One that fills its limit is none that a package manager wrote.
        ((bytes.len() as u64) < limit).then_some(bytes)
    }

    /// What lies in a folder.
    pub(super) fn list(&mut self, folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let found: Vec<PathBuf> = entries.take(self.entries).map(|entry| entry.path()).collect();
        self.entries -= found.len();
        found
    }
}

/// The text of one file.
pub(super) fn text(path: &Path) -> Option<String> {
    String::from_utf8(Budget::new().read(path)?).ok()
}

/// A path's last part as text.
pub(super) fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// The parts of a path as text, without its root; `None` where one is no text.
pub(super) fn parts(path: &Path) -> Option<Vec<&str>> {
    use std::path::Component;
    let normal = path.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_str()),
        _ => None,
    });
    normal.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let (small, large) = (folder.path().join("small"), folder.path().join("large"));
        std::fs::write(&small, b"12345").expect("written");
        File::create(&large).and_then(|file| file.set_len(MAX_FILE)).expect("written");
        let mut budget = Budget { bytes: 9, entries: 1 };
        assert_eq!(budget.read(&small), Some(b"12345".to_vec()));
        assert_eq!(budget.read(&small), None, "four are left");
        assert_eq!(budget.list(folder.path()).len(), 1);
        assert_eq!(budget.list(folder.path()).len(), 0);
        assert_eq!(Budget::new().read(&large), None);
        assert_eq!(Budget::new().read(folder.path()), None);
    }
}
