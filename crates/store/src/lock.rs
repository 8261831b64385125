//! The lock file of an app in a folder.

use crate::StoreError;
use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use upstep_model::AppName;

const NAME: &str = ".lock";

/// Held until it is dropped; a process that dies releases it.
pub(crate) struct Lock {
    _held: Held,
}

enum Held {
    File { _file: File },
    Memory { _guard: tokio::sync::OwnedMutexGuard<()> },
}

impl Lock {
    pub(crate) fn memory(guard: tokio::sync::OwnedMutexGuard<()>) -> Self {
        Lock { _held: Held::Memory { _guard: guard } }
    }
}

pub(crate) fn path(app: &AppName) -> String {
    format!("{app}/{NAME}")
}

pub(crate) fn is_lock(path: &str) -> bool {
    path.rsplit('/').next() == Some(NAME)
}

/// Waits for the lock on a thread of its own: it is held for one or two small writes.
pub(crate) async fn lock_file(path: PathBuf) -> Result<Lock, StoreError> {
    let locked = path.clone();
    let lock = move || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
        file.lock()?;
        Ok(Lock { _held: Held::File { _file: file } })
    };
    let failed = |source| StoreError::Lock { path: locked, source };
    match tokio::task::spawn_blocking(lock).await {
        Ok(result) => result.map_err(failed),
        Err(join) => Err(failed(std::io::Error::other(join))),
    }
}
