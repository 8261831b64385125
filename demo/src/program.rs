//! The user's side: the installed program, run as a user runs it.

use crate::Outcome;
use std::env::consts::EXE_SUFFIX;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The installed program.
pub struct Installed {
    program: PathBuf,
    url: String,
}

/// What a run of it printed, and when.
pub struct Run {
    lines: Vec<(Instant, String)>,
    status: ExitStatus,
}

impl Installed {
    /// Installs a program in a folder of its own.
    pub fn new(folder: &Path, program: &Path, url: &str) -> Outcome<Self> {
        let installed = folder.join("install").join(format!("hello{EXE_SUFFIX}"));
        std::fs::create_dir_all(folder.join("install"))?;
        std::fs::copy(program, &installed)?;
        Ok(Installed { program: installed, url: url.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.program
    }

    /// Runs it to its end and shows what it prints.
    pub fn run(&mut self) -> Outcome<Run> {
        println!("   $ hello");
        let mut child = Command::new(&self.program)
            .env("HELLO_URL", &self.url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, lines) = mpsc::channel();
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as _),
            child.stderr.take().map(|stream| Box::new(stream) as _),
        ];
        for stream in streams.into_iter().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = sender.send((Instant::now(), line));
                }
            });
        }
        drop(sender);
        let mut run = Vec::new();
        for (at, line) in lines {
            println!("   | {line}");
            run.push((at, line));
        }
        Ok(Run { lines: run, status: child.wait()? })
    }
}

impl Run {
    /// Its first and last words are what the new version says.
    pub fn expect_success(&self, version: &str) -> Outcome<()> {
        let hello = format!("Hello! I am version {version}");
        let greeted = self.lines.iter().rposition(|(_, line)| *line == hello);
        let done = self.lines.iter().rposition(|(_, line)| line == "Done.");
        if self.status.success() && greeted.is_some() && greeted < done {
            return Ok(());
        }
        Err(format!("expected {hello:?} and \"Done.\", and an exit status of 0; it ended with {}", self.status).into())
    }

    /// It did not come to its end.
    pub fn expect_failure(&self) -> Outcome<()> {
        if self.status.success() || self.lines.iter().any(|(_, line)| line == "Done.") {
            return Err("expected the new release to crash, but it ended well".into());
        }
        Ok(())
    }

    /// The bytes that the program says it downloaded.
    pub fn reported_bytes(&self) -> Option<u64> {
        let (_, line) = self.lines.iter().find(|(_, line)| line.starts_with("Downloaded new version"))?;
        let (before, _) = line.split_once(" bytes")?;
        before.rsplit(|c: char| !c.is_ascii_digit() && c != ',').next()?.replace(',', "").parse().ok()
    }

    /// From the updater's start to the new version's first words.
    pub fn away(&self) -> Option<Duration> {
        let started = self.lines.iter().find(|(_, line)| line.starts_with("Updater started"))?.0;
        let back = self.lines.iter().rev().find(|(_, line)| line.starts_with("Hello! I am version"))?.0;
        back.checked_duration_since(started)
    }
}
