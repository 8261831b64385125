//! Fetches the corpus, and makes the README's tables and plots of what `cargo bench` measured.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use upstep_benches::corpus::Corpus;
use upstep_benches::report::Report;
use upstep_benches::scaling::Scaling;
use upstep_benches::{BenchError, fetch, plot, readme, workspace};

/// Fetches real programs to measure with, and makes the README's tables and plots.
#[derive(Parser)]
#[command(name = "upstep-benches")]
struct Args {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Fetch the programs of benches/corpus.toml into corpus/ (npm and pip must be installed)
    Fetch {
        /// NAME or NAME@VERSION; NAME may be the beginning of a name; nothing: all of them
        patterns: Vec<String>,
    },
    /// Write the tables between the README's markers, and the plots to docs/plots
    Readme {
        /// The result of cargo bench [default: target/bench/sizes.json]
        #[arg(long)]
        report: Option<PathBuf>,
        /// Print the tables and leave the README as it is
        #[arg(long)]
        print: bool,
    },
}

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

fn run(verb: Verb) -> Result<(), BenchError> {
    match verb {
        Verb::Fetch { patterns } => fetch::fetch(&Corpus::load()?, &patterns),
        Verb::Readme { report, print } => {
            let report = Report::load(&report.unwrap_or_else(Report::path))?;
            let scaling = Scaling::load(&Scaling::path())?;
            if print {
                print!("{}", readme::tables(&report, scaling.as_ref()));
                return Ok(());
            }
            plot::draw(&workspace().join("docs/plots"), &report, scaling.as_ref())?;
            readme::write(&workspace().join("README.md"), &report, scaling.as_ref())
        }
    }
}
