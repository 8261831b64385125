//! Bringing a release here: download the steps of its plan, and apply them one after the other.
//!
//! A chain never needs more than two files besides the base: the one that a patch reads, and the
//! one that it writes.

use crate::engine::swap;
use crate::network::{Blob, Network};
use crate::{Event, UpdateError, file};
use std::cell::Cell;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use upstep_codec::{ApplyLimits, CodecError, Patch};
use upstep_model::{Plan, Step, StepKind};
use upstep_swap::Locked;
use url::Url;

/// How long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    began: Instant,
    limit: Option<Duration>,
}

impl Deadline {
    pub(crate) fn none() -> Self {
        Deadline { began: Instant::now(), limit: None }
    }

    /// The time is over when `limit` has passed since `began`.
    pub(crate) fn from(began: Instant, limit: Duration) -> Self {
        Deadline { began, limit: Some(limit) }
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    fn is_open(&self) -> bool {
        self.limit.is_none_or(|limit| self.began.elapsed() < limit)
    }

    fn over(&self) -> UpdateError {
        UpdateError::Time { limit: self.limit.unwrap_or_default() }
    }

    /// `work`, unless the time is over before it is done.
    pub(crate) async fn limit<T>(&self, work: impl Future<Output = Result<T, UpdateError>>) -> Result<T, UpdateError> {
        let Some(limit) = self.limit else { return work.await };
        let left = limit.saturating_sub(self.began.elapsed());
        tokio::time::timeout(left, work).await.unwrap_or_else(|_| Err(self.over()))
    }
}

/// What is needed to bring a release here.
pub(crate) struct Bring<'a> {
    pub(crate) network: &'a Network,
    pub(crate) addresses: &'a [Url],
    pub(crate) locked: &'a mut Locked,
    /// The copy of the program that runs, which the first patch reads.
    pub(crate) base: &'a Path,
    pub(crate) memory: u64,
    pub(crate) deadline: Deadline,
    pub(crate) tell: &'a dyn Fn(Event),
}

impl Bring<'_> {
    /// Takes `plan`; if one of its steps can't be taken, the full download. At the end the file
    /// that is to be staged is complete and verified.
    pub(crate) async fn release(&mut self, plan: &Plan, full: Option<&Plan>) -> Result<(), UpdateError> {
        self.clear_of_others(plan, full)?;
        let failure = match self.steps(plan).await {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        match full {
            Some(full) if full.steps != plan.steps && !failure.is_local() => {
                (self.tell)(Event::FallingBack { reason: crate::error::chain(&failure) });
                self.steps(full).await
            }
            _ => Err(failure),
        }
    }

    async fn steps(&mut self, plan: &Plan) -> Result<(), UpdateError> {
        let downloads = self.download(plan).await?;
        let staged = self.locked.staged_path(&plan.artifact.digest);
        let mut between: Option<PathBuf> = None;
        for (number, (step, download)) in plan.steps.iter().zip(&downloads).enumerate() {
            let is_last = number + 1 == plan.steps.len();
            let (file, new) = match is_last {
                true => self.locked.create_staged(&step.result).map_err(swap)?,
                false => {
                    let new = self.locked.downloads().join(format!("{}.step", step.result));
                    (file::create(&new)?, new)
                }
            };
            let old = between.as_deref().unwrap_or(self.base);
            let taken = self.take(step, download, old, (&file, &new));
            if let Some(old) = between.take() {
                file::remove(&old)?;
            }
            if let Err(failure) = taken {
                file::remove(&new)?;
                return Err(failure);
            }
            between = (!is_last).then_some(new);
        }
        tracing::debug!("{} is complete", staged.display());
        downloads.iter().try_for_each(|download| file::remove(download))
    }

    async fn download(&self, plan: &Plan) -> Result<Vec<PathBuf>, UpdateError> {
        let total = plan.bytes();
        let told = Cell::new(0);
        let mut before = 0;
        let mut downloads = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let progress = |there: u64| {
                let done = before + there;
                let tenth = done.saturating_mul(10).checked_div(total).unwrap_or(10);
                if tenth > told.replace(tenth) {
                    (self.tell)(Event::Progress { done, total });
                }
            };
            let blob = Blob { path: &step.url, digest: step.digest, size: step.size };
            let download = self.network.blob(self.addresses, &blob, self.locked.downloads(), &progress);
            downloads.push(self.deadline.limit(download).await?);
            before += step.size;
        }
        Ok(downloads)
    }

    /// Makes `new` of one download.
    fn take(&self, step: &Step, download: &Path, old: &Path, (file, new): (&File, &Path)) -> Result<(), UpdateError> {
        let decode = |source: CodecError| match &source {
            CodecError::Io { source, .. } if source.kind() == std::io::ErrorKind::TimedOut => self.deadline.over(),
            _ => UpdateError::Decode { what: format!("the step to {}", step.to), source },
        };
        let download = BufReader::new(file::open(download)?);
        let mut writer = file::Until::new(file, || self.deadline.is_open());
        let found = match &step.kind {
            StepKind::Full => upstep_codec::full::decompress(download, &mut writer, step.result_size, self.memory),
            StepKind::Patch { .. } => {
                let old = file::open(old)?;
                let limits = ApplyLimits { memory: self.memory };
                Patch::open(download).and_then(|patch| match patch.header().to_size > step.result_size {
                    true => Err(CodecError::TooLong { what: "new file", limit: step.result_size }),
                    false => patch.apply(&old, &mut writer, &limits).map(|applied| applied.to),
                })
            }
        };
        let found = found.map_err(decode)?;
        if found != step.result {
            return Err(UpdateError::Digest { place: new.display().to_string(), expected: step.result, found });
        }
        Ok(())
    }

    /// Removes what earlier downloads of other releases left behind.
    fn clear_of_others(&self, plan: &Plan, full: Option<&Plan>) -> Result<(), UpdateError> {
        let downloads = self.locked.downloads();
        let failed = |source| UpdateError::File { operation: "list", path: downloads.to_owned(), source };
        let steps = plan.steps.iter().chain(full.into_iter().flat_map(|full| &full.steps));
        let wanted: Vec<String> = steps.map(|step| step.digest.to_string()).collect();
        for entry in std::fs::read_dir(downloads).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let digest = name.strip_suffix(".part").unwrap_or(&name);
            let is_wanted = wanted.iter().any(|wanted| wanted == digest);
            if !is_wanted && entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
                file::remove(&entry.path())?;
            }
        }
        Ok(())
    }
}
