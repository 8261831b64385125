//! `upstep status`: what is installed, downloaded and in quarantine. No request is made.

use super::error::CommandError;
use super::install::{Install, Target};
use super::output::Output;
use crate::event::name;
use crate::stamp::Stamp;
use crate::{UpdateError, check, engine};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use upstep_model::{AppName, Channel, Digest, Version};
use upstep_swap::{Quarantined, Target as Release};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
}

#[derive(Serialize)]
struct Answer {
    exe: PathBuf,
    app: Option<AppName>,
    channel: Option<Channel>,
    version: Option<Version>,
    digest: Option<Digest>,
    urls: Vec<String>,
    pin: Option<Version>,
    downloading: Option<Release>,
    staged: Option<Release>,
    quarantine: Vec<Quarantined>,
    /// A trial is open, or another process is at work.
    busy: bool,
    last_check: Option<Stamp>,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<ExitCode, CommandError> {
    let install = Install::open(&args.target)?;
    let place = install.place()?;
    let mut answer = Answer {
        exe: place.program().to_owned(),
        app: install.saved.app.clone(),
        channel: install.saved.channel.clone(),
        version: install.version(),
        digest: None,
        urls: install.saved.urls.clone(),
        pin: install.saved.pin.clone(),
        downloading: None,
        staged: None,
        quarantine: Vec::new(),
        busy: false,
        last_check: Stamp::read(&place.state_folder()),
    };
    match install.lock() {
        Ok(locked) => {
            answer.downloading = locked.downloading().cloned();
            answer.staged = locked.staged().cloned();
            answer.quarantine = locked.quarantine().to_vec();
            let digest = locked.installed().map_err(engine::swap)?.digest;
            answer.digest = Some(digest);
            let engine = install.engine().ok();
            let index = engine.and_then(|engine| check::stored_index(&engine.state(&place).ok()?, &engine.subject));
            let known = index.and_then(|index| index.release_of(&digest).map(|release| release.version.clone()));
            answer.version = known.or(answer.version);
        }
        Err(CommandError::Update(UpdateError::Busy)) => answer.busy = true,
        Err(error) => return Err(error),
    }
    output.answer(&answer);
    Ok(ExitCode::SUCCESS)
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = || "unknown".to_owned();
        writeln!(f, "program: {}", self.exe.display())?;
        writeln!(f, "app: {}", self.app.as_ref().map_or_else(unknown, ToString::to_string))?;
        writeln!(f, "version: {}", name(self.version.as_ref()))?;
        for url in &self.urls {
            writeln!(f, "updates from: {url}")?;
        }
        if let Some(pin) = &self.pin {
            writeln!(f, "pinned to: {pin}")?;
        }
        if self.busy {
            writeln!(f, "busy: a trial is open, or another process is at work")?;
        }
        if let Some(release) = &self.downloading {
            writeln!(f, "downloading: {}", release.version)?;
        }
        if let Some(release) = &self.staged {
            writeln!(f, "ready to be installed: {}", release.version)?;
        }
        for release in &self.quarantine {
            writeln!(f, "in quarantine: {} ({})", release.version, release.reason)?;
        }
        match &self.last_check {
            None => writeln!(f, "last check: never"),
            Some(stamp) => writeln!(f, "last check: {stamp}"),
        }
    }
}
