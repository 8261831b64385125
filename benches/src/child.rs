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

/// How often each of several commands is run that are compared: at least and at most, and until they have taken so long.
const ROUNDS: std::ops::Range<usize> = 3..15;
const ENOUGH: Duration = Duration::from_secs(15);

/// Measures commands that are compared, by turns, since a machine is not as fast at all times. Of each the quickest run
/// counts, since others had company.
pub fn quickest(commands: &[&dyn Fn() -> Command]) -> Vec<Result<Usage, BenchError>> {
    let began = Instant::now();
    let mut best: Vec<_> = commands.iter().map(|command| measure(&mut command())).collect();
    for round in 1..ROUNDS.end {
        if round >= ROUNDS.start && began.elapsed() > ENOUGH {
            break;
        }
        for (command, best) in commands.iter().zip(&mut best) {
            let Ok(before) = best else { continue };
            match measure(&mut command()) {
                Ok(usage) if usage.wall_seconds >= before.wall_seconds => {}
                result => *best = result,
            }
        }
    }
    best
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
