//! What the library tells the program. Each event's text is made for the program's user.

use std::fmt;
use std::path::PathBuf;
use upstep_model::{Plan, StepKind, Version};

/// What happened. `Display` gives a line, or a few, for a terminal or a log.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A newer release is on offer.
    Available {
        /// The version that runs, where it is known.
        current: Option<Version>,
        /// What will be fetched and applied.
        plan: Plan,
        /// Bytes of the full download, to compare with [`Plan::bytes`].
        full: u64,
    },
    /// The author's text for the user, from the signed index.
    Notice {
        /// The text.
        text: String,
    },
    /// Another piece of the download has arrived: about every tenth of it.
    Progress {
        /// Bytes so far.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A step could not be taken; the full download follows.
    FallingBack {
        /// Why.
        reason: String,
    },
    /// The new version is complete, verified and ready to be swapped in.
    Downloaded {
        /// Its version.
        version: Version,
        /// Where it is.
        path: PathBuf,
        /// Bytes that came over the network for it, this time.
        bytes: u64,
    },
    /// The download goes on in the background; this version starts.
    GoingOnInBackground {
        /// The version that is being downloaded.
        version: Version,
    },
    /// The updater takes over: it swaps the new version in and starts it.
    UpdaterStarted {
        /// The version that is swapped in.
        version: Version,
    },
    /// The new version has shown that it works.
    Confirmed {
        /// Its version.
        version: Version,
    },
    /// The new version failed its trial: the one before is back, and that release is not tried
    /// again on this machine.
    RolledBack {
        /// The version that failed.
        version: Version,
        /// How it failed.
        reason: String,
    },
    /// There was no update, and the program runs as it is.
    NotUpdated {
        /// Why.
        reason: String,
    },
}

impl Event {
    /// What happened to the install, where it is news to the program.
    pub(crate) fn of_install(event: upstep_swap::Event) -> Option<Event> {
        use upstep_swap::Event as Swap;
        match event {
            Swap::Trial { .. } | Swap::Recovered { .. } => {
                tracing::info!("{event}");
                None
            }
            Swap::Confirmed { version } => Some(Event::Confirmed { version }),
            Swap::RolledBack { version, reason, .. } => Some(Event::RolledBack { version, reason }),
            Swap::ProbeFailed { .. } | Swap::SwapFailed { .. } | Swap::Refused { .. } => {
                Some(Event::NotUpdated { reason: event.to_string() })
            }
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Available { current, plan, full } => {
                write!(f, "A newer version ({}) is available! Current is {}", plan.to, name(current.as_ref()))?;
                for (number, step) in plan.steps.iter().enumerate() {
                    let number = number + 1;
                    match &step.kind {
                        StepKind::Full => write!(f, "\n  step {number}: full {}", step.to)?,
                        StepKind::Patch { from } => write!(f, "\n  step {number}: patch {from} -> {}", step.to)?,
                    }
                    write!(f, ", {}", Bytes(step.size))?;
                }
                write!(f, "\n  {} in all, the full download has {}", Bytes(plan.bytes()), Bytes(*full))?;
                if *full > 0 && plan.bytes() < *full {
                    write!(f, " ({:.1}%)", plan.bytes() as f64 * 100.0 / *full as f64)?;
                }
                Ok(())
            }
            Event::Notice { text } => f.write_str(text),
            Event::Progress { done, total } => {
                let percent = done.saturating_mul(100).checked_div(*total).unwrap_or(100);
                write!(f, "  {} of {} ({percent}%)", Bytes(*done), Bytes(*total))
            }
            Event::FallingBack { reason } => write!(f, "The patch can't be used, taking the full download: {reason}"),
            Event::Downloaded { path, bytes, .. } => {
                write!(f, "Downloaded new version to {} ({bytes} bytes)", path.display())
            }
            Event::GoingOnInBackground { version } => {
                write!(f, "The download of {version} goes on in the background; it is installed at a later start")
            }
            Event::UpdaterStarted { version } => write!(f, "Updater started. It installs {version} and runs it."),
            Event::Confirmed { version } => write!(f, "Version {version} works and is kept."),
            Event::RolledBack { version, reason } => {
                write!(
                    f,
                    "Version {version} failed ({reason}): the version before is back, {version} is not tried again"
                )
            }
            Event::NotUpdated { reason } => write!(f, "No update: {reason}"),
        }
    }
}

/// A version, or that it is not known.
pub(crate) fn name(version: Option<&Version>) -> String {
    version.map_or_else(|| "unknown".to_owned(), Version::to_string)
}

/// A number of bytes as a person reads it: exact below 10 kB.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n < 10_000 => write!(f, "{n} bytes"),
            n if n < 1_000_000 => write!(f, "{:.1} kB", n as f64 / 1e3),
            n => write!(f, "{:.2} MB", n as f64 / 1e6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use upstep_model::{Artifact, Codec, Digest, Step};

    #[test]
    fn the_plan_is_shown_against_the_full_download() {
        let version = |text| Version::parse(text).expect("a version");
        let digest = Digest::of(b"");
        let plan = Plan {
            format: 1,
            from: version("1.0.0"),
            to: version("1.3.0"),
            artifact: Artifact { kind: Default::default(), digest, size: 1 },
            steps: vec![Step {
                kind: StepKind::Patch { from: version("1.0.0") },
                to: version("1.3.0"),
                url: String::new(),
                digest,
                size: 12_345,
                codec: Codec::Bidiff,
                memory: 0,
                result: digest,
                result_size: 1,
            }],
            notes: None,
            mandatory: false,
        };
        let event = Event::Available { current: Some(version("1.0.0")), plan, full: 1_234_500 };
        let text = "A newer version (1.3.0) is available! Current is 1.0.0\n  step 1: patch 1.0.0 -> 1.3.0, 12.3 kB\n  \
                    12.3 kB in all, the full download has 1.23 MB (1.0%)";
        assert_eq!(event.to_string(), text);
    }

    #[test]
    fn progress_of_nothing_is_no_division_by_zero() {
        assert_eq!(Event::Progress { done: 0, total: 0 }.to_string(), "  0 bytes of 0 bytes (100%)");
    }
}
