//! The check: trust first, plan second.
//!
//! What the newest release is, the signed index says. The server is asked for a plan only when
//! there is something newer, and its answer is a hint.

use crate::network::{AppSource, Document, Network, address};
use crate::{Event, UpdateError};
use upstep_model::index::{MAX_COMPRESSED, MAX_JSON};
use upstep_model::{
    AppName, Base, Channel, Digest, Index, Limits, Plan, Platform, Release, Version, paths, plan, rollout,
};
use upstep_trust::{Metadata, State, TrustError};
use url::Url;

/// Longest plan that is read: 64 steps with their digests fit.
const MAX_PLAN: u64 = 64 << 10;

/// What is asked about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) app: AppName,
    pub(crate) channel: Channel,
    pub(crate) platform: Platform,
}

impl Subject {
    /// The name of the signed index.
    pub(crate) fn target(&self) -> String {
        paths::index_target(&self.channel, &self.platform)
    }
}

/// What is installed here, and what it may become.
#[derive(Debug, Clone)]
pub(crate) struct Installed {
    /// The version that the program says it has; unknown for one that does not link the library.
    pub(crate) version: Option<Version>,
    pub(crate) digest: Digest,
    /// For the place in a rollout.
    pub(crate) install_id: String,
    /// Releases that failed here.
    pub(crate) quarantine: Vec<Digest>,
    /// No release above it is taken.
    pub(crate) pin: Option<Version>,
    pub(crate) limits: Limits,
}

/// The outcome of a check.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// The signed index.
    pub(crate) index: Index,
    /// What runs, as the plan takes it.
    pub(crate) base: Base,
    /// The version that runs, where index or program know it.
    pub(crate) current: Option<Version>,
    /// The update, if something newer is on offer.
    pub(crate) update: Option<Update>,
    /// The addresses, the one that answered first.
    pub(crate) addresses: Vec<Url>,
}

/// A newer release, and the ways to it.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    /// The cheapest way.
    pub(crate) plan: Plan,
    /// What is taken if a step fails: the full download, where the program has memory for it.
    pub(crate) full: Option<Plan>,
}

impl Update {
    /// Bytes of the full download; 0 where there is none for this program.
    pub(crate) fn full_bytes(&self) -> u64 {
        self.full.as_ref().map_or(0, Plan::bytes)
    }

    pub(crate) fn event(&self, checked: &Checked) -> Event {
        Event::Available { current: checked.current.clone(), plan: self.plan.clone(), full: self.full_bytes() }
    }
}

/// Looks for something newer. `state` is saved as soon as newer metadata has been verified.
pub(crate) async fn check(
    network: &Network,
    addresses: &[Url],
    allow_http: bool,
    subject: &Subject,
    installed: &Installed,
    state: &mut State,
) -> Result<Checked, UpdateError> {
    let mut addresses = moved(state, subject, addresses, allow_http);
    let metadata = refresh(network, &mut addresses, subject, state).await?;
    let index = index(network, &addresses, subject, state, &metadata).await?;
    let known = index.release_of(&installed.digest).map(|release| release.version.clone());
    let current = known.or_else(|| installed.version.clone());
    let (base, to) = choose(&index, subject, installed, current.clone())?;
    let update = match to {
        None => None,
        Some(to) => {
            let own = plan::plan(&index, &base, &to, &installed.limits);
            let own = own.ok_or_else(|| UpdateError::NoWay { to: to.clone() })?;
            let hint = hint(network, &addresses, subject, &base, &to).await;
            let adopted = hint.and_then(|hint| plan::adopt(&index, &base, &to, &installed.limits, &hint));
            let full = Plan::full(&index, &base, &to, &installed.limits);
            Some(Update { plan: adopted.unwrap_or(own), full })
        }
    };
    Ok(Checked { index, base, current, update, addresses })
}

