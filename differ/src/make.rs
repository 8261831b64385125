//! Making fulls and patches, and applying each patch again with the client's own decoder.

use crate::DifferError;
use crate::artifact::Artifact;
use crate::measure::{self, Cost};
use crate::progress::{Progress, Stage};
use crate::work;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use upstep_codec::{Applied, ApplyLimits, CodecError, DiffOptions, Diffed, Prefix, full};
use upstep_model::{AppName, Codec, Digest, Full, Release, Version, paths};
use upstep_store::Store;

/// What compressing a full takes beside the program: zstd's tables at the highest window.
const COMPRESS_MEMORY: u64 = 512 << 20;

/// A full or a patch as bytes, with what the index says about it.
#[derive(Debug)]
pub struct Made<T> {
    /// What the index says.
    pub about: T,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What is known of a patch beside its bytes.
#[derive(Debug, Clone)]
pub struct AboutPatch {
    /// Digest of the patch file.
    pub digest: Digest,
    /// How it is coded.
    pub codec: Codec,
    /// Length of the patch by each codec that was tried, in bytes, the smallest first.
    pub tried: Vec<(Codec, u64)>,
    /// Memory that decoding needs, in bytes, as its header declares.
    pub memory: u64,
    /// How long the diff took.
    pub diff_time: Duration,
    /// The memory that was set aside for the diff, in bytes.
    pub diff_memory: u64,
    /// How long applying it took.
    pub apply_time: Duration,
    /// The memory that applying it took, in bytes, where it was measured.
    pub apply_memory: Option<u64>,
}

/// A patch that was asked for.
#[derive(Debug)]
pub enum Patched {
    /// It is there, and makes the new program.
    Made(Made<AboutPatch>),
    /// It would need more memory than allowed, by whatever codec.
    TooHungry {
        /// What it would need, in bytes.
        needs: u64,
    },
}

/// From which program to which, by digest.
pub type Pair = (Digest, Digest);

/// A patch that is needed: versions for messages, digests for the work.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// From which program to which.
    pub pair: Pair,
    /// Their lengths in bytes.
    pub sizes: (u64, u64),
    /// Their versions.
    pub versions: (Version, Version),
    /// The platform.
    pub platform: upstep_model::Platform,
}

/// All that was made in one publish. It is kept when a commit is lost: the next attempt makes
/// only what is new.
pub struct Workshop {
    programs: Programs,
    memory: u64,
    tool: Option<PathBuf>,
    coding: DiffOptions,
    full_level: i32,
    /// Fulls by the digest of the program.
    pub fulls: BTreeMap<Digest, Made<Full>>,
    /// Patches.
    pub patches: BTreeMap<Pair, Patched>,
}

