//! Publishing: from files to a commit.

use crate::artifact::{Artifact, Named};
use crate::commit::{ROLES, Signer};
use crate::make::{Made, Patched, Wanted, Workshop};
use crate::progress::{Progress, Stage};
use crate::project::Project;
use crate::published::Published;
use crate::report::{PatchReport, PublishReport, ReleaseReport};
use crate::{DifferError, choice, judge, probe, room, work};
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::SystemTime;
use upstep_codec::{DiffOptions, full};
use upstep_model::{self as model, Channel, Index, Kind, Patch, Release, Rollout, Version};
use upstep_store::Store;

/// What is to be published, and how.
#[derive(Debug, Clone, Default)]
pub struct PublishRequest {
    /// The programs: one version for one or several platforms.
    pub files: Vec<PathBuf>,
    /// The version, where the files do not say it; it must not contradict them.
    pub version: Option<Version>,
    /// The platform or an alias, where the files do not say it; it must not contradict them.
    pub platform: Option<String>,
    /// The channel; the project's where it is not given.
    pub channel: Option<Channel>,
    /// What the author says about the release.
    pub notes: Option<String>,
    /// The share of clients that the release is offered to; everybody where it is not given.
    pub percent: Option<Rollout>,
    /// Clients below this version are told that the update is mandatory.
    pub mandatory_below: Option<Version>,
    /// Whether the version may be older than the newest.
    pub backfill: bool,
    /// Whether programs that could run here are not started once.
    pub no_probe: bool,
    /// How patches are coded.
    pub coding: DiffOptions,
    /// How hard fulls are compressed: zstd's level, 1 to 22; the highest where it is not given.
    pub full_level: Option<i32>,
    /// Most memory that is used at once, in bytes; half of the machine's where it is not given.
    pub memory: Option<u64>,
    /// The command `differ`, which measures in processes of its own what applying a patch takes;
    /// without it the table says what the patch declares.
    pub tool: Option<PathBuf>,
    /// The time; the clock's where it is not given.
    pub now: Option<Timestamp>,
}

/// Publishes to the project's store. May be called from anywhere, an async runtime included; it
/// blocks the thread.
pub fn publish(
    project: &Project,
    request: &PublishRequest,
    progress: &dyn Progress,
) -> Result<PublishReport, DifferError> {
    crate::block_on(async || {
        let artifacts = artifacts(project, request)?;
        let keys = project.signing_keys(&ROLES)?;
        let signer = Signer {
            store: Store::create(&project.store)?,
            app: project.app.clone(),
            root: project.root.clone(),
            keys,
            lifetimes: project.lifetimes,
        };
        let channel = request.channel.clone().unwrap_or_else(|| project.channel.clone());
        publish_as(&signer, &channel, &artifacts, request, progress).await
    })?
}

/// Reads the files of a request. Nothing is written before all of them are what they must be.
fn artifacts(project: &Project, request: &PublishRequest) -> Result<Vec<Artifact>, DifferError> {
    let named = Named { version: request.version.clone(), platform: request.platform.clone() };
    let mut artifacts: Vec<Artifact> = Vec::new();
    for file in &request.files {
        let artifact = Artifact::read(file, &project.app, &named)?;
        if let Some(other) = artifacts.iter().find(|other| other.platform == artifact.platform) {
            return Err(DifferError::SamePlatform {
                platform: artifact.platform,
                first: other.path.clone(),
                second: artifact.path,
            });
        }
        artifacts.push(artifact);
    }
    Ok(artifacts)
}

