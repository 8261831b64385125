//! The per-user RunOnce entry that stands between the two renames of a swap: at the next log-on it
//! puts a program in place if there is none.

use super::wide;
use std::io;
use std::path::Path;
use windows_sys::Win32::System::Registry::{HKEY_CURRENT_USER, REG_SZ, RegDeleteKeyValueW, RegSetKeyValueW};

const KEY: &str = r"Software\Microsoft\Windows\CurrentVersion\RunOnce";

/// Sets the entry: `new` will be moved to `program` if that is missing.
pub(super) fn set(new: &Path, program: &Path) -> io::Result<()> {
    let command = format!(
        r#"cmd.exe /d /c if not exist "{program}" move /y "{new}" "{program}""#,
        program = plain(program),
        new = plain(new)
    );
    let (key, name, value) = (wide(KEY), wide(entry(program)), wide(command));
    let length = u32::try_from(value.len() * 2).unwrap_or(u32::MAX);
    // SAFETY: all strings end with NUL and live during the call; the length is the value's.
    let status = unsafe {
        RegSetKeyValueW(HKEY_CURRENT_USER, key.as_ptr(), name.as_ptr(), REG_SZ, value.as_ptr().cast(), length)
    };
    if status == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(status.cast_signed())) }
}

/// Removes the entry.
pub(super) fn clear(program: &Path) {
    let (key, name) = (wide(KEY), wide(entry(program)));
    // SAFETY: both strings end with NUL and live during the call.
    unsafe { RegDeleteKeyValueW(HKEY_CURRENT_USER, key.as_ptr(), name.as_ptr()) };
}

/// One entry per program: named after its path's digest.
fn entry(program: &Path) -> String {
    let digest = upstep_model::Digest::of(program.as_os_str().as_encoded_bytes());
    format!("upstep-{}", digest.short())
}

/// The shell does not know `\\?\`.
fn plain(path: &Path) -> String {
    let text = path.display().to_string();
    text.strip_prefix(r"\\?\").map_or(text.clone(), str::to_owned)
}
