//! The install with its lock held and no trial open.

use crate::{Base, Content, Quarantined, SwapError, Target};
use std::fs::File;
use std::path::PathBuf;
use upstep_model::Digest;

/// The install with its lock held: the journal is Idle, Downloading or Staged. Dropping it unlocks.
#[derive(Debug)]
pub struct Locked {
    downloads: PathBuf,
}

/// An updater process has taken over: this one must end.
#[must_use = "the updater waits for the end of this process"]
#[derive(Debug)]
pub struct HandedOver {
    _private: (),
}

impl HandedOver {
    /// Ends this process: at once when detached; else (Windows) after the updater, with the status
    /// that it passes up.
    pub fn exit(self) -> ! {
        std::process::exit(0)
    }
}

impl Locked {
    /// What the installed file holds now.
    pub fn installed(&self) -> Result<Content, SwapError> {
        unimplemented!()
    }
    /// Makes the base: the file that patches read. It is the same as the installed one.
    pub fn make_base(&mut self) -> Result<Base, SwapError> {
        unimplemented!()
    }
    /// A folder for partial downloads: its files stay while the journal says Downloading, and are
    /// deleted by a start that finds Idle.
    pub fn downloads(&self) -> &std::path::Path {
        &self.downloads
    }
    /// Notes in the journal that `to` is being downloaded.
    pub fn begin_download(&mut self, to: &Target) -> Result<(), SwapError> {
        let _ = to;
        unimplemented!()
    }
    /// The release whose download was begun, perhaps by an earlier process.
    pub fn downloading(&self) -> Option<&Target> {
        None
    }
    /// A new, empty, private file for the release's bytes, beside the program; an old one of the
    /// same name is replaced. Write it, drop it, then call [`Locked::stage`].
    pub fn create_staged(&mut self, digest: &Digest) -> Result<(File, PathBuf), SwapError> {
        let _ = digest;
        unimplemented!()
    }
    /// Where [`Locked::create_staged`] puts it.
    pub fn staged_path(&self, digest: &Digest) -> PathBuf {
        let _ = digest;
        unimplemented!()
    }
    /// Checks the written file (length, digest), gives it the program's mode, owner and
    /// attributes, syncs it, makes the base where there is none yet, and notes Staged.
    pub fn stage(&mut self, to: &Target) -> Result<(), SwapError> {
        let _ = to;
        unimplemented!()
    }
    /// The release that is staged.
    pub fn staged(&self) -> Option<&Target> {
        None
    }
    /// Whether this release failed its trial here.
    pub fn is_quarantined(&self, digest: &Digest) -> bool {
        let _ = digest;
        false
    }
    /// The releases that failed here.
    pub fn quarantine(&self) -> &[Quarantined] {
        &[]
    }
    /// A random name of this install, made once, for the rollout's place. Never sent anywhere.
    pub fn install_id(&mut self) -> Result<String, SwapError> {
        unimplemented!()
    }
    /// Gives up what is downloading or staged: back to Idle.
    pub fn abandon(&mut self) -> Result<(), SwapError> {
        unimplemented!()
    }
    /// Swaps the staged release in and runs it, by handing over to the updater process. The staged
    /// file is hashed again, and `still_signed` must say that the stored, verified index still
    /// offers that digest. Attached on Unix this returns only on failure: the first process has
    /// become the updater. Otherwise the caller must end with [`HandedOver::exit`].
    pub fn install(self, still_signed: &dyn Fn(&Digest) -> bool) -> Result<HandedOver, SwapError> {
        let _ = still_signed;
        unimplemented!()
    }
}
