//! The command `upstep`. Data goes to stdout, messages and progress to stderr.

mod check;
mod doctor;
mod error;
mod install;
mod log;
mod output;
mod progress;
mod rollback;
mod run;
mod saved;
mod status;
mod update;

use clap::{Parser, Subcommand};
use output::Output;
use std::process::ExitCode;

/// Keeps programs up to date by fetching the few bytes that changed.
///
/// Exit codes: 0 done or current, 2 usage, 10 an update is available (check), 20 what was offered
/// is not what was signed, 21 network, 22 the program can't be replaced. `run` ends as the program.
#[derive(Debug, Parser)]
#[command(name = "upstep", version)]
struct Cli {
    /// Print JSON for machines instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// Say on stderr what is being done; twice for more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell whether a newer release is on offer, and what it would cost.
    Check(check::Args),
    /// Bring a program up to date.
    Update(update::Args),
    /// Bring a program up to date, start it, and take a release back that fails.
    Run(run::Args),
    /// Tell what is installed, downloaded, on trial and in quarantine.
    Status(status::Args),
    /// Put the version before the installed one back.
    Rollback(rollback::Args),
    /// Tell why there is no update, or why the full is downloaded.
    Doctor(doctor::Args),
}

/// The whole command.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(cli.verbose);
    let output = Output::new(cli.json);
    let outcome = match cli.command {
        Command::Check(args) => check::run(&args, &output),
        Command::Update(args) => update::run(&args, &output),
        Command::Run(args) => run::run(&args, &output),
        Command::Status(args) => status::run(&args, &output),
        Command::Rollback(args) => rollback::run(&args, &output),
        Command::Doctor(args) => doctor::run(&args, &output),
    };
    outcome.unwrap_or_else(|error| output.failure(&error))
}
