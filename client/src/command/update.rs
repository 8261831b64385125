//! `upstep update`: check, download, swap.

use super::error::CommandError;
use super::install::{Install, Target, block_on};
use super::output::Output;
use crate::Event;
use crate::bring::Deadline;
use crate::event::name;
use serde::Serialize;
use std::fmt;
use std::process::ExitCode;
use upstep_model::{AppName, Digest, Version};
use upstep_swap::{ForeignProbe, Locked, SwapError, Target as Release};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    probe: Probe,
}

/// How a new version is tried before it is swapped in.
#[derive(Debug, clap::Args)]
pub(super) struct Probe {
    /// What a new version is started with before it is swapped in: it must end with 0 within
    /// 10 seconds [default: --version].
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub(super) probe_args: Option<String>,
}

/// What an update did.
#[derive(Serialize)]
pub(super) struct Answer {
    app: AppName,
    from: Option<Version>,
    to: Option<Version>,
    updated: bool,
    /// Bytes that came over the network.
    bytes: u64,
    full_bytes: u64,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<ExitCode, CommandError> {
    let mut install = Install::open(&args.target)?;
    let locked = install.lock()?;
    let unlimited = (Deadline::none(), Deadline::none());
    install.tell_events(output);
    let answer = update(&mut install, locked, &args.probe, unlimited, upstep_swap::swap_foreign, output)?;
    output.answer(&answer);
    Ok(ExitCode::SUCCESS)
}

/// How a staged release is swapped in: with or without a trial.
pub(super) type Swap = fn(Locked, &ForeignProbe, &dyn Fn(&Digest) -> bool) -> Result<Release, SwapError>;

/// The update of one install; `check` and `all` say how long it may take.
pub(super) fn update(
    install: &mut Install,
    mut locked: Locked,
    probe: &Probe,
    (check, all): (Deadline, Deadline),
    swap: Swap,
    output: &Output,
) -> Result<Answer, CommandError> {
    if let Some(args) = &probe.probe_args {
        install.saved.probe_args = Some(args.clone());
    }
    let engine = install.engine()?;
    let place = install.place()?;
    let checked = block_on(engine.check(&place, &mut locked, check))?;
    install.saved.write(&place.state_folder())?;
    if let Some(text) = &checked.index.notice {
        output.event(&Event::Notice { text: text.clone() });
    }
    let (app, from) = (engine.subject.app.clone(), checked.current.clone());
    let Some(update) = &checked.update else {
        return Ok(Answer { app, to: from.clone(), from, updated: false, bytes: 0, full_bytes: 0 });
    };
    output.event(&update.event(&checked));
    let tell = |event: Event| output.event(&event);
    let staged = block_on(engine.bring(&mut locked, &checked, update, all, &tell))?;
    output.event(&staged.event());
    let is_still_signed = |digest: &Digest| engine.is_still_signed(&place, digest);
    let target = swap(locked, &foreign_probe(install), &is_still_signed)?;
    Ok(Answer {
        app,
        from,
        to: Some(target.version),
        updated: true,
        bytes: staged.bytes,
        full_bytes: update.full_bytes(),
    })
}

fn foreign_probe(install: &Install) -> ForeignProbe {
    match &install.saved.probe_args {
        Some(args) => {
            ForeignProbe { args: args.split_whitespace().map(Into::into).collect(), ..ForeignProbe::default() }
        }
        None => ForeignProbe::default(),
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.updated {
            true => {
                write!(f, "updated {} from {} to {}", self.app, name(self.from.as_ref()), name(self.to.as_ref()))
            }
            false => write!(f, "{} {} is up to date", self.app, name(self.from.as_ref())),
        }
    }
}
