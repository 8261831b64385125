//! The install with its lock held and no trial open.

use crate::held::Held;
use crate::journal::State;
use crate::role::new_token;
use crate::session::start_updater;
use crate::{Base, Content, Options, Quarantined, SwapError, Target, Unavailable, base, error::Context as _, sys};
use std::fs::File;
use std::path::{Path, PathBuf};
use upstep_model::Digest;

/// The install with its lock held: the journal is Idle, Downloading or Staged. Dropping it unlocks.
#[derive(Debug)]
pub struct Locked {
    pub(crate) held: Held,
    options: Options,
    downloads: PathBuf,
}

/// An updater process has taken over: this one must end.
#[must_use = "the updater waits for the end of this process"]
#[derive(Debug)]
pub struct HandedOver(sys::HandOver);

impl HandedOver {
    /// Ends this process: at once when detached; else (Windows) after the updater, with the status
    /// that it passes up.
    pub fn exit(self) -> ! {
        self.0.exit()
    }
}

impl Locked {
    pub(crate) fn new(held: Held, options: Options) -> Result<Self, Unavailable> {
        let downloads = held.install.folder.folder("downloads")?;
        Ok(Locked { held, options, downloads })
    }

    /// What the installed file holds now.
    pub fn installed(&self) -> Result<Content, SwapError> {
        self.held.install.installed()
    }

    /// Makes the base: the file that patches read. It is the same as the installed one.
    pub fn make_base(&mut self) -> Result<Base, SwapError> {
        base::make(&self.held.install)
    }

    /// A folder for partial downloads: its files stay while the journal says Downloading or Staged,
    /// and are deleted by a start that finds Idle.
    pub fn downloads(&self) -> &Path {
        &self.downloads
    }

    /// Notes in the journal that `to` is being downloaded.
    pub fn begin_download(&mut self, to: &Target) -> Result<(), SwapError> {
        if self.downloading() == Some(to) {
            return Ok(());
        }
        self.held.enter(State::Downloading { to: to.clone() })
    }

    /// The release whose download was begun, perhaps by an earlier process.
    pub fn downloading(&self) -> Option<&Target> {
        match self.held.state() {
            State::Downloading { to } => Some(to),
            _ => None,
        }
    }

    /// A new, empty, private file for the release's bytes, beside the program; an old one of the
    /// same name is replaced. Write it, drop it, then call [`Locked::stage`].
    pub fn create_staged(&mut self, digest: &Digest) -> Result<(File, PathBuf), SwapError> {
        let path = self.staged_path(digest);
        let file = sys::create_private(&path, self.held.install.place.owner()).context("create", &path)?;
        Ok((file, path))
    }

    /// Where [`Locked::create_staged`] puts it.
    pub fn staged_path(&self, digest: &Digest) -> PathBuf {
        self.held.install.place.kept(digest)
    }

    /// Checks the written file (length, digest), gives it the program's mode, owner and
    /// attributes, syncs it, makes the base where there is none yet, and notes Staged.
    pub fn stage(&mut self, to: &Target) -> Result<(), SwapError> {
        if self.is_quarantined(&to.digest) {
            return Err(SwapError::Quarantined(to.digest));
        }
        let base = self.make_base()?;
        if base.content.digest == to.digest {
            return Err(SwapError::Installed(to.digest));
        }
        let (install, path) = (&self.held.install, self.staged_path(&to.digest));
        let file = sys::open_kept(&path, install.place.owner()).context("open", &path)?;
        Content::of(&file).context("read", &path)?.must_be(Content::from(to), &path)?;
        sys::copy_attributes(install.place.program(), &file, install.place.owner())
            .context("set the attributes of", &path)?;
        sys::sync(&file, &path).context("sync", &path)?;
        self.held.enter(State::Staged { to: to.clone(), base: base.content, token: None })
    }

    /// The release that is staged.
    pub fn staged(&self) -> Option<&Target> {
        match self.held.state() {
            State::Staged { to, .. } => Some(to),
            _ => None,
        }
    }

    /// Whether this release failed its trial here.
    pub fn is_quarantined(&self, digest: &Digest) -> bool {
        self.held.journal().is_quarantined(digest)
    }

    /// The releases that failed here.
    pub fn quarantine(&self) -> &[Quarantined] {
        &self.held.journal().quarantine
    }

    /// A random name of this install, made once, for the rollout's place. Never sent anywhere.
    pub fn install_id(&mut self) -> Result<String, SwapError> {
        if let Some(id) = &self.held.journal().install_id {
            return Ok(id.clone());
        }
        let id = crate::random_hex::<16>().context("make an install id for", self.held.install.place.program())?;
        self.held.change(|journal| journal.install_id = Some(id.clone()))?;
        Ok(id)
    }

    /// Gives up what is downloading or staged: back to Idle.
    pub fn abandon(&mut self) -> Result<(), SwapError> {
        // First the file: if it has filled the disk, the journal has no room before.
        if let Some(to) = self.held.state().to() {
            let _ = std::fs::remove_file(self.staged_path(&to.digest));
        }
        self.held.enter(State::Idle)
    }

    /// Swaps the staged release in and runs it, by handing over to the updater process. The staged
    /// file is hashed again, and `still_signed` must say that the stored, verified index still
    /// offers that digest. Attached on Unix this returns only on failure: the first process has
    /// become the updater. Otherwise the caller must end with [`HandedOver::exit`].
    pub fn install(mut self, still_signed: &dyn Fn(&Digest) -> bool) -> Result<HandedOver, SwapError> {
        let (to, base) = self.check_staged(still_signed)?;
        let token = new_token().context("make a token for", self.held.install.place.program())?;
        self.held.enter(State::Staged { to, base, token: Some(token.clone()) })?;
        start_updater(self.held, &base.digest, &token, &self.options).map(HandedOver)
    }

    /// Refuses what is staged if it is not what was verified, is no longer signed, has failed here,
    /// or was made for another program than the one that is installed; it is abandoned then.
    pub(crate) fn check_staged(
        &mut self,
        still_signed: &dyn Fn(&Digest) -> bool,
    ) -> Result<(Target, Content), SwapError> {
        let State::Staged { to, base, .. } = self.held.state().clone() else {
            return Err(SwapError::NothingStaged);
        };
        let checked = self.check(&to, base, still_signed);
        let is_hopeless = match &checked {
            Err(SwapError::Content { .. } | SwapError::NotSigned(_) | SwapError::Quarantined(_)) => true,
            Err(SwapError::Io { source, .. }) => source.kind() == std::io::ErrorKind::NotFound,
            _ => false,
        };
        if is_hopeless {
            self.abandon()?;
        }
        checked.map(|()| (to, base))
    }

    fn check(&self, to: &Target, base: Content, still_signed: &dyn Fn(&Digest) -> bool) -> Result<(), SwapError> {
        let install = &self.held.install;
        if self.is_quarantined(&to.digest) {
            return Err(SwapError::Quarantined(to.digest));
        }
        install.must_keep(Content::from(to))?;
        if !still_signed(&to.digest) {
            return Err(SwapError::NotSigned(to.digest));
        }
        base::make(install)?.content.must_be(base, install.place.program())
    }
}
