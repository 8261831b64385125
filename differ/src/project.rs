//! `upstep.toml`: which app this is, where its store and its keys are.

use crate::duration;
use crate::keys::KeyFiles;
use crate::secrets::Secrets;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use upstep_model::{AppName, Channel};
use upstep_trust::{Lifetimes, Role, SignError, SigningKey};

/// The name of the project file.
pub const FILE: &str = "upstep.toml";

/// The name of the public root, which the program embeds.
pub const ROOT_FILE: &str = "upstep.root.json";

/// What is wrong with a project or its keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// There is no project file.
    #[error("no project file {}", path.display())]
    NoProject {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file can't be read or written.
    #[error("can't {operation} {}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The project file is not what it must be.
    #[error("{} can't be read", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<toml::de::Error>,
    },
    /// `init` would write over a file.
    #[error("{} exists already, and is left as it is", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A key that a role needs is nowhere.
    #[error("no {role} key: {} is not there and {variable} is not set", path.display())]
    NoKey {
        /// The role.
        role: Role,
        /// Where its file should be.
        path: PathBuf,
        /// The environment variable that can hold it.
        variable: String,
    },
    /// Standard input held no key that fits.
    #[error("no {role} key on standard input ({found} keys found there)")]
    NoKeyOnInput {
        /// The role.
        role: Role,
        /// How many keys there were.
        found: usize,
    },
    /// A key that can't be used.
    #[error("the {role} key from {origin} can't be used")]
    Key {
        /// The role.
        role: Role,
        /// A file, an environment variable or standard input.
        origin: String,
        /// What is wrong with it.
        source: SignError,
    },
    /// New keys or the root could not be made.
    #[error("can't make the keys")]
    Make(#[from] SignError),
    /// A passphrase could not be asked for.
    #[error("can't ask for the passphrase")]
    Ask {
        /// Why not.
        source: io::Error,
    },
    /// Two passphrases that should be the same.
    #[error("the two passphrases differ")]
    PassphrasesDiffer,
    /// A passphrase without a character.
    #[error("an empty passphrase protects nothing")]
    EmptyPassphrase,
}

impl ProjectError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ProjectError::NoProject { .. } => {
                "run `differ init --app NAME` first, or name the file with --project".to_owned()
            }
            ProjectError::Exists { .. } => "move it away, if you mean to begin with new keys".to_owned(),
            ProjectError::NoKey { variable, .. } => {
                format!("restore the file, or set {variable} to the key's text (BEGIN PRIVATE KEY or BEGIN AGE ...)")
            }
            ProjectError::Key { source: SignError::PassphraseNeeded, .. } => {
                format!("set {}, or run it on a terminal", crate::secrets::PASSPHRASE)
            }
            _ => return None,
        })
    }
}

/// `upstep.toml` as it is on disk. Paths are relative to the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) app: AppName,
    #[serde(default = "Channel::stable")]
    pub(crate) channel: Channel,
    pub(crate) store: String,
    #[serde(default = "root_file")]
    pub(crate) root: PathBuf,
    #[serde(default)]
    pub(crate) keys: KeyFiles,
    #[serde(default)]
    pub(crate) lifetimes: LifetimesTable,
}

fn root_file() -> PathBuf {
    PathBuf::from(ROOT_FILE)
}

/// How long the metadata of each role is valid: `30d`, `12h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LifetimesTable {
    #[serde(with = "duration")]
    pub(crate) root: jiff::SignedDuration,
    #[serde(with = "duration")]
    pub(crate) targets: jiff::SignedDuration,
    #[serde(with = "duration")]
    pub(crate) snapshot: jiff::SignedDuration,
    #[serde(with = "duration")]
    pub(crate) timestamp: jiff::SignedDuration,
}

impl Default for LifetimesTable {
    fn default() -> Self {
        Lifetimes::default().into()
    }
}

impl From<Lifetimes> for LifetimesTable {
    fn from(lifetimes: Lifetimes) -> Self {
        let Lifetimes { root, targets, snapshot, timestamp } = lifetimes;
        LifetimesTable { root, targets, snapshot, timestamp }
    }
}

