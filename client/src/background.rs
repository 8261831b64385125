//! The background process: the same program, started once more, that does nothing but look for
//! an update, download it and stage it.
//!
//! The role travels in the environment, `launch:TOKEN` and then `work:TOKEN`. It is obeyed only
//! where the install's state folder holds a file named after the token, and by the one process
//! that removes that file: children that inherit the variable ignore it.
//!
//! There are two processes in a row because the program may wait for any child of its own, and
//! must see none of ours: the first starts the second, ends, and is waited for right here.

use crate::environment::BACKGROUND;
use crate::{UpdateError, file};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use upstep_swap::Place;

/// A token that nobody claimed for this long is of no use any more.
const STALE: Duration = Duration::from_secs(60 * 60);

/// What the environment asks of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// Start the background process and end.
    Launch(String),
    /// Be the background process.
    Work,
}

/// The role of this process; a claim is made but once.
pub(crate) fn role(variable: Option<&str>, place: &Place) -> Option<Role> {
    let (kind, token) = variable?.split_once(':')?;
    let is_token = token.len() == 16 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    let ticket = ticket(&place.state_folder(), token);
    match kind {
        "launch" if is_token && ticket.is_file() => Some(Role::Launch(token.to_owned())),
        "work" if is_token && std::fs::remove_file(&ticket).is_ok() => Some(Role::Work),
        _ => None,
    }
}

/// Starts the background process. The caller holds the lock of the install, and gives it up after.
pub(crate) fn start(place: &Place) -> Result<(), UpdateError> {
    let folder = place.state_folder();
    remove_stale(&folder);
    let token = token();
    drop(file::create(&ticket(&folder, &token))?);
    let mut launcher = command(place, &format!("launch:{token}"));
    let failed = |source| UpdateError::File { operation: "start", path: place.program().to_owned(), source };
    let mut child = launcher.spawn().map_err(failed)?;
    child.wait().map_err(failed)?;
    Ok(())
}

/// The part of the first of the two processes.
pub(crate) fn launch(place: &Place, token: &str) {
    if let Err(error) = command(place, &format!("work:{token}")).spawn() {
        tracing::warn!("cannot start {}: {error}", place.program().display());
    }
}

fn command(place: &Place, role: &str) -> Command {
    let mut command = Command::new(place.program());
    command.env(BACKGROUND, role).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A folder of the user's must not be kept in use, and a Ctrl-C is meant for the program.
    command.current_dir(place.folder());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(windows)]
    {
        const DETACHED_PROCESS: u32 = 0x0000_0008;
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
        std::os::windows::process::CommandExt::creation_flags(
            &mut command,
            DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP,
        );
    }
    command
}

fn ticket(folder: &Path, token: &str) -> PathBuf {
    folder.join(format!("background.{token}"))
}

fn token() -> String {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:016x}", hasher.finish())
}

fn remove_stale(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_ticket = entry.file_name().to_string_lossy().starts_with("background.");
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_ticket && age.is_some_and(|age| age > STALE) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
