//! Log lines on standard error: text for people, JSON for machines.

use crate::ServerError;
use clap::ValueEnum;
use serde::Deserialize;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line, its fields at the top.
    Json,
}

/// Starts logging for the whole process.
pub fn init(format: LogFormat, filter: &str) -> Result<(), ServerError> {
    let filter =
        EnvFilter::try_new(filter).map_err(|source| ServerError::LogFilter { filter: filter.to_owned(), source })?;
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    match format {
        LogFormat::Text => {
            let has_colour =
                std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
            lines.with_ansi(has_colour).init();
        }
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
    }
    Ok(())
}
