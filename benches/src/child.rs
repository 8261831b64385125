//! Running a command as a child process, and measuring what it takes.

use crate::BenchError;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// What a process took, as the system counted it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// From start to end.
    pub wall_seconds: f64,
    /// Of all its threads, in user and system mode.
    pub cpu_seconds: f64,
    /// Most memory that it held at once, mapped files included, in bytes.
    pub peak_bytes: u64,
}

/// Runs a command that must succeed, and measures it.
pub fn measure(command: &mut Command) -> Result<Usage, BenchError> {
    let shown = shown(command);
    let began = Instant::now();
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|source| BenchError::Start { command: shown.clone(), source })?;
    let mut stderr = String::new();
    if let Some(mut pipe) = child.stderr.take() {
        // What is no UTF-8 or can't be read is only missing from a message.
        let _ = pipe.read_to_string(&mut stderr);
    }
    let waited = child.wait4().map_err(|source| BenchError::Start { command: shown.clone(), source })?;
    let wall = began.elapsed();
    check(shown, waited.status, &stderr)?;
    let cpu: Duration = waited.rusage.utime + waited.rusage.stime;
    Ok(Usage { wall_seconds: wall.as_secs_f64(), cpu_seconds: cpu.as_secs_f64(), peak_bytes: waited.rusage.maxrss })
}

/// Measures what `command` gives so many times; the quickest run counts, since others had company.
pub fn quickest(times: usize, mut command: impl FnMut() -> Command) -> Result<Usage, BenchError> {
    let mut best = measure(&mut command())?;
    for _ in 1..times {
        let usage = measure(&mut command())?;
        if usage.wall_seconds < best.wall_seconds {
            best = usage;
        }
    }
    Ok(best)
}

/// Runs a command that must succeed; its standard output.
pub fn succeed(command: &mut Command) -> Result<String, BenchError> {
    let shown = shown(command);
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| BenchError::Start { command: shown.clone(), source })?;
    check(shown, output.status, &String::from_utf8_lossy(&output.stderr))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn check(command: String, status: ExitStatus, stderr: &str) -> Result<(), BenchError> {
    if status.success() {
        return Ok(());
    }
    let stderr = stderr.trim().lines().last().unwrap_or_default().to_owned();
    Err(BenchError::Failed { command, status: status.to_string(), stderr })
}

fn shown(command: &Command) -> String {
    let args = command.get_args().map(|arg| arg.to_string_lossy());
    let words = std::iter::once(command.get_program().to_string_lossy()).chain(args);
    let words: Vec<_> = words.map(|word| if word.contains('\n') { "...".into() } else { word }).collect();
    words.join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_command_status_and_reason() {
        let error = measure(Command::new("sh").args(["-c", "echo first >&2; echo last >&2; exit 3"])).expect_err("3");
        let text = error.to_string();
        assert!(text.contains("exit status: 3") && text.ends_with("last"), "{text}");
        assert!(matches!(measure(&mut Command::new("/no/such/tool")), Err(BenchError::Start { .. })));
    }

    #[test]
    fn a_process_has_its_own_peak() {
        let usage = measure(Command::new("sh").args(["-c", "exit 0"])).expect("it ends with 0");
        assert!(usage.peak_bytes > 100_000, "{usage:?}");
    }
}
