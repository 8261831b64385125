//! The settings of one program's updates.

use crate::{Event, Patience, Updater};
use std::sync::Arc;
use std::time::Duration;
use upstep_model::marker::Marker;
use upstep_model::{Channel, Invalid, Version};

/// What happens at the program's start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStart {
    /// Looks for an update at every start, for at most `budget`; downloads and installs it at
    /// once, for at most `max_hold`, after which a background process goes on and the program
    /// starts.
    UpdateNow {
        /// Longest time for the check: 3 seconds.
        budget: Duration,
        /// Longest time in all: 30 seconds.
        max_hold: Duration,
    },
    /// Starts a background process that checks (every 24 hours) and downloads; the next start
    /// installs what it brought.
    NextStart,
    /// Does nothing but install what was downloaded before: the program calls
    /// [`Updater::check`] when it likes.
    Manual,
}

impl Default for OnStart {
    fn default() -> Self {
        OnStart::UpdateNow { budget: Duration::from_secs(3), max_hold: Duration::from_secs(30) }
    }
}

/// When a new version counts as working.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Confirm {
    /// It calls [`Updater::confirm`], ends with status 0, or lives for 10 seconds.
    #[default]
    Default,
    /// It calls [`Updater::confirm`]; nothing else counts.
    Manual,
}

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// The settings of one program's updates; [`app!`](crate::app!) begins one.
#[derive(Clone)]
#[must_use = "nothing happens before start() or run_at_start()"]
pub struct Builder {
    pub(crate) marker: Result<Marker, Invalid>,
    pub(crate) root: Vec<u8>,
    pub(crate) urls: Vec<String>,
    pub(crate) channel: Result<Channel, Invalid>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) on_start: OnStart,
    pub(crate) check_every: Option<Duration>,
    pub(crate) confirm: Confirm,
    pub(crate) rerun_after_rollback: Option<bool>,
    pub(crate) allow_http: bool,
    pub(crate) memory_limit: u64,
    pub(crate) patience: Patience,
    pub(crate) pin: Option<Result<Version, Invalid>>,
}

impl Builder {
    /// Settings for the program that `marker` describes; made by [`app!`](crate::app!).
    #[doc(hidden)]
    pub fn new(marker: Result<Marker, Invalid>, root: &[u8]) -> Self {
        Builder {
            marker,
            root: root.to_vec(),
            urls: Vec::new(),
            channel: Ok(Channel::stable()),
            listeners: Vec::new(),
            on_start: OnStart::default(),
            check_every: None,
            confirm: Confirm::Default,
            rerun_after_rollback: None,
            allow_http: false,
            memory_limit: upstep_model::Limits::default().memory,
            patience: Patience::default(),
            pin: None,
        }
    }

    /// An address to look for updates at: a patch-server or any file host with the same files.
    /// Several are tried in the order in which they were given.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// The stream of releases to follow; `stable` if nothing is said.
    pub fn channel(mut self, channel: &str) -> Self {
        self.channel = Channel::parse(channel);
        self
    }

    /// Hears what happens. The library itself never prints.
    pub fn on_event(mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.listeners.push(Arc::new(listener));
        self
    }

    /// What happens at the program's start.
    pub fn on_start(mut self, on_start: OnStart) -> Self {
        self.on_start = on_start;
        self
    }

    /// How often to look for updates, give or take a tenth. Unless this is called,
    /// [`OnStart::UpdateNow`] looks at every start and [`OnStart::NextStart`] every 24 hours. The
    /// variable `UPSTEP_CHECK_EVERY` of the environment has the last word.
    pub fn check_every(mut self, interval: Duration) -> Self {
        self.check_every = Some(interval);
        self
    }

    /// When a new version counts as working.
    pub fn confirm(mut self, confirm: Confirm) -> Self {
        self.confirm = confirm;
        self
    }

    /// Whether the old version is run at once after the new one failed when it was already at
    /// work. Unless this is called, programs with a window are, and programs of the command line,
    /// whose half-done work would be done twice, are not.
    pub fn rerun_after_rollback(mut self, rerun: bool) -> Self {
        self.rerun_after_rollback = Some(rerun);
        self
    }

    /// Takes updates over http from other machines too. Their signatures are checked all the
    /// same, but who listens sees what is downloaded.
    pub fn allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }

    /// Most memory that decoding an update may take, in bytes: 256 MB if nothing is said.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// How long to wait for a network that does not answer.
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// A root of trust that was not there when the program was built.
    pub fn root(mut self, root: impl Into<Vec<u8>>) -> Self {
        self.root = root.into();
        self
    }

    /// Takes no release above `version`.
    pub fn pin(mut self, version: &str) -> Self {
        self.pin = Some(Version::parse(version));
        self
    }

    /// The first library call, to be made at the top of `main`. A process that was started as
    /// updater or as probe ends in here; a trial of this version is noted.
    pub fn start(self) -> Updater {
        Updater::start(self)
    }

    /// [`start`](Builder::start) and [`Updater::update_at_start`] in one.
    pub fn run_at_start(self) -> Updater {
        let updater = self.start();
        updater.update_at_start();
        updater
    }
}
