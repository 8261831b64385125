//! `upstep check`: whether something newer is on offer, and what it would cost.

use super::error::CommandError;
use super::install::{Install, Target, block_on};
use super::output::Output;
use crate::bring::Deadline;
use crate::event::name;
use serde::Serialize;
use std::fmt;
use std::process::ExitCode;
use upstep_model::{AppName, Plan, Version};

/// Exit code of a check that found something.
const AVAILABLE: u8 = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
}

#[derive(Serialize)]
struct Answer {
    app: AppName,
    current: Option<Version>,
    /// Whether the publisher knows the installed file.
    known: bool,
    available: Option<Version>,
    plan: Option<Plan>,
    full_bytes: Option<u64>,
    notice: Option<String>,
    #[serde(skip)]
    text: Option<String>,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<ExitCode, CommandError> {
    let install = Install::open(&args.target)?;
    let engine = install.engine()?;
    let place = install.place()?;
    let mut locked = install.lock()?;
    let checked = block_on(engine.check(&place, &mut locked, Deadline::none()))?;
    let update = checked.update.as_ref();
    let known = checked.base.digest.is_some_and(|digest| checked.index.release_of(&digest).is_some());
    let answer = Answer {
        app: engine.subject.app.clone(),
        current: checked.current.clone(),
        known,
        available: update.map(|update| update.plan.to.clone()),
        plan: update.map(|update| update.plan.clone()),
        full_bytes: update.map(|update| update.full_bytes()),
        notice: checked.index.notice.clone(),
        text: update.map(|update| update.event(&checked).to_string()),
    };
    output.answer(&answer);
    Ok(ExitCode::from(if answer.available.is_some() { AVAILABLE } else { 0 }))
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(notice) = &self.notice {
            writeln!(f, "{notice}")?;
        }
        match &self.text {
            Some(text) => writeln!(f, "{text}")?,
            None => writeln!(f, "{} {} is up to date", self.app, name(self.current.as_ref()))?,
        }
        if !self.known {
            writeln!(f, "the publisher does not know the installed file: an update takes the full download")?;
        }
        Ok(())
    }
}