/// The same with keys and store at hand.
pub async fn publish_as(
    signer: &Signer,
    channel: &Channel,
    artifacts: &[Artifact],
    request: &PublishRequest,
    progress: &dyn Progress,
) -> Result<PublishReport, DifferError> {
    let now = request.now.unwrap_or_else(Timestamp::now);
    let published = signer.begin().await?;
    let fresh = examine(signer, channel, artifacts, request, &published).await?;
    if !request.no_probe {
        for (artifact, _) in &fresh {
            probe::probe(artifact)?;
        }
    }
    let memory = request.memory.unwrap_or_else(work::default_memory);
    let full_level = request.full_level.unwrap_or(full::DEFAULT_LEVEL);
    let mut workshop = Workshop::new(memory, request.tool.clone(), request.coding.clone(), full_level)?;
    let mut releases = Vec::new();
    let commit = signer
        .commit(now, async |published: &Published| {
            let fresh = examine(signer, channel, artifacts, request, published).await?;
            let is_fresh = |artifact: &&Artifact| fresh.iter().any(|(other, _)| other.platform == artifact.platform);
            let (_, unchanged): (Vec<&Artifact>, Vec<&Artifact>) = artifacts.iter().partition(is_fresh);
            releases = unchanged.into_iter().map(ReleaseReport::unchanged).collect();
            let additions = prepare(signer, fresh, &mut workshop, progress).await?;
            if !additions.is_empty() {
                room::check(&signer.store, &signer.app, &workshop).await?;
            }
            let mut indexes = Vec::new();
            for addition in additions {
                let (index, report) = addition.add(signer, request, &workshop, now, progress).await?;
                indexes.push(index);
                releases.push(report);
            }
            Ok(indexes)
        })
        .await?;
    releases.sort_by(|a, b| a.platform.cmp(&b.platform));
    Ok(PublishReport { app: signer.app.clone(), channel: channel.clone(), commit, releases })
}

/// The artifacts that are not published yet, each with the index that it goes into.
async fn examine<'a>(
    signer: &Signer,
    channel: &Channel,
    artifacts: &'a [Artifact],
    request: &PublishRequest,
    published: &Published,
) -> Result<Vec<(&'a Artifact, Index)>, DifferError> {
    let mut fresh = Vec::new();
    for artifact in artifacts {
        let index = published.index_to_change(&signer.store, channel, &artifact.platform).await?;
        let index = index.unwrap_or_else(|| Index::new(signer.app.clone(), channel.clone(), artifact.platform.clone()));
        if is_fresh(artifact, &index, request)? {
            fresh.push((artifact, index));
        }
    }
    Ok(fresh)
}

fn is_fresh(artifact: &Artifact, index: &Index, request: &PublishRequest) -> Result<bool, DifferError> {
    if let Some(release) = index.release(&artifact.version) {
        if release.artifact.digest == artifact.digest {
            return Ok(false);
        }
        return Err(DifferError::OtherBytes {
            version: artifact.version.clone(),
            platform: artifact.platform.clone(),
            digests: Box::new([release.artifact.digest, artifact.digest]),
        });
    }
    match index.releases.last() {
        Some(newest) if artifact.version < newest.version && !request.backfill => Err(DifferError::OlderThanNewest {
            version: artifact.version.clone(),
            newest: newest.version.clone(),
            platform: artifact.platform.clone(),
        }),
        _ => Ok(true),
    }
}

/// An artifact, its place in an index, and the patches that go with it.
struct Addition<'a> {
    artifact: &'a Artifact,
    index: Index,
    wanted: Vec<(usize, Wanted)>,
}

/// Makes the fulls and patches of all artifacts at once, so that all cores have work.
async fn prepare<'a>(
    signer: &Signer,
    fresh: Vec<(&'a Artifact, Index)>,
    workshop: &mut Workshop,
    progress: &dyn Progress,
) -> Result<Vec<Addition<'a>>, DifferError> {
    let mut additions = Vec::new();
    for (artifact, index) in fresh {
        let wanted = wanted(artifact, &index);
        let others: Vec<&Release> = index
            .releases
            .iter()
            .filter(|release| {
                let digest = release.artifact.digest;
                wanted.iter().any(|(_, wanted)| wanted.pair.0 == digest || wanted.pair.1 == digest)
            })
            .collect();
        progress.begin(Stage::Fetch, others.iter().map(|release| release.artifact.size).sum());
        for release in others {
            workshop.fetch(&signer.store, &signer.app, release).await?;
            progress.advance(release.artifact.size);
        }
        progress.end();
        if !wanted.is_empty() {
            workshop.place(artifact)?;
        }
        additions.push(Addition { artifact, index, wanted });
    }
    let artifacts: Vec<&Artifact> = additions.iter().map(|addition| addition.artifact).collect();
    let wanted: Vec<Wanted> =
        additions.iter().flat_map(|addition| addition.wanted.iter().map(|(_, wanted)| wanted.clone())).collect();
    workshop.make(&artifacts, &wanted, progress)?;
    Ok(additions)
}

