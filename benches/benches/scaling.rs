//! Time and memory against the length of a file: concatenations of the corpus's programs.
//!
//! `cargo bench -p upstep-benches --bench scaling -- [--most MB]`

use clap::Parser;
use std::process::ExitCode;
use upstep_benches::corpus::Corpus;
use upstep_benches::report::megabytes;
use upstep_benches::scaling::{self, Scaling};
use upstep_benches::{BenchError, ours, pair};

/// MB.
const LENGTHS: [u64; 7] = [1, 5, 20, 50, 100, 250, 500];

#[derive(Parser)]
struct Args {
    /// The largest length, in MB; the whole takes half an hour
    #[arg(long, default_value_t = 50)]
    most: u64,
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
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

fn run(args: &Args) -> Result<(), BenchError> {
    let mut pairs = pair::present(&Corpus::load()?)?;
    // The sample is small, and built here: another on each machine.
    pairs.retain(|pair| pair.program != pair::SAMPLE);
    if pairs.is_empty() {
        println!("no program of the corpus is there: `cargo run --release -p upstep-benches -- fetch` brings them");
        return Ok(());
    }
    println!(
        "processor seconds; ns by n log n: nanoseconds of them for each n log2 n, n the bytes of the new file;\n\
              by halves: against both halves, each alone, which have the same programs together\n"
    );
    println!("{:>6} {:>12} {:>34} {:>12} {:>24} {:>9} {:>8}", "", "", "diff", "", "HDiffPatch's diff", "apply", "");
    println!(
        "{:>6} {:>12} {:>9} {:>14} {:>9} {:>12} {:>9} {:>14} {:>9} {:>8}",
        "MB", "patch", "s", "ns by n log n", "by halves", "bytes/byte", "s", "ns by n log n", "s", "MB"
    );
    let mut result = Scaling { date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(), points: Vec::new() };
    for length in LENGTHS.into_iter().filter(|length| *length <= args.most) {
        let point = scaling::measure(&pairs, length * 1_000_000)?;
        let [seconds, by_n_log_n] = match &point.hdiffpatch {
            Some(usage) => [usage.cpu_seconds, point.per_n_log_n(usage)].map(|value| format!("{value:.2}")),
            None => ["-", "-"].map(str::to_owned),
        };
        let by_halves = point.halves_cpu_seconds.map(|halves| point.diff.cpu_seconds / halves);
        let by_halves = by_halves.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        println!(
            "{length:>6} {:>12} {:>9.2} {:>14.2} {by_halves:>9} {:>12.1} {seconds:>9} {by_n_log_n:>14} {:>9.2} {:>8}",
            point.patch_bytes,
            point.diff.cpu_seconds,
            point.per_n_log_n(&point.diff),
            point.diff.peak_bytes as f64 / (point.old_bytes + point.new_bytes) as f64,
            point.apply.cpu_seconds,
            megabytes(&point.apply),
        );
        result.points.push(point);
        result.save(&Scaling::path())?;
    }
    println!("written to {}", Scaling::path().display());
    Ok(())
}
