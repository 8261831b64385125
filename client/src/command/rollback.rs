//! `upstep rollback`: the version before the installed one comes back.

use super::error::CommandError;
use super::install::{Install, Target};
use super::output::Output;
use crate::check;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use upstep_model::{Digest, Version};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
}

#[derive(Serialize)]
struct Answer {
    exe: PathBuf,
    digest: Digest,
    version: Option<Version>,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<ExitCode, CommandError> {
    let install = Install::open(&args.target)?;
    let place = install.place()?;
    let digest = upstep_swap::rollback(&place)?;
    let engine = install.engine().ok();
    let index = engine.and_then(|engine| check::stored_index(&engine.state(&place).ok()?, &engine.subject));
    let version = index.and_then(|index| index.release_of(&digest).map(|release| release.version.clone()));
    output.answer(&Answer { exe: place.program().to_owned(), digest, version });
    Ok(ExitCode::SUCCESS)
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} is {version} again", self.exe.display()),
            None => write!(f, "{} is the version before again ({})", self.exe.display(), self.digest.short()),
        }
    }
}
