//! Sizes, times and memory of patches on every pair of programs that is there.
//!
//! `cargo bench -p upstep-benches --bench sizes -- [--only NAME[@VERSION]] [--pair NAME OLD NEW]
//! [--require-peers]`

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use upstep_benches::corpus::{Corpus, asks};
use upstep_benches::measure::measure;
use upstep_benches::pair::{self, Pair};
use upstep_benches::report::Report;
use upstep_benches::tool::Tool;
use upstep_benches::{BenchError, ours};

#[derive(Parser)]
struct Args {
    /// Measure only programs whose name begins so; VERSION: only the pair that ends with it
    #[arg(long, value_name = "NAME[@VERSION]")]
    only: Vec<String>,
    /// Measure two files, and nothing else unless --only says so too
    #[arg(long, num_args = 3, value_names = ["NAME", "OLD", "NEW"])]
    pair: Vec<String>,
    /// Fail if a tool to compare with is not installed
    #[arg(long)]
    require_peers: bool,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
    /// A filter, as other benchmarks take it
    #[arg(hide = true)]
    filter: Vec<String>,
}

fn main() -> ExitCode {
    if let Some(code) = ours::run_if_asked() {
        return code;
    }
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => error.report(),
    }
}

fn run(args: &Args) -> Result<ExitCode, BenchError> {
    let pairs = pairs(args)?;
    let (tools, missing): (Vec<Tool>, Vec<Tool>) = Tool::ALL.into_iter().partition(|tool| tool.is_present());
    for tool in &missing {
        println!("{} is not installed and not measured", tool.name());
    }
    println!("processor seconds, peak memory of each process (mapped files included)\n");
    let mut report = Report {
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        machine: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        missing,
        pairs: Vec::new(),
    };
    for pair in &pairs {
        let measured = measure(pair, &tools)?;
        println!("{measured}");
        report.pairs.push(measured);
        // After each pair: a run that is broken off leaves what it has.
        report.save(&Report::path())?;
    }
    println!("written to {}", Report::path().display());
    if !report.ours_is_whole() {
        eprintln!("error: a patch of ours does not give the new file");
        return Ok(ExitCode::FAILURE);
    }
    if args.require_peers && !report.missing.is_empty() {
        eprintln!("error: tools to compare with are missing");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn pairs(args: &Args) -> Result<Vec<Pair>, BenchError> {
    let mut pairs = Vec::new();
    if args.pair.is_empty() || !args.only.is_empty() {
        pairs = pair::present(&Corpus::load()?)?;
        if pairs.iter().all(|pair| pair.program == pair::SAMPLE) {
            println!("no program of the corpus is there: `cargo run --release -p upstep-benches -- fetch` brings them");
        }
    }
    if !args.only.is_empty() {
        let asked = |pattern: &str| pairs.iter().any(|pair| asks(pattern, &pair.program, &pair.new.0));
        if let Some(pattern) = args.only.iter().find(|pattern| !asked(pattern)) {
            return Err(BenchError::NoMatch { pattern: pattern.clone() });
        }
        pairs.retain(|pair| args.only.iter().any(|pattern| asks(pattern, &pair.program, &pair.new.0)));
    }
    for given in args.pair.chunks_exact(3) {
        let side = |version: &str, path: &String| (version.to_owned(), PathBuf::from(path));
        pairs.push(Pair { program: given[0].clone(), old: side("old", &given[1]), new: side("new", &given[2]) });
    }
    Ok(pairs)
}