impl From<LifetimesTable> for Lifetimes {
    fn from(table: LifetimesTable) -> Self {
        let LifetimesTable { root, targets, snapshot, timestamp } = table;
        Lifetimes { root, targets, snapshot, timestamp }
    }
}

/// One app, its store and its keys.
#[derive(Debug, Clone)]
pub struct Project {
    /// The app.
    pub app: AppName,
    /// The channel that is published to where none is named.
    pub channel: Channel,
    /// The store: an absolute path, or `s3://bucket/prefix`.
    pub store: String,
    /// The bytes of the public root.
    pub root: Vec<u8>,
    /// How long metadata is valid.
    pub lifetimes: Lifetimes,
    /// Where the keys are; paths are absolute.
    pub keys: KeyFiles,
}

/// Most bytes of a project file, a root or a key.
const MAX_FILE: u64 = 256 << 10;

impl Project {
    /// Reads the project file at `path`, and the root that it names.
    pub fn load(path: &Path) -> Result<Project, ProjectError> {
        let text = match read(path) {
            Err(ProjectError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(ProjectError::NoProject { path: path.to_owned() });
            }
            other => other?,
        };
        let file: File = toml::from_str(&text)
            .map_err(|source| ProjectError::Format { path: path.to_owned(), source: source.into() })?;
        let folder = folder(path)?;
        let root = read(&folder.join(&file.root))?.into_bytes();
        Ok(Project {
            app: file.app,
            channel: file.channel,
            store: located(&folder, &file.store),
            root,
            lifetimes: file.lifetimes.into(),
            keys: file.keys.within(&folder),
        })
    }

    /// The keys of `roles`: from the environment, a file or standard input, decrypted.
    pub fn signing_keys(&self, roles: &[Role]) -> Result<BTreeMap<Role, SigningKey>, ProjectError> {
        self.keys.load(roles, &self.root, &mut Secrets::of_this_process())
    }
}

/// The folder that a project file is in, as an absolute path.
pub(crate) fn folder(path: &Path) -> Result<PathBuf, ProjectError> {
    let absolute = std::path::absolute(path).map_err(failed("find", path))?;
    Ok(absolute.parent().map(Path::to_owned).unwrap_or(absolute))
}

/// A store's place: paths are relative to the project file, URLs are not.
fn located(folder: &Path, store: &str) -> String {
    match store.contains("://") {
        true => store.to_owned(),
        false => folder.join(store).to_string_lossy().into_owned(),
    }
}

/// A small text file, whole.
pub(crate) fn read(path: &Path) -> Result<String, ProjectError> {
    use std::io::Read as _;
    let mut text = String::new();
    let file = fs::File::open(path).map_err(failed("read", path))?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed("read", path))?;
    if text.len() as u64 > MAX_FILE {
        return Err(failed("read", path)(io::Error::other(format!("more than {MAX_FILE} bytes"))));
    }
    Ok(text)
}

/// An error of a file operation.
pub(crate) fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ProjectError {
    move |source| ProjectError::File { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<File, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn app_and_store_are_enough() {
        let file = parse("app = 'hello'\nstore = 'releases'").expect("a project");
        assert_eq!(file.channel, Channel::stable());
        assert_eq!(Lifetimes::from(file.lifetimes), Lifetimes::default());
        assert_eq!(file.keys, KeyFiles::default());
    }

    #[test]
    fn a_misspelt_field_is_an_error_that_names_it() {
        let error = parse("app = 'hello'\nstore = 'x'\nchanel = 'beta'").expect_err("must fail").to_string();
        assert!(error.contains("chanel"), "{error}");
        assert!(parse("app = 'Hello World'\nstore = 'x'").is_err());
        assert!(parse("app = 'hello'").is_err());
        assert!(parse("app = 'hello'\nstore = 'x'\n[lifetimes]\nroot = '3 fortnights'").is_err());
    }

    #[test]
    fn a_relative_store_lies_beside_the_project_file() {
        let beside = Path::new("/project/hello").join("../releases");
        assert_eq!(located(Path::new("/project/hello"), "../releases"), beside.display().to_string());
        assert_eq!(located(Path::new("/project/hello"), "s3://bucket/prefix"), "s3://bucket/prefix");
    }
}
