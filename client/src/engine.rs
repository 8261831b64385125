//! Check, download, stage: what the library does for the program that links it, and the command
//! for any other.

use crate::bring::{Bring, Deadline};
use crate::check::{self, Checked, Installed, Subject, Update};
use crate::network::{Network, address};
use crate::stamp::Stamp;
use crate::{Event, Patience, UpdateError};
use std::path::PathBuf;
use upstep_model::{Digest, Limits, Version};
use upstep_swap::{Locked, Place, Session, Target, Unavailable};
use upstep_trust::State;
use url::Url;

/// The settings of one install, and what they are good for.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) subject: Subject,
    /// The version that runs, where it is known without the index.
    pub(crate) version: Option<Version>,
    pub(crate) root: Vec<u8>,
    pub(crate) addresses: Vec<Url>,
    pub(crate) allow_http: bool,
    pub(crate) limits: Limits,
    pub(crate) patience: Patience,
    pub(crate) pin: Option<Version>,
}

impl Engine {
    /// Reads the addresses.
    pub(crate) fn addresses(urls: &[String], allow_http: bool) -> Result<Vec<Url>, UpdateError> {
        urls.iter().map(|url| address::parse(url, allow_http)).collect()
    }

    fn network(&self) -> Result<Network, UpdateError> {
        // No name of the user or the machine: what the server needs to count is in the plan's URL.
        let agent = concat!("upstep/", env!("CARGO_PKG_VERSION"));
        Network::new(agent, self.allow_http, self.patience.clone())
    }

    /// Looks for something newer. Whatever comes of it is noted in the state folder.
    pub(crate) async fn check(
        &self,
        place: &Place,
        locked: &mut Locked,
        deadline: Deadline,
    ) -> Result<Checked, UpdateError> {
        let outcome = deadline.limit(self.check_now(place, locked, deadline)).await;
        Stamp::of(&outcome).write(&place.state_folder());
        outcome
    }

    async fn check_now(&self, place: &Place, locked: &mut Locked, deadline: Deadline) -> Result<Checked, UpdateError> {
        if self.addresses.is_empty() {
            return Err(UpdateError::NoAddress);
        }
        let installed = Installed {
            version: self.version.clone(),
            digest: locked.installed().map_err(swap)?.digest,
            install_id: locked.install_id().map_err(swap)?,
            quarantine: locked.quarantine().iter().map(|release| release.digest).collect(),
            pin: self.pin.clone(),
            limits: self.limits.clone(),
        };
        let mut network = self.network()?;
        if deadline.is_limited() {
            network = network.hasty();
        }
        let mut state = self.state(place)?;
        check::check(&network, &self.addresses, self.allow_http, &self.subject, &installed, &mut state).await
    }

    /// Brings the release here and stages it: the next swap installs it.
    pub(crate) async fn bring(
        &self,
        locked: &mut Locked,
        checked: &Checked,
        update: &Update,
        deadline: Deadline,
        tell: &dyn Fn(Event),
    ) -> Result<Staged, UpdateError> {
        let plan = &update.plan;
        let to = Target { version: plan.to.clone(), digest: plan.artifact.digest, size: plan.artifact.size };
        let path = locked.staged_path(&to.digest);
        if locked.staged() == Some(&to) {
            return Ok(Staged { target: to, path, bytes: 0 });
        }
        if Some(locked.installed().map_err(swap)?.digest) != checked.base.digest {
            return Err(UpdateError::Changed);
        }
        locked.begin_download(&to).map_err(swap)?;
        let base = locked.make_base().map_err(swap)?;
        let network = self.network()?;
        let mut bring = Bring {
            network: &network,
            addresses: &checked.addresses,
            locked,
            base: &base.path,
            memory: self.limits.memory,
            deadline,
            tell,
        };
        bring.release(plan, update.full.as_ref()).await?;
        locked.stage(&to).map_err(swap)?;
        Ok(Staged { target: to, path, bytes: network.received() })
    }

    /// The trust state of this install.
    pub(crate) fn state(&self, place: &Place) -> Result<State, UpdateError> {
        Ok(State::open(&trust_folder(place), &self.root)?)
    }

    /// Whether the stored, verified index still offers the artifact with this digest.
    pub(crate) fn is_still_signed(&self, place: &Place, digest: &Digest) -> bool {
        let Ok(state) = self.state(place) else { return false };
        let index = check::stored_index(&state, &self.subject);
        index.is_some_and(|index| {
            index.releases.iter().any(|release| release.artifact.digest == *digest && !release.yanked)
        })
    }
}

/// A release that is complete, verified and noted in the journal.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    pub(crate) target: Target,
    pub(crate) path: PathBuf,
    /// Bytes that came over the network for it.
    pub(crate) bytes: u64,
}

impl Staged {
    pub(crate) fn event(&self) -> Event {
        Event::Downloaded { version: self.target.version.clone(), path: self.path.clone(), bytes: self.bytes }
    }
}

/// The folder of an install's trust state.
pub(crate) fn trust_folder(place: &Place) -> PathBuf {
    place.state_folder().join("trust")
}

/// Takes the lock of the install.
pub(crate) fn lock(session: &Session) -> Result<Locked, UpdateError> {
    session.lock().map_err(|unavailable| match unavailable {
        Unavailable::Busy | Unavailable::Held => UpdateError::Busy,
        Unavailable::Refused(refusal) => UpdateError::Place(refusal),
    })
}

/// The install place.
pub(crate) fn place(session: &Session) -> Result<Place, UpdateError> {
    session.place().cloned().map_err(|refusal| UpdateError::Place(refusal.clone()))
}

pub(crate) fn swap(error: upstep_swap::SwapError) -> UpdateError {
    UpdateError::Swap(Box::new(error))
}
