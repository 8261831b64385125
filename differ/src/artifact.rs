//! A file that is to be published: what it is, by its own header and marker.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use upstep_model::executable::{HEAD, Header};
use upstep_model::marker::{self, Marker};
use upstep_model::platform::PlatformArg;
use upstep_model::{AppName, Digest, Invalid, Platform, Version};

/// Longest program that is published: a diff's suffix array has 32-bit numbers.
pub const MAX_SIZE: u64 = upstep_codec::MAX_SIZE;

/// A program with everything that its release says about it.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Where it was read from.
    pub path: PathBuf,
    /// The program.
    pub bytes: Vec<u8>,
    /// Its digest.
    pub digest: Digest,
    /// Its version.
    pub version: Version,
    /// Its platform.
    pub platform: Platform,
    /// Whether the program links the library.
    pub is_marked: bool,
}

/// Why a file can't be published.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is a folder, a device or a socket.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// It has no bytes.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It is too long.
    #[error("{} has {size} bytes, the limit is {MAX_SIZE}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        size: u64,
    },
    /// Neither header nor marker nor command line tell the platform.
    #[error("the platform of {} is unknown: it is no ELF, PE or Mach-O executable", path.display())]
    UnknownPlatform {
        /// The file.
        path: PathBuf,
    },
    /// The platform that was named is not the one that the file names.
    #[error("{} is not for {named}: its {what} says {found}", path.display())]
    OtherPlatform {
        /// The file.
        path: PathBuf,
        /// What was named.
        named: String,
        /// Header or marker.
        what: &'static str,
        /// What that says.
        found: String,
    },
    /// An alias stands for several platforms.
    #[error("the platform {alias:?} of {} can be any of {}", path.display(), choices.iter().map(Platform::as_str).collect::<Vec<_>>().join(", "))]
    AmbiguousPlatform {
        /// The file.
        path: PathBuf,
        /// What was named.
        alias: String,
        /// What it can stand for.
        choices: Vec<Platform>,
    },
    /// Neither marker nor command line tell the version.
    #[error("the version of {} is unknown: it has no marker of upstep::app!", path.display())]
    UnknownVersion {
        /// The file.
        path: PathBuf,
    },
    /// The version that was named is not the one that the program believes to be.
    #[error("{} believes to be version {found}, not {named}: published like this, it would update itself for ever", path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// What was named.
        named: Version,
        /// What the marker says.
        found: Version,
    },
    /// The program is another app.
    #[error("{} is the app {found}, not {expected}", path.display())]
    OtherApp {
        /// The file.
        path: PathBuf,
        /// The project's app.
        expected: AppName,
        /// What the marker says.
        found: AppName,
    },
    /// Several markers of the app that disagree.
    #[error("{} has two markers that disagree: {first} and {second}", path.display())]
    TwoMarkers {
        /// The file.
        path: PathBuf,
        /// What one says.
        first: String,
        /// What the other says.
        second: String,
    },
    /// A value of the command line.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl ArtifactError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            ArtifactError::UnknownPlatform { .. } => "name it: --platform x86_64-unknown-linux-gnu",
            ArtifactError::AmbiguousPlatform { choices, .. } => {
                return choices.first().map(|choice| format!("name one of them: --platform {choice}"));
            }
            ArtifactError::UnknownVersion { .. } => "name it: --version 1.2.3",
            ArtifactError::OtherVersion { .. } => "raise `version` in Cargo.toml and build again",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// What the command line says about a file.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// `--version`
    pub version: Option<Version>,
    /// `--platform`, as it was typed
    pub platform: Option<String>,
}

impl Artifact {
    /// Reads a program and finds out what it is. What the command line says must not contradict
    /// what the file says.
    pub fn read(path: &Path, app: &AppName, named: &Named) -> Result<Artifact, ArtifactError> {
        let bytes = read_file(path)?;
        let header = Header::read(&bytes[..bytes.len().min(HEAD)]);
        let markers = markers(path, app, &bytes)?;
        let platform = platform(path, named.platform.as_deref(), header.as_ref(), &markers)?;
        let version = version(path, named.version.as_ref(), &markers)?;
        let digest = Digest::of(&bytes);
        Ok(Artifact { path: path.to_owned(), bytes, digest, version, platform, is_marked: !markers.is_empty() })
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, ArtifactError> {
    let failed = |source| ArtifactError::Read { path: path.to_owned(), source };
    // Asked before it is opened: opening a pipe would wait for a writer.
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(ArtifactError::NotAFile { path: path.to_owned() });
    }
    let too_large = |size| ArtifactError::TooLarge { path: path.to_owned(), size };
    if meta.len() > MAX_SIZE {
        return Err(too_large(meta.len()));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    File::open(path).and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes)).map_err(failed)?;
    match bytes.len() as u64 {
        0 => Err(ArtifactError::Empty { path: path.to_owned() }),
        size if size > MAX_SIZE => Err(too_large(size)),
        _ => Ok(bytes),
    }
}