/// Where the last verified index says that the app has moved to, then the program's own addresses.
fn moved(state: &State, subject: &Subject, own: &[Url], allow_http: bool) -> Vec<Url> {
    let index = stored_index(state, subject);
    let moved = index.iter().flat_map(|index| &index.moved_to);
    let mut all: Vec<Url> = Vec::new();
    for url in moved.filter_map(|text| address::parse(text, allow_http).ok()).chain(own.iter().cloned()) {
        if !all.contains(&url) {
            all.push(url);
        }
    }
    all
}

/// The index that was verified by an earlier check, without any request.
pub(crate) fn stored_index(state: &State, subject: &Subject) -> Option<Index> {
    let bytes = state.cached_target(&subject.target())?;
    decode_index(&bytes, subject).ok()
}

/// Brings the signed metadata up to date from the first address that has it, and puts that
/// address first. Where addresses only lag behind, what is known already counts on.
async fn refresh(
    network: &Network,
    addresses: &mut [Url],
    subject: &Subject,
    state: &mut State,
) -> Result<Metadata, UpdateError> {
    let mut failures = Vec::new();
    for at in 0..addresses.len() {
        let source = AppSource::new(network, &addresses[at], &subject.app);
        let refreshed = upstep_trust::refresh(state, &source, jiff::Timestamp::now()).await;
        state.save()?;
        match refreshed {
            Ok(metadata) => {
                addresses[..=at].rotate_right(1);
                return Ok(metadata);
            }
            Err(error) => {
                tracing::info!("{}: {}", addresses[at], crate::error::chain(&error));
                failures.push(error);
            }
        }
    }
    let lags = |failure: &TrustError| matches!(failure, TrustError::NothingNew { .. });
    match (failures.iter().any(lags), state.metadata()) {
        (true, Some(known)) => Ok(known),
        _ => Err(failures.into_iter().find(|failure| !lags(failure)).map_or(UpdateError::NoAddress, UpdateError::from)),
    }
}

