//! Makes and applies a patch of two files, and says what it took.
//!
//! `cargo run --release -p upstep-codec --features encode --example pair -- OLD NEW [bidiff|exe|streams] [fast|balanced|small] [PATCH]`;
//! with `streams`: what each stream of the codec `exe` takes, and what zstd would make of it; PATCH: where the patch is written.

use std::time::{Duration, Instant};
use upstep_codec::{ApplyLimits, DiffOptions, Level, apply, diff, read_header, streams};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(old), Some(new)) = (arguments.next(), arguments.next()) else {
        return Err("usage: pair OLD NEW [CODEC] [LEVEL] [PATCH]".into());
    };
    let codec = arguments.next();
    let name = arguments.next().unwrap_or_else(|| Level::default().name().into());
    let level = Level::ALL.into_iter().find(|level| level.name() == name).ok_or("unknown level")?;
    let (old, new) = (std::fs::read(old)?, std::fs::read(new)?);
    if codec.as_deref() == Some("streams") {
        println!("{:>9} {:>9}", "bytes", "by zstd");
        for stream in streams(&old, &new, level)? {
            println!("{:>9} {:>9} {}", stream.bytes, stream.by_zstd, stream.name);
        }
        return Ok(());
    }
    let options = DiffOptions { codec: codec.map(Into::into), level };
    let start = Instant::now();
    let patch = diff(&old, &new, &options)?;
    let made = start.elapsed();
    if let Some(path) = arguments.next() {
        std::fs::write(path, &patch)?;
    }
    let header = read_header(&mut &patch[..])?;
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let mut out = Vec::with_capacity(new.len());
        apply(&patch[..], &old, &mut out, &ApplyLimits::default())?;
        fastest = fastest.min(start.elapsed());
        if out != new {
            return Err("the patch makes another file".into());
        }
    }
    let seconds = |time: Duration| time.as_secs_f64();
    println!(
        "{} bytes by {}, made in {:.2} s, applied in {:.3} s, declares {} KiB",
        patch.len(),
        header.codec,
        seconds(made),
        seconds(fastest),
        header.memory >> 10
    );
    Ok(())
}
