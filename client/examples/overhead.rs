//! What `run_at_start()` costs when no check is due: prints the median in microseconds.
//!
//! It installs a copy of itself in a temporary folder, and starts that many times: the library
//! does its work in an install place only, and once per process.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const STARTS: usize = 200;
const MEASURE: &str = "OVERHEAD_MEASURE";

fn main() -> std::io::Result<()> {
    if std::env::var_os(MEASURE).is_some() {
        println!("{}", measure());
        return Ok(());
    }
    let name = format!("upstep-overhead-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder)?;
    let result = median(&folder);
    std::fs::remove_dir_all(&folder)?;
    println!("{}", result?);
    Ok(())
}

/// One start, in microseconds.
fn measure() -> u128 {
    let began = Instant::now();
    let _up = upstep::app!("overhead")
        .url("http://127.0.0.1:9")
        .check_every(Duration::from_secs(30 * 24 * 60 * 60))
        .run_at_start();
    began.elapsed().as_micros()
}

fn median(folder: &Path) -> std::io::Result<u128> {
    let program = folder.join("overhead");
    std::fs::copy(std::env::current_exe()?, &program)?;
    let start = || -> std::io::Result<u128> {
        let output = Command::new(&program).env(MEASURE, "1").env_remove("UPSTEP_CHECK_EVERY").output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.trim().parse().map_err(|_| std::io::Error::other(format!("{:?} answered {text:?}", program)))
    };
    // The first one checks, finds nobody, and notes that. A failed check is repeated after a 24th
    // of the interval.
    start()?;
    let mut times: Vec<u128> = (0..STARTS).map(|_| start()).collect::<Result<_, _>>()?;
    times.sort_unstable();
    Ok(times[STARTS / 2])
}
