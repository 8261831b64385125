//! What the tests share.

pub mod author;
pub mod host;
#[path = "../../../../crates/swap/tests/support/program.rs"]
pub mod program;
pub mod script;
pub mod testee;

use std::process::{Command, Output};
use std::time::Duration;

/// How long a test waits for what must come: it fails after that, and nothing is measured.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Takes the settings of whoever runs the tests out of a command's environment.
pub fn plain(command: &mut Command) {
    for name in [
        "UPSTEP_NO_UPDATE",
        "UPSTEP_CHECK_EVERY",
        "UPSTEP_BACKGROUND",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env_remove(name);
    }
}

pub fn stdout(output: &Output) -> String {
    // The system's own end of a line.
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).replace("\r\n", "\n")
}

/// The exit status, with everything that was printed if it is another than expected.
#[track_caller]
pub fn ends_with(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "stdout: {}\nstderr: {}", stdout(output), stderr(output));
}
