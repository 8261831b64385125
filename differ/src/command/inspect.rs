//! `differ inspect`

use super::apply;
use super::diff::Report;
use crate::{DifferError, file};
use std::io::{BufReader, Seek as _};
use std::path::PathBuf;

/// Say what a patch file is
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The patch
    patch: PathBuf,
}

/// Reads the patch's header.
pub fn run(args: &Args, json: bool) -> Result<(), DifferError> {
    let failed = |source| DifferError::File { operation: "read", path: args.patch.clone(), source };
    let (mut patch, _) = file::open(&args.patch)?;
    let header = upstep_codec::read_header(&mut BufReader::new(&patch))?;
    patch.rewind().map_err(failed)?;
    let (digest, size) = apply::digest(BufReader::new(&patch)).map_err(failed)?;
    Report::new(&header, digest, size).print(json)
}
