//! Whether an install place is fit for updates: nothing is written to find out.

use super::{Owner, platform};
use crate::Refusal;
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags};
use std::path::Path;

/// Looks at the program and its folder; the program's owner, or why there are no updates here.
pub(crate) fn inspect(program: &Path, folder: &Path) -> Result<Owner, Refusal> {
    let unusable = |error: rustix::io::Errno| Refusal::Unusable { path: program.to_owned(), reason: error.to_string() };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(program, flags, Mode::empty()).map_err(unusable)?;
    let stat = rustix::fs::fstat(&file).map_err(unusable)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Refusal::NotAFile(program.to_owned()));
    }
    let privileged = |what| Err(Refusal::Privileged { path: program.to_owned(), what });
    if stat.st_mode & 0o4000 != 0 {
        return privileged("the setuid bit");
    }
    if stat.st_mode & 0o2000 != 0 {
        return privileged("the setgid bit");
    }
    if platform::has_capabilities(program) {
        return privileged("file capabilities");
    }
    if platform::is_locked(&stat) {
        return Err(Refusal::Locked(program.to_owned()));
    }
    if platform::is_unpacked(program) {
        return Err(Refusal::Unpacked(program.to_owned()));
    }
    if platform::is_translocated(program) {
        return Err(Refusal::Translocated(program.to_owned()));
    }
    if let Some(bundle) = platform::sealed_bundle(program) {
        return Err(Refusal::Sealed { path: program.to_owned(), bundle });
    }
    let rights = Access::WRITE_OK | Access::EXEC_OK;
    if let Err(error) = rustix::fs::accessat(CWD, folder, rights, AtFlags::EACCESS) {
        return Err(Refusal::ReadOnly { folder: folder.to_owned(), reason: error.to_string() });
    }
    let user = rustix::process::geteuid();
    if !user.is_root() && stat.st_uid != user.as_raw() {
        return Err(Refusal::OtherOwner { path: program.to_owned(), owner: stat.st_uid, user: user.as_raw() });
    }
    Ok(Owner { uid: stat.st_uid, gid: stat.st_gid })
}
