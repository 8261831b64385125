//! `upstep run`: update, start, supervise. Whatever the update does, the program runs.

use super::error::CommandError;
use super::install::{Install, Target};
use super::output::Output;
use super::update::{Probe, update};
use crate::bring::Deadline;
use crate::environment::Environment;
use crate::stamp::Stamp;
use crate::{Event, OnStart, UpdateError};
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;
use upstep_swap::Options;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    probe: Probe,
    /// What the program is started with.
    #[arg(last = true)]
    args: Vec<OsString>,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<ExitCode, CommandError> {
    let mut install = Install::open(&args.target)?;
    match update_before(&mut install, args, output) {
        Ok(()) | Err(CommandError::Update(UpdateError::Busy | UpdateError::OptedOut { .. })) => {}
        Err(error) => output.event(&Event::NotUpdated { reason: crate::error::chain(&error) }),
    }
    drop(install);
    let mut ended = upstep_swap::supervise(&args.target.exe, &args.args, &Options::default())?;
    ended.events.drain(..).filter_map(Event::of_install).for_each(|event| output.event(&event));
    ended.pass_up()
}

fn update_before(install: &mut Install, args: &Args, output: &Output) -> Result<(), CommandError> {
    let began = Instant::now();
    let environment = Environment::read(&install.subject()?.app);
    if let Some(variable) = environment.opted_out {
        return Err(UpdateError::OptedOut { variable }.into());
    }
    let place = install.place()?;
    let mut locked = install.lock()?;
    if let (Some(every), Some(stamp)) = (environment.check_every, Stamp::read(&place.state_folder()))
        && !stamp.is_due_again(every, &locked.install_id()?)
    {
        return Ok(());
    }
    let OnStart::UpdateNow { budget, max_hold } = OnStart::default() else { return Ok(()) };
    let limits = (Deadline::from(began, budget), Deadline::from(began, max_hold));
    update(install, locked, &args.probe, limits, upstep_swap::swap_for_trial, output).map(drop)
}
