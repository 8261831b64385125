//! `differ apply`

use super::diff::Report;
use crate::measure::{self, Cost};
use crate::{DifferError, file};
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::time::Instant;
use upstep_codec::ApplyLimits;
use upstep_model::{Digest, Digester};

/// Apply a patch file
///
/// The new file is written only if it has the length that the patch names, and a digest that begins as
/// there. It gets the permissions of the old one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file that the patch is for
    old: PathBuf,
    /// The patch
    patch: PathBuf,
    /// The file to write
    new: PathBuf,
    /// Most memory that decoding may need, in MB
    #[arg(long, value_name = "MB", default_value_t = 256)]
    memory: u64,
    /// Say what it cost
    #[arg(long)]
    measure: bool,
}

/// Applies the patch.
pub fn run(args: &Args, json: bool) -> Result<(), DifferError> {
    let (began, before) = (Instant::now(), measure::peak_memory());
    let (old, _) = file::open(&args.old)?;
    let (patch, size) = file::open(&args.patch)?;
    let mut patch = Digesting { reader: BufReader::new(patch), digester: Digester::new() };
    let limits = ApplyLimits { memory: args.memory.saturating_mul(1 << 20) };
    let applied =
        file::create(&args.new, Some(&old), |mut new| Ok(upstep_codec::apply(&mut patch, &old, &mut new, &limits)?))?;
    let report = Report::of_applied(&applied, patch.digester.finish(), size);
    if !args.measure {
        return report.print(json);
    }
    let grown = measure::peak_memory().zip(before).map(|(after, before)| after - before);
    report.with_cost(Cost { seconds: began.elapsed().as_secs_f64(), memory: grown }).print(json)
}

/// Computes the digest of what is read.
struct Digesting<R> {
    reader: R,
    digester: Digester,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buf)?;
        self.digester.update(&buf[..length]);
        Ok(length)
    }
}

/// The digest and length of a whole file.
pub fn digest(mut file: impl Read) -> io::Result<(Digest, u64)> {
    let mut digesting = Digesting { reader: &mut file, digester: Digester::new() };
    let size = io::copy(&mut digesting, &mut io::sink())?;
    Ok((digesting.digester.finish(), size))
}
