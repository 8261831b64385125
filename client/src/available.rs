//! The steps of an update as types: what is available can be downloaded, and only what is
//! verified can be installed.

use crate::bring::Deadline;
use crate::check::{Checked, Update};
use crate::engine::{self, Engine, Staged};
use crate::updater::{Inner, install};
use crate::{Event, UpdateError, runtime};
use std::path::Path;
use std::sync::Arc;
use upstep_model::{Plan, Version};
use upstep_swap::{HandedOver, Locked};

/// A newer release, found in the signed metadata.
#[must_use = "it is not downloaded yet"]
pub struct Available {
    inner: Arc<Inner>,
    engine: Engine,
    checked: Checked,
    update: Update,
}

impl Available {
    pub(crate) fn of(inner: Arc<Inner>, engine: Engine, mut checked: Checked) -> Option<Self> {
        let update = checked.update.take()?;
        Some(Available { inner, engine, checked, update })
    }

    /// The version.
    pub fn version(&self) -> &Version {
        &self.update.plan.to
    }

    /// What will be fetched and applied.
    pub fn plan(&self) -> &Plan {
        &self.update.plan
    }

    /// Bytes of the full download, to compare with [`Plan::bytes`].
    pub fn full_bytes(&self) -> u64 {
        self.update.full_bytes()
    }

    /// What the author says about the release.
    pub fn notes(&self) -> Option<&str> {
        self.update.plan.notes.as_deref()
    }

    /// Whether the author says that versions as old as this one must be updated.
    pub fn is_mandatory(&self) -> bool {
        self.update.plan.mandatory
    }

    /// The author's text for the user.
    pub fn notice(&self) -> Option<&str> {
        self.checked.index.notice.as_deref()
    }

    /// The event that tells all this in a few lines.
    pub fn event(&self) -> Event {
        self.update.event(&self.checked)
    }

    /// Downloads the release, applies its patches and verifies the result.
    pub fn download(self) -> Result<Verified, UpdateError> {
        runtime::start(async move || self.bring().await)?.join()?
    }

    /// [`download`](Available::download) for async programs, in any executor.
    pub async fn download_async(self) -> Result<Verified, UpdateError> {
        runtime::start(async move || self.bring().await)?.finish().await?
    }

    async fn bring(self) -> Result<Verified, UpdateError> {
        let Available { inner, engine, checked, update } = self;
        let mut locked = engine::lock(inner.session()?)?;
        let tell = |event| inner.tell(event);
        let staged = engine.bring(&mut locked, &checked, &update, Deadline::none(), &tell).await?;
        inner.tell(staged.event());
        Ok(Verified { inner, engine, locked, staged })
    }
}

/// A release that lies complete and verified beside the program, ready to be swapped in. It stays
/// there if this is dropped: the next start installs it.
#[must_use = "it is installed at the next start, unless it is installed now"]
pub struct Verified {
    inner: Arc<Inner>,
    engine: Engine,
    locked: Locked,
    staged: Staged,
}

impl Verified {
    /// The version.
    pub fn version(&self) -> &Version {
        &self.staged.target.version
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.staged.path
    }

    /// Swaps the release in and runs it in the place of this process, with the same arguments,
    /// environment and streams. Returns only if that failed, and the program goes on as it is.
    ///
    /// Finish what must not be cut off before: open files, children, destructors. On Unix this
    /// process becomes the updater; elsewhere, and for programs with a window, it ends.
    pub fn install(self) -> UpdateError {
        let Verified { inner, engine, locked, staged } = self;
        match install(&inner, &engine, locked, staged.target.version) {
            Ok(handed_over) => HandedOver::exit(handed_over),
            Err(error) => error,
        }
    }
}
