//! Keeps the metadata fresh: signs snapshot and timestamp anew before they expire, and warns of
//! what it can't sign.
//!
//! Any number of replicas may do this at once. Each begins with the highest commit and looks
//! whether it is still due; the commit's number is won by one, and the others find it fresh.

use crate::catalog::Live;
use crate::error::{ServerError, chain};
use crate::{Resign, load};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use upstep_model::{AppName, paths};
use upstep_store::{Committed, Put, Store, StoreError};
use upstep_trust::{
    Current, Lifetimes, Role, SignError, SigningKey, TrustError, check_key, parse_snapshot, parse_timestamp, resign,
};

/// How often the times are looked at.
const EACH: Duration = Duration::from_secs(60);

/// How often a warning is repeated.
const WARN_EACH: SignedDuration = SignedDuration::from_hours(24);

/// Most bytes of a metadata file.
const MAX_METADATA: u64 = 8 << 20;

/// Most tries to find a snapshot number that nobody has used.
const MAX_TRIES: u64 = 100;

/// Why an app's metadata could not be signed anew.
#[derive(Debug, thiserror::Error)]
pub enum ResignError {
    /// A key can't be read.
    #[error("cannot read the {role} key {}", path.display())]
    Read {
        /// Its role.
        role: Role,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file holds no usable key.
    #[error("cannot use the {role} key {}", path.display())]
    Key {
        /// Its role.
        role: Role,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<SignError>,
    },
    /// The metadata can't be signed.
    #[error("cannot sign snapshot and timestamp")]
    Sign(#[source] Box<SignError>),
    /// The metadata can't be read.
    #[error("cannot read the metadata that is there")]
    Trust(#[from] TrustError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The app has no commit or no root.
    #[error("{path} is not in the store")]
    Missing {
        /// The file.
        path: String,
    },
    /// Others take the numbers faster than this server.
    #[error("{MAX_TRIES} snapshot numbers in a row are taken")]
    Numbers,
}

impl From<SignError> for ResignError {
    fn from(error: SignError) -> Self {
        ResignError::Sign(Box::new(error))
    }
}

/// What signing anew came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This commit is ours.
    Signed(u64),
    /// The highest commit is fresh enough.
    Fresh,
}

/// Signs with the keys of a folder.
pub struct Resigner {
    settings: Resign,
    store: Store,
    lifetimes: Lifetimes,
}

impl Resigner {
    /// Takes the settings; the keys' folder must be there.
    pub fn new(settings: Resign, store: Store) -> Result<Self, ServerError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| ServerError::Keys {
            path: settings.keys.clone(),
            source,
        };
        std::fs::read_dir(&settings.keys).map_err(|error| failed(error.into()))?;
        let lifetime = SignedDuration::try_from(settings.lifetime).map_err(|error| failed(error.into()))?;
        let lifetimes = Lifetimes { snapshot: lifetime, timestamp: lifetime, ..Lifetimes::default() };
        Ok(Resigner { settings, store, lifetimes })
    }

    /// Whether metadata that is valid until `expires` is to be signed anew: half its life is over.
    fn is_due(&self, expires: Timestamp, now: Timestamp) -> bool {
        expires.duration_since(now) < self.lifetimes.timestamp / 2
    }

    /// Signs the app's metadata anew, unless its highest commit is fresh.
    pub async fn renew(&self, app: &AppName, now: Timestamp) -> Result<Outcome, ResignError> {
        loop {
            let commit = self.store.head(app).await?;
            let commit = commit.ok_or_else(|| ResignError::Missing { path: paths::commit(app, 1) })?;
            let timestamp = parse_timestamp(&commit.timestamp)?;
            let snapshot = self.metadata(app, &format!("{}.snapshot.json", timestamp.snapshot.version)).await?;
            let parsed = parse_snapshot(&snapshot)?;
            if !self.is_due(timestamp.expires.min(parsed.expires), now) {
                return Ok(Outcome::Fresh);
            }
            let targets = self.metadata(app, &format!("{}.targets.json", parsed.targets.version)).await?;
            let current = Current { timestamp: &commit.timestamp, snapshot: &snapshot, targets: &targets };
            let root = self.newest_root(app).await?;
            let signed = self.write(app, &root, current, parsed.version, commit.number + 1, now).await?;
            if self.store.commit(app, commit.number + 1, &signed).await? == Committed::Won {
                self.store.refresh_timestamp_copy(app).await?;
                return Ok(Outcome::Signed(commit.number + 1));
            }
            // Somebody committed in between; perhaps that is fresh.
        }
    }

    /// Writes a new snapshot under a number that nobody has used, and returns the new timestamp.
    async fn write(
        &self,
        app: &AppName,
        root: &[u8],
        current: Current<'_>,
        snapshot: u64,
        number: u64,
        now: Timestamp,
    ) -> Result<Vec<u8>, ResignError> {
        let keys = self.keys(app)?;
        'numbers: for skip in 1..=MAX_TRIES {
            let signed = resign(root, current, snapshot + skip, number, &keys, &self.lifetimes, now)?;
            for (path, bytes) in signed.files {
                if self.store.put_new(&format!("{app}/{path}"), bytes).await? == Put::Exists {
                    continue 'numbers;
                }
            }
            return Ok(signed.timestamp);
        }
        Err(ResignError::Numbers)
    }