enum Job<'a> {
    Full(&'a Artifact),
    Patch(&'a Wanted, DiffOptions),
}

enum Done {
    Full(Digest, Made<Full>),
    Patch(Pair, Patched),
}

impl Workshop {
    /// An empty one that uses at most `memory` bytes at once. `tool` is the command `differ`,
    /// which measures in processes of its own what applying a patch takes.
    pub fn new(memory: u64, tool: Option<PathBuf>, coding: DiffOptions, full_level: i32) -> Result<Self, DifferError> {
        let programs = Programs::new()?;
        Ok(Workshop { programs, memory, tool, coding, full_level, fulls: BTreeMap::new(), patches: BTreeMap::new() })
    }

    /// Fetches an older program, unless it is here.
    pub async fn fetch(&mut self, store: &Store, app: &AppName, release: &Release) -> Result<(), DifferError> {
        self.programs.fetch(store, app, release).await
    }

    /// Puts a program on the bench.
    pub fn place(&mut self, artifact: &Artifact) -> Result<(), DifferError> {
        self.programs.keep(artifact.digest, &artifact.bytes)
    }

    /// Makes the fulls of `artifacts` and the patches `wanted` that are not here yet.
    pub fn make(
        &mut self,
        artifacts: &[&Artifact],
        wanted: &[Wanted],
        progress: &dyn Progress,
    ) -> Result<(), DifferError> {
        let mut jobs: Vec<Job<'_>> = Vec::new();
        jobs.extend(
            artifacts.iter().filter(|artifact| !self.fulls.contains_key(&artifact.digest)).map(|a| Job::Full(a)),
        );
        for wanted in wanted {
            if self.patches.contains_key(&wanted.pair) {
                continue;
            }
            match self.affordable(wanted) {
                Ok(coding) => jobs.push(Job::Patch(wanted, coding)),
                Err(needs) => drop(self.patches.insert(wanted.pair, Patched::TooHungry { needs })),
            }
        }
        if jobs.is_empty() {
            return Ok(());
        }
        progress.begin(if wanted.is_empty() { Stage::Compress } else { Stage::Diff }, jobs.iter().map(Job::size).sum());
        let done = work::in_parallel(&jobs, self.memory, Job::memory, |job| {
            let done = match job {
                Job::Full(artifact) => {
                    compress(artifact, self.full_level).map(|made| Done::Full(artifact.digest, made))
                }
                Job::Patch(wanted, coding) => {
                    let made = patch(&self.programs, wanted, self.tool.as_deref(), coding);
                    made.map(|made| Done::Patch(wanted.pair, made))
                }
            };
            progress.advance(job.size());
            done
        });
        progress.end();
        for done in done {
            match done? {
                Done::Full(digest, made) => drop(self.fulls.insert(digest, made)),
                Done::Patch(pair, made) => drop(self.patches.insert(pair, made)),
            }
        }
        Ok(())
    }

    /// How `wanted` is made within the memory there is: as was asked for, else by the plain codec alone, which takes
    /// less. If neither can be: what the latter needs.
    fn affordable(&self, wanted: &Wanted) -> Result<DiffOptions, u64> {
        let plain = DiffOptions { codec: Some(Codec::Bidiff), ..self.coding.clone() };
        let needs = |coding: &DiffOptions| upstep_codec::diff_memory(wanted.sizes.0, wanted.sizes.1, coding);
        let least = needs(&plain);
        [self.coding.clone(), plain].into_iter().find(|coding| needs(coding) <= self.memory).ok_or(least)
    }
}

impl Job<'_> {
    fn size(&self) -> u64 {
        match self {
            Job::Full(artifact) => artifact.bytes.len() as u64,
            Job::Patch(wanted, _) => wanted.sizes.1,
        }
    }

    fn memory(&self) -> u64 {
        match self {
            Job::Full(_) => COMPRESS_MEMORY,
            Job::Patch(wanted, coding) => upstep_codec::diff_memory(wanted.sizes.0, wanted.sizes.1, coding),
        }
    }
}

fn compress(artifact: &Artifact, level: i32) -> Result<Made<Full>, DifferError> {
    let mut bytes = Vec::new();
    let size = artifact.bytes.len() as u64;
    let compressed = full::compress(&artifact.bytes[..], size, &mut bytes, level)?;
    let about = Full { digest: compressed.digest, size: compressed.size, memory: compressed.memory };
    Ok(Made { about, bytes })
}

fn patch(
    programs: &Programs,
    wanted: &Wanted,
    tool: Option<&Path>,
    coding: &DiffOptions,
) -> Result<Patched, DifferError> {
    let (old, new) = (programs.read(&wanted.pair.0)?, programs.read(&wanted.pair.1)?);
    let began = Instant::now();
    let Diffed { patch: bytes, tried } = upstep_codec::compare(&old, &new, coding)?;
    let diff_time = began.elapsed();
    drop(new);
    let began = Instant::now();
    let mut sink = std::io::sink();
    let header = upstep_codec::apply(&bytes[..], &old[..], &mut sink, &ApplyLimits { memory: u64::MAX })
        .and_then(|Applied { header, to, .. }| match to == wanted.pair.1 {
            true => Ok(header),
            false => Err(CodecError::WrongNew { expected: Prefix::of(&wanted.pair.1), found: to }),
        })
        .map_err(|source| DifferError::WrongPatch {
            from: wanted.versions.0.clone(),
            to: wanted.versions.1.clone(),
            platform: wanted.platform.clone(),
            source: Box::new(source),
        })?;
    let apply_time = began.elapsed();
    let digest = Digest::of(&bytes);
    let cost = match tool {
        Some(tool) => programs.measure(tool, wanted, &digest, &bytes)?,
        None => None,
    };
    let about = AboutPatch {
        digest,
        codec: header.codec,
        tried,
        memory: header.memory,
        diff_time,
        diff_memory: upstep_codec::diff_memory(wanted.sizes.0, wanted.sizes.1, coding),
        apply_time: cost.map_or(apply_time, |cost| Duration::from_secs_f64(cost.seconds.clamp(0.0, 1e6))),
        apply_memory: cost.and_then(|cost| cost.memory),
    };
    Ok(Patched::Made(Made { about, bytes }))
}