/// The markers of `app`. A program may hold another one in its bytes, so markers of other apps
/// count only where there is none of this one.
fn markers(path: &Path, app: &AppName, bytes: &[u8]) -> Result<Vec<Marker>, ArtifactError> {
    let mut markers: Vec<Marker> = marker::find(bytes).into_iter().map(|(_, marker)| marker).collect();
    let found = markers.first().map(|marker| marker.app.clone());
    markers.retain(|marker| marker.app == *app);
    match (markers.first(), found) {
        (None, Some(found)) => Err(ArtifactError::OtherApp { path: path.to_owned(), expected: app.clone(), found }),
        (Some(first), _) => match markers.iter().find(|marker| marker.version != first.version) {
            Some(other) => Err(ArtifactError::TwoMarkers {
                path: path.to_owned(),
                first: first.version.to_string(),
                second: other.version.to_string(),
            }),
            None => Ok(markers),
        },
        (None, None) => Ok(markers),
    }
}

fn version(path: &Path, named: Option<&Version>, markers: &[Marker]) -> Result<Version, ArtifactError> {
    match (named, markers.first()) {
        (Some(named), Some(marker)) if *named != marker.version => Err(ArtifactError::OtherVersion {
            path: path.to_owned(),
            named: named.clone(),
            found: marker.version.clone(),
        }),
        (Some(version), _) => Ok(version.clone()),
        (None, Some(marker)) => Ok(marker.version.clone()),
        (None, None) => Err(ArtifactError::UnknownVersion { path: path.to_owned() }),
    }
}

/// The one platform that command line, header and marker agree on.
fn platform(
    path: &Path,
    named: Option<&str>,
    header: Option<&Header>,
    markers: &[Marker],
) -> Result<Platform, ArtifactError> {
    let marked = marked_platform(path, header, markers)?;
    if let (Some(marked), Some(header)) = (&marked, header)
        && header.admits(marked).is_err()
    {
        return Err(ArtifactError::OtherPlatform {
            path: path.to_owned(),
            named: format!("{marked}, as its marker says"),
            what: "header",
            found: header.platform().to_string(),
        });
    }
    let Some(named) = named else {
        return marked
            .or_else(|| header.map(Header::platform))
            .ok_or_else(|| ArtifactError::UnknownPlatform { path: path.to_owned() });
    };
    let candidates = match PlatformArg::parse(named)? {
        PlatformArg::Exact(platform) => vec![platform],
        PlatformArg::Alias(candidates) => candidates,
    };
    let other = |what, found: &Platform| ArtifactError::OtherPlatform {
        path: path.to_owned(),
        named: named.to_owned(),
        what,
        found: found.to_string(),
    };
    let mut choices = candidates;
    if let Some(header) = header {
        choices.retain(|choice| header.admits(choice).is_ok());
        if choices.is_empty() {
            return Err(other("header", &header.platform()));
        }
    }
    if let Some(marked) = &marked {
        choices.retain(|choice| choice == marked);
        if choices.is_empty() {
            return Err(other("marker", marked));
        }
    }
    match <[Platform; 1]>::try_from(choices) {
        Ok([platform]) => Ok(platform),
        Err(choices) => {
            Err(ArtifactError::AmbiguousPlatform { path: path.to_owned(), alias: named.to_owned(), choices })
        }
    }
}

/// The platform of the markers. A universal file has one for each of its halves.
fn marked_platform(
    path: &Path,
    header: Option<&Header>,
    markers: &[Marker],
) -> Result<Option<Platform>, ArtifactError> {
    let Some(first) = markers.first() else { return Ok(None) };
    let Some(other) = markers.iter().find(|marker| marker.platform != first.platform) else {
        let universal = header.is_some_and(|header| header.arch == "universal");
        let halves = universal && first.platform.as_str().ends_with("-apple-darwin");
        return Ok(Some(if halves { Platform::universal_darwin() } else { first.platform.clone() }));
    };
    let darwin = |marker: &Marker| marker.platform.as_str().ends_with("-apple-darwin");
    if header.is_some_and(|header| header.arch == "universal") && markers.iter().all(darwin) {
        return Ok(Some(Platform::universal_darwin()));
    }
    Err(ArtifactError::TwoMarkers {
        path: path.to_owned(),
        first: first.platform.to_string(),
        second: other.platform.to_string(),
    })
}