/// The patches that a new release needs, with their distances, the shortest first: from older
/// ones to it, and for a backfilled one also from it to the next newer one.
fn wanted(artifact: &Artifact, index: &Index) -> Vec<(usize, Wanted)> {
    let at = index.releases.partition_point(|release| release.version < artifact.version);
    let new = (artifact.version.clone(), artifact.digest, artifact.bytes.len() as u64);
    let known = |release: &Release| (release.version.clone(), release.artifact.digest, release.artifact.size);
    let want = |from: (Version, _, u64), to: (Version, _, u64)| Wanted {
        pair: (from.1, to.1),
        sizes: (from.2, to.2),
        versions: (from.0, to.0),
        platform: artifact.platform.clone(),
    };
    let mut wanted: Vec<(usize, Wanted)> = choice::bases(at)
        .into_iter()
        .map(|base| (at - base, want(known(&index.releases[base]), new.clone())))
        .collect();
    if let Some(next) = index.releases.get(at) {
        wanted.push((1, want(new, known(next))));
    }
    wanted
}

impl Addition<'_> {
    /// Puts the release and the patches that are worth it into the index, and their bytes into
    /// the store.
    async fn add(
        self,
        signer: &Signer,
        request: &PublishRequest,
        workshop: &Workshop,
        now: Timestamp,
        progress: &dyn Progress,
    ) -> Result<(Index, ReleaseReport), DifferError> {
        let Addition { artifact, mut index, wanted } = self;
        let full = &workshop.fulls[&artifact.digest];
        let release = Release {
            version: artifact.version.clone(),
            artifact: model::Artifact { kind: Kind::File, digest: artifact.digest, size: artifact.bytes.len() as u64 },
            full: full.about.clone(),
            rollout: request.percent.unwrap_or(Rollout::FULL),
            yanked: false,
            published: seconds(now).to_string(),
            notes: request.notes.clone(),
        };
        let at = index.releases.partition_point(|other| other.version < release.version);
        index.releases.insert(at, release);
        if request.mandatory_below.is_some() {
            index.mandatory_below.clone_from(&request.mandatory_below);
        }
        let mut blobs = vec![(full.about.digest, &full.bytes)];
        let mut patches = Vec::new();
        for (distance, wanted) in wanted {
            let (verdict, about) = match &workshop.patches[&wanted.pair] {
                Patched::TooHungry { needs } => (judge::Verdict::too_hungry(*needs), None),
                Patched::Made(made) => {
                    let verdict = judge::judge(&mut index, patch_of(&wanted, made));
                    if verdict.kept {
                        blobs.push((made.about.digest, &made.bytes));
                    }
                    (verdict, Some(made))
                }
            };
            patches.push(PatchReport::new(&wanted, distance, about, full.about.size, verdict));
        }
        progress.begin(Stage::Store, blobs.iter().map(|(_, bytes)| bytes.len() as u64).sum());
        for (digest, bytes) in blobs {
            signer.store.put_blob(&signer.app, &digest, bytes.clone(), SystemTime::from(now)).await?;
            progress.advance(bytes.len() as u64);
        }
        progress.end();
        let report = ReleaseReport::added(artifact, full.about.size, patches);
        Ok((index, report))
    }
}

fn patch_of(wanted: &Wanted, made: &Made<crate::make::AboutPatch>) -> Patch {
    Patch {
        from: wanted.versions.0.clone(),
        to: wanted.versions.1.clone(),
        digest: made.about.digest,
        size: made.bytes.len() as u64,
        codec: made.about.codec.clone(),
        memory: made.about.memory,
    }
}

/// Whole seconds: nobody needs more in the index.
fn seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
