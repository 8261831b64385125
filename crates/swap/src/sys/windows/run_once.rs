//! The per-user RunOnce entry that stands between the two renames of a swap: at the next log-on it
//! puts a program in place if there is none.

use super::wide;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use windows_sys::Win32::System::Registry::{HKEY_CURRENT_USER, REG_SZ, RegDeleteKeyValueW, RegSetKeyValueW};

const KEY: &str = r"Software\Microsoft\Windows\CurrentVersion\RunOnce";

/// Sets the entry: `new`, which lies beside it, will be renamed to `program` if that is missing.
pub(super) fn set(new: &Path, program: &Path) -> io::Result<()> {
    let (key, name, value) = (wide(KEY), wide(entry(program)), wide(command(new, program)));
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

/// `ren` renames over nothing, and takes a name for where to: a command of more than 260 characters
/// is not run (<https://learn.microsoft.com/windows/win32/setupapi/run-and-runonce-registry-keys>).
fn command(new: &Path, program: &Path) -> OsString {
    let mut command = OsString::from(r#"cmd.exe /d /c ren ""#);
    command.push(plain(new));
    command.push(r#"" ""#);
    command.push(program.file_name().unwrap_or_default());
    command.push(r#"""#);
    command
}

/// The shell does not know `\\?\`.
fn plain(path: &Path) -> OsString {
    match path.to_str().and_then(|text| text.strip_prefix(r"\\?\UNC\")) {
        Some(share) => format!(r"\\{share}").into(),
        None => dunce::simplified(path).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_short_and_in_the_words_of_the_shell() {
        let say = |folder: &str| {
            let folder = Path::new(folder);
            command(&folder.join(".a b.upstep.0123456789abcdef.exe"), &folder.join("a b.exe"))
        };
        let local = r#"cmd.exe /d /c ren "C:\Users\Anna\.a b.upstep.0123456789abcdef.exe" "a b.exe""#;
        assert_eq!(say(r"\\?\C:\Users\Anna"), local);
        let share = r#"cmd.exe /d /c ren "\\server\apps\.a b.upstep.0123456789abcdef.exe" "a b.exe""#;
        assert_eq!(say(r"\\?\UNC\server\apps"), share);
    }
}