/// The verified index: from the state if it is the one that the metadata names.
async fn index(
    network: &Network,
    addresses: &[Url],
    subject: &Subject,
    state: &mut State,
    metadata: &Metadata,
) -> Result<Index, UpdateError> {
    let target = subject.target();
    if metadata.target(&target).is_none() {
        return Err(UpdateError::NotPublished { target });
    }
    let mut failure = UpdateError::NoAddress;
    for address in addresses {
        let source = AppSource::new(network, address, &subject.app);
        match upstep_trust::read_target(state, &source, metadata, &target, MAX_COMPRESSED).await {
            Ok(bytes) => {
                state.save()?;
                return decode_index(&bytes, subject);
            }
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

fn decode_index(bytes: &[u8], subject: &Subject) -> Result<Index, UpdateError> {
    let target = subject.target();
    let json = upstep_codec::frame::decompress(bytes, MAX_JSON)
        .map_err(|source| UpdateError::Decode { what: target.clone(), source })?;
    let checked = Index::from_json(&json).and_then(|index| {
        index.expect(&subject.app, &subject.channel, &subject.platform)?;
        Ok(index)
    });
    checked.map_err(|source| UpdateError::Index { target, source })
}

/// What runs, and the release that it is to become. A program is known by its digest first,
/// whatever its version says; one that nobody knows counts as older than all.
fn choose(
    index: &Index,
    subject: &Subject,
    installed: &Installed,
    current: Option<Version>,
) -> Result<(Base, Option<Version>), UpdateError> {
    let version = match current {
        Some(version) => version,
        None => Version::parse("0.0.0-0")?,
    };
    let accepts = |release: &Release| {
        !installed.quarantine.contains(&release.artifact.digest)
            && release.artifact.digest != installed.digest
            && installed.pin.as_ref().is_none_or(|pin| release.version <= *pin)
    };
    let place = |version: &Version| rollout::place(&installed.install_id, &subject.app, version);
    let to = index.target(&version, place, accepts).map(|release| release.version.clone());
    Ok((Base { version, digest: Some(installed.digest) }, to))
}

/// The plan that a patch-server proposes. A plain file host has none: any other answer, and any
/// failure, is "no hint". So is 204: the signed index has just said that there is something newer.
async fn hint(network: &Network, addresses: &[Url], subject: &Subject, base: &Base, to: &Version) -> Option<Plan> {
    let Subject { app, channel, platform } = subject;
    let digest = base.digest.map(|digest| format!("digest={digest}&")).unwrap_or_default();
    let path = format!("v1/update/{app}/{channel}/{platform}/{}?{digest}to={to}", base.version);
    let url = address::join(addresses.first()?, &path);
    match network.document(&url, MAX_PLAN, None).await {
        Ok(Document::Found { body, .. }) => serde_json::from_slice(&body).ok(),
        Ok(_) => None,
        Err(failure) => {
            tracing::debug!("no plan from the server: {failure}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use upstep_model::{Artifact, Full, Rollout};

    fn version(text: &str) -> Version {
        Version::parse(text).expect("a version")
    }

    fn subject() -> Subject {
        Subject {
            app: AppName::parse("hello").expect("a name"),
            channel: Channel::stable(),
            platform: Platform::parse("x86_64-unknown-linux-gnu").expect("a triple"),
        }
    }

    fn index(versions: &[&str]) -> Index {
        let subject = subject();
        let mut index = Index::new(subject.app, subject.channel, subject.platform);
        index.releases = versions
            .iter()
            .map(|text| Release {
                version: version(text),
                artifact: Artifact { kind: Default::default(), digest: Digest::of(text.as_bytes()), size: 10 },
                full: Full { digest: Digest::of(b"full"), size: 5, memory: 0 },
                rollout: Rollout::FULL,
                yanked: false,
                published: String::new(),
                notes: None,
            })
            .collect();
        index
    }

    fn installed(says: Option<&str>, is: &str) -> Installed {
        Installed {
            version: says.map(version),
            digest: Digest::of(is.as_bytes()),
            install_id: "id".to_owned(),
            quarantine: Vec::new(),
            pin: None,
            limits: Limits::default(),
        }
    }

    fn chosen(index: &Index, installed: &Installed) -> Option<String> {
        let known = index.release_of(&installed.digest).map(|release| release.version.clone());
        let current = known.or_else(|| installed.version.clone());
        choose(index, &subject(), installed, current).expect("a choice").1.map(|version| version.to_string())
    }

    #[test]
    fn the_digest_of_the_newest_means_current_whatever_the_version_says() {
        let index = index(&["1.0.0", "1.1.0"]);
        assert_eq!(chosen(&index, &installed(Some("0.1.0"), "1.1.0")), None);
        assert_eq!(chosen(&index, &installed(Some("7.0.0"), "1.0.0")).as_deref(), Some("1.1.0"));
    }

    #[test]
    fn a_program_that_nobody_knows_goes_by_its_version_and_without_one_is_the_oldest() {
        let index = index(&["1.0.0", "1.1.0"]);
        assert_eq!(chosen(&index, &installed(Some("1.1.0"), "edited")), None);
        assert_eq!(chosen(&index, &installed(Some("1.0.0"), "edited")).as_deref(), Some("1.1.0"));
        assert_eq!(chosen(&index, &installed(None, "edited")).as_deref(), Some("1.1.0"));
    }

    #[test]
    fn quarantine_pins_rollout_floors_and_yanks_are_obeyed() {
        let mut index = index(&["1.0.0", "1.1.0", "1.2.0", "1.3.0"]);
        let mut here = installed(None, "1.0.0");
        here.quarantine.push(Digest::of(b"1.3.0"));
        assert_eq!(chosen(&index, &here).as_deref(), Some("1.2.0"));
        here.pin = Some(version("1.1.5"));
        assert_eq!(chosen(&index, &here).as_deref(), Some("1.1.0"));
        here.pin = None;
        index.releases[2].rollout = Rollout::NONE;
        assert_eq!(chosen(&index, &here).as_deref(), Some("1.1.0"));
        here.quarantine.clear();
        index.floors.push(version("1.1.0"));
        assert_eq!(chosen(&index, &here).as_deref(), Some("1.1.0"));
        index.floors.clear();
        index.releases[3].yanked = true;
        assert_eq!(chosen(&index, &here).as_deref(), Some("1.1.0"));
    }
}
