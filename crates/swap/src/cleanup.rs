//! Cleaning up: in Idle, the holder of the lock deletes what the journal does not name. What is in
//! use (Windows) is left for the next start. Nothing in here can fail the program.

use crate::held::Held;
use crate::journal::State;
use crate::role::is_token;

/// Deletes bases, staged files, tokens and downloads that nothing needs any more.
pub(crate) fn clean(held: &Held) {
    if *held.state() != State::Idle {
        return;
    }
    let (place, folder) = (&held.install.place, &held.install.folder);
    let backup = held.journal().backup.as_ref().map(|backup| place.kept(&backup.content.digest));
    for entry in std::fs::read_dir(place.folder()).into_iter().flatten().flatten() {
        let path = entry.path();
        if place.is_kept(&entry.file_name()) && backup.as_ref() != Some(&path) {
            let _ = std::fs::remove_file(path);
        }
    }
    for name in folder.names().unwrap_or_default() {
        let is_stray = name.split_once('.').is_some_and(|(token, _)| is_token(token)) || name.ends_with(".new");
        if is_stray {
            let _ = folder.remove(&name);
        }
        if name == "downloads" {
            empty(&folder.path().join(name));
        }
    }
}

fn empty(folder: &std::path::Path) {
    // A link in the folder's place is not followed: remove_dir_all deletes the link.
    if std::fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir())
        && std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
    {
        let _ = std::fs::remove_dir_all(folder);
    }
}
