//! What the command prints.

use super::error::CommandError;
use super::progress;
use crate::Event;
use serde::Serialize;
use std::error::Error;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// Where answers, messages and progress go.
pub(super) struct Output {
    json: bool,
}

#[derive(Serialize)]
struct Failure {
    error: String,
    causes: Vec<String>,
    exit_code: u8,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Output { json }
    }

    /// Prints the answer: JSON for a machine, or text for a person.
    pub(super) fn answer(&self, answer: &(impl Serialize + Display)) {
        let line = match self.json {
            true => {
                serde_json::to_string(answer).unwrap_or_else(|error| format!("{{\"error\":{:?}}}", error.to_string()))
            }
            false => answer.to_string(),
        };
        // Whoever closed the pipe does not want the answer any more.
        let _ = writeln!(std::io::stdout(), "{}", line.trim_end());
    }

    /// Tells a person what happens meanwhile.
    pub(super) fn event(&self, event: &Event) {
        match event {
            Event::Progress { .. } if self.json => {}
            Event::Progress { done, total } => progress::draw(*done, *total),
            event if !self.json => eprintln!("{event}"),
            _ => {}
        }
    }

    /// Prints an error with its causes and a hint, and gives the exit code.
    pub(super) fn failure(&self, error: &CommandError) -> ExitCode {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        let exit_code = error.exit_code();
        let mut stderr = std::io::stderr();
        let _ = writeln!(stderr, "error: {error}");
        for cause in &causes {
            let _ = writeln!(stderr, "caused by: {cause}");
        }
        if let Some(hint) = error.hint() {
            let _ = writeln!(stderr, "hint: {hint}");
        }
        if self.json {
            let failure = Failure { error: error.to_string(), causes, exit_code };
            if let Ok(line) = serde_json::to_string(&failure) {
                let _ = writeln!(std::io::stdout(), "{line}");
            }
        }
        ExitCode::from(exit_code)
    }
}
