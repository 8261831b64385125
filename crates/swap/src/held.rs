//! An install, and the lock on it. Who writes the journal holds the lock.

use crate::journal::{self, Journal, State, Unreadable};
use crate::sys::{self, StateFolder};
use crate::{Content, Place, Refusal, SwapError, error::Context as _};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A place with its state folder open.
#[derive(Debug)]
pub(crate) struct Install {
    pub(crate) place: Place,
    pub(crate) folder: StateFolder,
}

/// An install whose lock this process holds. Dropping it unlocks.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) install: Arc<Install>,
    journal: Journal,
    /// The journal was damaged and has been set aside.
    pub(crate) was_damaged: Option<&'static str>,
    _lock: File,
}

impl Install {
    /// Opens the state folder of a place; `None` if there is none.
    pub(crate) fn open(place: &Place) -> Result<Option<Install>, Refusal> {
        let folder = StateFolder::open(&place.state_folder(), place.owner())?;
        Ok(folder.map(|folder| Install { place: place.clone(), folder }))
    }

    /// Opens the state folder of a place, making it where there is none.
    pub(crate) fn create(place: &Place) -> Result<Install, Refusal> {
        let folder = StateFolder::create(&place.state_folder(), place.owner())?;
        Ok(Install { place: place.clone(), folder })
    }

    /// Reads the journal; needs no lock, since it is replaced as a whole.
    pub(crate) fn read(&self) -> Result<Journal, Refusal> {
        self.read_or_damage().map(|journal| journal.unwrap_or_default())
    }

    fn read_or_damage(&self) -> Result<Result<Journal, &'static str>, Refusal> {
        let Some(bytes) = self.folder.read(journal::NAME, journal::MAX)? else {
            return Ok(Ok(Journal::default()));
        };
        match Journal::decode(&bytes) {
            Ok(journal) => Ok(Ok(journal)),
            Err(Unreadable::Damaged(reason)) => Ok(Err(reason)),
            Err(Unreadable::TooNew { min_reader }) => Err(Refusal::JournalTooNew {
                path: self.folder.path().join(journal::NAME),
                min_reader,
                ours: journal::READER,
            }),
        }
    }

    /// What the installed file holds.
    pub(crate) fn installed(&self) -> Result<Content, SwapError> {
        Content::of_file(self.place.program())
    }

    /// What a base or a staged file holds; it must be ours.
    pub(crate) fn kept(&self, path: &Path) -> Result<Content, SwapError> {
        let file = sys::open_kept(path, self.place.owner()).context("open", path)?;
        Content::of(file).context("read", path)
    }

    /// Refuses a base or a staged file that does not hold what it should.
    pub(crate) fn must_keep(&self, content: Content) -> Result<(), SwapError> {
        let path = self.place.kept(&content.digest);
        self.kept(&path)?.must_be(content, &path)
    }
}

impl Held {
    /// Takes the lock; `None` if another process has it.
    pub(crate) fn try_take(install: &Arc<Install>) -> Result<Option<Held>, Refusal> {
        let path = install.folder.path().join("lock");
        let unusable = |error: std::io::Error| Refusal::Unusable { path: path.clone(), reason: error.to_string() };
        let lock = install.folder.open_lock("lock").map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let (journal, was_damaged) = match install.read_or_damage()? {
            Ok(journal) => (journal, None),
            Err(reason) => {
                install.folder.rename(journal::NAME, "journal.damaged").map_err(unusable)?;
                (Journal::default(), Some(reason))
            }
        };
        Ok(Some(Held { install: Arc::clone(install), journal, was_damaged, _lock: lock }))
    }

    /// Takes the lock for an updater: other starts may hold it for a moment. `None` when the
    /// journal no longer names the token: another start has begun anew.
    pub(crate) fn take_for(install: &Arc<Install>, token: &str) -> Option<Held> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            match Held::try_take(install) {
                Ok(Some(held)) => return held.names(token).then_some(held),
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    fn names(&self, token: &str) -> bool {
        match &self.journal.state {
            State::Staged { token: Some(named), .. } => named == token,
            State::Trial { tokens, .. } => tokens.last().is_some_and(|named| named == token),
            _ => false,
        }
    }

    /// The journal as it is on disk.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What is under way.
    pub(crate) fn state(&self) -> &State {
        &self.journal.state
    }

    /// Writes the journal with a change; on failure it is as before, on disk and here.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Journal)) -> Result<(), SwapError> {
        let mut changed = self.journal.clone();
        change(&mut changed);
        self.install.folder.write(journal::NAME, &changed.encode())?;
        self.journal = changed;
        Ok(())
    }

    /// Writes the journal with another state.
    pub(crate) fn enter(&mut self, state: State) -> Result<(), SwapError> {
        self.change(|journal| journal.state = state)
    }
}
