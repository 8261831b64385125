//! `differ diff`

use super::coding::{Coding, Memory};
use super::output::{self, bytes};
use crate::measure::Cost;
use crate::{DifferError, artifact, file};
use serde::Serialize;
use std::path::PathBuf;
use upstep_codec::{Applied, ApplyLimits, CodecError, DiffOptions, Header, Prefix};
use upstep_model::Digest;

/// Make a patch file
///
/// The patch is applied again before it is written.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file that the patch is for
    old: PathBuf,
    /// The file that the patch makes
    new: PathBuf,
    /// The patch to write
    patch: PathBuf,
    #[command(flatten)]
    coding: Coding,
    #[command(flatten)]
    memory: Memory,
}

/// What a patch file is.
#[derive(Debug, Serialize)]
pub struct Report {
    patch: Digest,
    patch_size: u64,
    codec: String,
    from: String,
    from_size: u64,
    to: String,
    to_size: u64,
    memory: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
}

impl Report {
    /// What `header` says, and the patch file itself. Of the two files it has how their digests begin.
    pub fn new(header: &Header, patch: Digest, patch_size: u64) -> Self {
        Report {
            patch,
            patch_size,
            codec: header.codec.to_string(),
            from: header.from.to_string(),
            from_size: header.from_size,
            to: header.to.to_string(),
            to_size: header.to_size,
            memory: header.memory,
            cost: None,
        }
    }

    /// The same of a patch that was applied: with whole digests.
    pub fn of_applied(applied: &Applied, patch: Digest, patch_size: u64) -> Self {
        let (from, to) = (applied.from.to_string(), applied.to.to_string());
        Report { from, to, ..Report::new(&applied.header, patch, patch_size) }
    }

    /// The same with what applying it cost.
    pub fn with_cost(self, cost: Cost) -> Self {
        Report { cost: Some(cost), ..self }
    }

    /// Prints it.
    pub fn print(&self, json: bool) -> Result<(), DifferError> {
        if json {
            return output::json(self);
        }
        let shown = |digest: &str| if digest.len() < 64 { format!("{digest}...") } else { digest.to_owned() };
        let mut text = format!(
            "patch   {} ({} bytes, {})\nfrom    {} ({} bytes)\nto      {} ({} bytes)\nmemory  {} bytes to apply it\n",
            self.patch,
            bytes(self.patch_size),
            self.codec,
            shown(&self.from),
            bytes(self.from_size),
            shown(&self.to),
            bytes(self.to_size),
            bytes(self.memory),
        );
        if let Some(Cost { seconds, memory }) = self.cost {
            let memory = memory.map_or_else(|| "an unknown amount".to_owned(), bytes);
            text.push_str(&format!("cost    {seconds:.3} s, {memory} bytes of memory\n"));
        }
        output::text(&text)
    }
}

/// Makes the patch.
pub fn run(args: &Args, json: bool) -> Result<(), DifferError> {
    let coding: DiffOptions = args.coding.into();
    let [old, new] = [&args.old, &args.new].map(|path| file::size(path, artifact::MAX_SIZE));
    let (needs, limit) = (upstep_codec::diff_memory(old?, new?, &coding), args.memory.bytes());
    if needs > limit {
        let [old, new] = [&args.old, &args.new].map(PathBuf::clone);
        return Err(DifferError::TooHungry { old, new, needs: needs.div_ceil(1 << 20), limit: limit >> 20 });
    }
    let old = file::read(&args.old, artifact::MAX_SIZE)?;
    let new = file::read(&args.new, artifact::MAX_SIZE)?;
    let patch = upstep_codec::diff(&old, &new, &coding)?;
    let applied = upstep_codec::apply(&patch[..], &old[..], &mut std::io::sink(), &ApplyLimits { memory: u64::MAX })?;
    let (digest, to) = (Digest::of(&patch), Digest::of(&new));
    if applied.to != to {
        return Err(CodecError::WrongNew { expected: Prefix::of(&to), found: applied.to }.into());
    }
    let failed = |source| DifferError::File { operation: "write", path: args.patch.clone(), source };
    file::create(&args.patch, None, |out| out.write_all(&patch).map_err(failed))?;
    Report::of_applied(&applied, digest, patch.len() as u64).print(json)
}
