//! `upstep doctor`: why there is no update, or why the full is downloaded. No request is made.

use super::error::CommandError;
use super::install::{Install, Target};
use super::output::Output;
use crate::environment::Environment;
use crate::stamp::Stamp;
use crate::{UpdateError, check, engine};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::process::ExitCode;
use upstep_swap::Place;
use upstep_trust::State;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Forget the signed metadata that is stored, and begin from the root of trust again.
    #[arg(long)]
    reset_trust: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Finding {
    /// Whether it keeps updates from coming, or makes them larger.
    problem: bool,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Cow<'static, str>>,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<ExitCode, CommandError> {
    let install = Install::open(&args.target)?;
    let mut answer = Answer { findings: Vec::new() };
    match engine::place(&install.session) {
        Err(error) => answer.problem_with(crate::error::chain(&error), error.hint().map(Cow::Owned)),
        Ok(place) => {
            answer.good(format!("{} can be updated", place.program().display()));
            if let Some(mark) = place.quarantine() {
                let text = format!("macOS holds it in quarantine since it was downloaded ({mark})");
                answer.problem(text, Some("move it to another folder in the Finder and open it there once"));
            }
            if args.reset_trust {
                reset_trust(&install, &place, &mut answer)?;
            }
            look_at_settings(&install, &mut answer);
            look_at_trust(&install, &place, &mut answer);
            look_at_install(&install, &place, &mut answer);
            look_at_neighbours(&place, &mut answer);
        }
    }
    output.answer(&answer);
    Ok(ExitCode::SUCCESS)
}

fn reset_trust(install: &Install, place: &Place, answer: &mut Answer) -> Result<(), CommandError> {
    let _locked = install.lock()?;
    State::reset(&engine::trust_folder(place)).map_err(UpdateError::from)?;
    answer.good("the stored metadata was forgotten: the next check begins from the root of trust".to_owned());
    Ok(())
}

fn look_at_settings(install: &Install, answer: &mut Answer) {
    if install.saved.urls.is_empty() {
        answer.problem("no address is known for this program".to_owned(), Some("name it with --url"));
    }
    if install.saved.root.is_none() {
        let hint = "name it with --root; a program that links the library brings its own";
        answer.problem("no root of trust is known for this program".to_owned(), Some(hint));
    }
    let Ok(subject) = install.subject() else {
        answer
            .problem("the app's name or platform is not known".to_owned(), Some("name them with --app and --platform"));
        return;
    };
    let environment = Environment::read(&subject.app);
    if let Some(variable) = environment.opted_out {
        answer.problem(format!("{variable} switches updates off"), None);
    }
    if let Some(every) = environment.check_every {
        answer.good(format!("the environment asks for a check every {every:?}"));
    }
    if let Some(pin) = &install.saved.pin {
        answer.problem(format!("pinned: no release above {pin} is taken"), Some("--pin chooses another version"));
    }
}

fn look_at_trust(install: &Install, place: &Place, answer: &mut Answer) {
    let Ok(engine) = install.engine() else { return };
    let state = match engine.state(place) {
        Ok(state) => state,
        Err(error) => return answer.problem(crate::error::chain(&error), Some("upstep doctor --reset-trust mends it")),
    };
    let Some(metadata) = state.metadata() else {
        return answer.good("no signed metadata is stored yet".to_owned());
    };
    let (expires, now) = (metadata.expires(), jiff::Timestamp::now());
    match expires < now {
        true => answer.problem(format!("the stored metadata expired at {expires}: is it renewed, or withheld?"), None),
        false => answer.good(format!("the stored metadata is valid until {expires}")),
    }
    let Some(index) = check::stored_index(&state, &engine.subject) else {
        let target = engine.subject.target();
        return answer
            .problem(format!("nothing is known to be published as {target}"), Some("--channel and --platform"));
    };
    let Ok(installed) = install.lock().and_then(|locked| Ok(locked.installed()?)) else { return };
    match index.release_of(&installed.digest) {
        Some(release) => answer.good(format!("the installed program is {}", release.version)),
        None => answer.problem(
            "the publisher does not know the installed file: the next update takes the full download".to_owned(),
            Some("was it changed after it was installed, or is its release too old to be listed?"),
        ),
    }
}

fn look_at_install(install: &Install, place: &Place, answer: &mut Answer) {
    match Stamp::read(&place.state_folder()) {
        None => answer.good("no check was made yet".to_owned()),
        Some(stamp) => match stamp.failure {
            None => answer.good(format!("last check: {stamp}")),
            Some(_) => answer.problem(format!("last check: {stamp}"), None),
        },
    }
    match install.lock() {
        Err(error) => answer.problem_with(crate::error::chain(&error), error.hint()),
        Ok(locked) => {
            for release in locked.quarantine() {
                let text = format!("{} failed here and is not tried again: {}", release.version, release.reason);
                answer.problem(text, Some("the next release is taken normally"));
            }
            if let Some(staged) = locked.staged() {
                answer.good(format!("{} is downloaded and installed at the next start", staged.version));
            }
        }
    }
}

/// A program that its user renamed leaves the state of its old name behind.
fn look_at_neighbours(place: &Place, answer: &mut Answer) {
    let Ok(entries) = std::fs::read_dir(place.folder()) else { return };
    for entry in entries.flatten().filter(|entry| entry.path() != place.state_folder()) {
        let name = entry.file_name();
        let Some(program) = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".upstep")) else {
            continue;
        };
        if !place.folder().join(program).exists() {
            let text = format!("{} is left of a program that is no longer there", entry.path().display());
            answer.problem(text, Some("it can be deleted, and the files beside it whose names begin with its name"));
        }
    }
}

impl Answer {
    fn good(&mut self, text: String) {
        self.findings.push(Finding { problem: false, text, hint: None });
    }

    fn problem(&mut self, text: String, hint: Option<&'static str>) {
        self.problem_with(text, hint.map(Cow::Borrowed));
    }

    fn problem_with(&mut self, text: String, hint: Option<Cow<'static, str>>) {
        self.findings.push(Finding { problem: true, text, hint });
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{} {}", if finding.problem { "!" } else { "-" }, finding.text)?;
            if let Some(hint) = &finding.hint {
                writeln!(f, "  hint: {hint}")?;
            }
        }
        Ok(())
    }
}