    /// The app's own keys where it has a folder, else those that all apps share.
    fn keys(&self, app: &AppName) -> Result<BTreeMap<Role, SigningKey>, ResignError> {
        let own = self.settings.keys.join(app.as_str());
        let folder = if own.is_dir() { &own } else { &self.settings.keys };
        [Role::Snapshot, Role::Timestamp].into_iter().map(|role| Ok((role, self.key(folder, role)?))).collect()
    }

    fn key(&self, folder: &Path, role: Role) -> Result<SigningKey, ResignError> {
        let path = folder.join(format!("{role}.pem"));
        match std::fs::read_to_string(&path) {
            Ok(text) => SigningKey::from_pem(&text, self.settings.passphrase.as_deref())
                .map_err(|source| ResignError::Key { role, path, source: Box::new(source) }),
            Err(source) => Err(ResignError::Read { role, path, source }),
        }
    }

    /// Whether the keys are there and are those that the app's root names.
    async fn check_keys(&self, app: &AppName) -> Result<(), ResignError> {
        let root = self.newest_root(app).await?;
        for (role, key) in &self.keys(app)? {
            check_key(&root, *role, key)?;
        }
        Ok(())
    }

    async fn newest_root(&self, app: &AppName) -> Result<Vec<u8>, ResignError> {
        let mut newest = None;
        for number in 1.. {
            let path = paths::metadata(app, &load::root_file(number));
            match self.store.find(&path, MAX_METADATA).await? {
                Some(root) => newest = Some(root),
                None => return newest.ok_or(ResignError::Missing { path }),
            }
        }
        Err(ResignError::Missing { path: paths::metadata(app, &load::root_file(u64::MAX)) })
    }

    async fn metadata(&self, app: &AppName, file: &str) -> Result<Vec<u8>, ResignError> {
        Ok(self.store.get(&paths::metadata(app, file), MAX_METADATA).await?)
    }
}

/// Looks at the times of all apps for ever: signs where it can, and warns of the rest.
pub async fn run(resigner: Option<Resigner>, live: Arc<Live>) {
    let mut watch = Watch { resigner, warned: BTreeMap::new(), checked: Vec::new() };
    let mut ticks = tokio::time::interval(EACH);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        watch.round(&live, Timestamp::now()).await;
    }
}

struct Watch {
    resigner: Option<Resigner>,
    /// When it was last warned of which role of which app.
    warned: BTreeMap<(AppName, Role), Timestamp>,
    /// The apps whose keys were looked at.
    checked: Vec<AppName>,
}

impl Watch {
    async fn round(&mut self, live: &Live, now: Timestamp) {
        for (app, state) in &live.catalog().apps {
            let Some(serving) = &state.serving else { continue };
            self.check_keys(app).await;
            let expires = |role: Role| serving.expires.get(&role).copied();
            let first = expires(Role::Snapshot).into_iter().chain(expires(Role::Timestamp)).min();
            if let (Some(resigner), Some(first)) = (&self.resigner, first)
                && resigner.is_due(first, now)
            {
                match resigner.renew(app, now).await {
                    Ok(Outcome::Signed(commit)) => tracing::info!(%app, commit, "snapshot and timestamp signed anew"),
                    Ok(Outcome::Fresh) => {}
                    Err(error) => tracing::error!(%app, error = chain(&error), "cannot sign anew"),
                }
                // What was due a moment ago need not be warned of: the next round sees what came of it.
                continue;
            }
            for (role, expires) in &serving.expires {
                self.warn(app, *role, *expires, now);
            }
        }
    }

    /// Says at the first look, and not only days later when they are needed, that keys do not fit.
    async fn check_keys(&mut self, app: &AppName) {
        let Some(resigner) = &self.resigner else { return };
        if !self.checked.contains(app) {
            self.checked.push(app.clone());
            if let Err(error) = resigner.check_keys(app).await {
                tracing::error!(%app, error = chain(&error), "the keys to sign anew with do not fit");
            }
        }
    }

    fn warn(&mut self, app: &AppName, role: Role, expires: Timestamp, now: Timestamp) {
        let lifetimes = self.resigner.as_ref().map_or_else(Lifetimes::default, |resigner| resigner.lifetimes);
        let left = expires.duration_since(now);
        let key = (app.clone(), role);
        let is_quiet = self.warned.get(&key).is_some_and(|last| now.duration_since(*last) < WARN_EACH);
        if left > lifetimes.of(role) / 3 || is_quiet {
            return;
        }
        self.warned.insert(key, now);
        let remedy = match role {
            Role::Root => "a new root must be signed with the root key",
            Role::Targets => "`differ publish` signs it anew",
            Role::Snapshot | Role::Timestamp => "`differ resign`, or this server with --resign-keys, signs it anew",
        };
        if left.is_positive() {
            tracing::warn!(%app, %role, %expires, "signed metadata expires soon: {remedy}");
        } else {
            tracing::error!(%app, %role, %expires, "signed metadata has expired, clients refuse updates: {remedy}");
        }
    }
}