/// Programs as files: only those that are being worked on are in memory.
pub struct Programs {
    folder: TempDir,
}

impl Programs {
    /// None yet.
    pub fn new() -> Result<Self, DifferError> {
        let folder = tempfile::Builder::new()
            .prefix("differ-")
            .tempdir()
            .map_err(|source| DifferError::System { operation: "make a temporary folder", source })?;
        Ok(Programs { folder })
    }

    /// Where a program is, if it is there.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.path().join(digest.to_string())
    }

    /// Writes a program.
    pub fn keep(&self, digest: Digest, bytes: &[u8]) -> Result<(), DifferError> {
        let path = self.path(&digest);
        std::fs::write(&path, bytes).map_err(|source| DifferError::File { operation: "write", path, source })
    }

    /// What applying a patch takes in a process of its own.
    fn measure(
        &self,
        tool: &Path,
        wanted: &Wanted,
        digest: &Digest,
        patch: &[u8],
    ) -> Result<Option<Cost>, DifferError> {
        self.keep(*digest, patch)?;
        let (path, new) = (self.path(digest), self.path(digest).with_extension("new"));
        let cost = measure::apply(tool, &self.path(&wanted.pair.0), &path, &new);
        for path in [path, new] {
            // It goes with the folder at the latest.
            let _ = std::fs::remove_file(path);
        }
        Ok(cost)
    }

    fn read(&self, digest: &Digest) -> Result<Vec<u8>, DifferError> {
        let path = self.path(digest);
        std::fs::read(&path).map_err(|source| DifferError::File { operation: "read", path, source })
    }

    async fn fetch(&self, store: &Store, app: &AppName, release: &Release) -> Result<(), DifferError> {
        if self.path(&release.artifact.digest).exists() {
            return Ok(());
        }
        let program = unpack(store, app, release).await?;
        self.keep(release.artifact.digest, &program)
    }
}

/// The program of a release, out of its full, with every digest checked.
pub async fn unpack(store: &Store, app: &AppName, release: &Release) -> Result<Vec<u8>, DifferError> {
    let path = paths::blob(app, &release.full.digest);
    let blob = read_blob(store, app, &release.full.digest, release.full.size).await?;
    let size = release.artifact.size;
    let mut program = Vec::with_capacity(usize::try_from(size.min(crate::artifact::MAX_SIZE)).unwrap_or_default());
    let found = full::decompress(&blob[..], &mut program, size, release.full.memory)?;
    if found != release.artifact.digest {
        let expected = format!("the full of a program with SHA-256 {}", release.artifact.digest);
        return Err(DifferError::Content { path, expected, found: format!("one of a program with {found}") });
    }
    Ok(program)
}

/// A blob whose length and digest are what the index says.
pub async fn read_blob(store: &Store, app: &AppName, digest: &Digest, size: u64) -> Result<Vec<u8>, DifferError> {
    let path = paths::blob(app, digest);
    let blob = store.get(&path, size).await?;
    let found = Digest::of(&blob);
    if found != *digest || blob.len() as u64 != size {
        let expected = format!("{size} bytes with SHA-256 {digest}");
        return Err(DifferError::Content { path, expected, found: format!("{} bytes with {found}", blob.len()) });
    }
    Ok(blob)
}
