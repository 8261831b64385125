//! Writing a program that is started next.

use std::path::Path;

/// Writes a program that may be started at once.
///
/// By a process of its own: what this one forks meanwhile, for another test, would have the file open for writing
/// until its exec, and nobody could start the program (ETXTBSY).
#[cfg(unix)]
pub fn write(path: &Path, program: &[u8]) {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"cat >"$1" && chmod 755 "$1""#, "sh"]).arg(path).stdin(Stdio::piped());
    let mut writer = shell.spawn().expect("sh starts");
    writer.stdin.take().expect("a pipe").write_all(program).expect("the program goes to cat");
    assert!(writer.wait().expect("sh ends").success(), "{} is written", path.display());
}

/// Writes a program that may be started at once: no process of Windows inherits a file's handle by itself.
#[cfg(windows)]
pub fn write(path: &Path, program: &[u8]) {
    std::fs::write(path, program).expect("the program is written");
}
