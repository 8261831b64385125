//! `differ init`: a project file, keys and the public root for a new app.

use crate::duration;
use crate::keys::KeyFiles;
use crate::project::{self, File, Project, ProjectError, failed};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use upstep_model::{AppName, Channel};
use upstep_trust::{Lifetimes, Role, SigningKey};

/// Set up an app: writes upstep.toml, keys/ and upstep.root.json, and prints what goes into main.rs
///
/// Nothing is overwritten.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The app's name: letters, digits and hyphens
    #[arg(long)]
    pub app: AppName,
    /// The channel that is published to where none is named
    #[arg(long, default_value = "stable")]
    pub channel: Channel,
    /// The store: a folder (relative to upstep.toml) or s3://bucket/prefix
    #[arg(long, default_value = "releases")]
    pub store: String,
    /// For a plain file host: metadata is valid for 45 days instead of 7
    #[arg(long = "static")]
    pub is_static: bool,
    /// Encrypt the keys; the passphrase is asked for, or taken from UPSTEP_PASSPHRASE (which
    /// encrypts them without this option too)
    #[arg(long)]
    pub passphrase: bool,
    /// How long a root is valid
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub root_lifetime: Option<SignedDuration>,
    /// How long the signature under the releases is valid
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub targets_lifetime: Option<SignedDuration>,
    /// How long a snapshot is valid
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub snapshot_lifetime: Option<SignedDuration>,
    /// How long a timestamp is valid: how long a freeze can go unnoticed
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub timestamp_lifetime: Option<SignedDuration>,
}

impl Args {
    /// What `differ init --app APP` stands for.
    pub fn new(app: AppName) -> Args {
        Args {
            app,
            channel: Channel::stable(),
            store: "releases".to_owned(),
            is_static: false,
            passphrase: false,
            root_lifetime: None,
            targets_lifetime: None,
            snapshot_lifetime: None,
            timestamp_lifetime: None,
        }
    }

    fn lifetimes(&self) -> Lifetimes {
        let given = if self.is_static { Lifetimes::for_static_host() } else { Lifetimes::default() };
        Lifetimes {
            root: self.root_lifetime.unwrap_or(given.root),
            targets: self.targets_lifetime.unwrap_or(given.targets),
            snapshot: self.snapshot_lifetime.unwrap_or(given.snapshot),
            timestamp: self.timestamp_lifetime.unwrap_or(given.timestamp),
        }
    }
}

/// Writes a new project: all of it, or nothing.
pub fn init(args: &Args, path: &Path, passphrase: Option<&str>, now: Timestamp) -> Result<Project, ProjectError> {
    let folder = project::folder(path)?;
    let files = KeyFiles::default();
    let root_path = folder.join(project::ROOT_FILE);
    // Looked at first, so that no key is made in vain; the files are created exclusively anyway.
    let keys = Role::ALL.map(|role| folder.join(files.of(role)));
    for path in [path, &root_path].into_iter().chain(keys.iter().map(PathBuf::as_path)) {
        if path.symlink_metadata().is_ok() {
            return Err(ProjectError::Exists { path: path.to_owned() });
        }
    }
    let mut signing = BTreeMap::new();
    for role in Role::ALL {
        signing.insert(role, SigningKey::generate()?);
    }
    let lifetimes = args.lifetimes();
    let root = upstep_trust::new_root(&signing, &lifetimes, now)?;
    let file = File {
        app: args.app.clone(),
        channel: args.channel.clone(),
        store: args.store.clone(),
        root: PathBuf::from(project::ROOT_FILE),
        keys: files.clone(),
        lifetimes: lifetimes.into(),
    };
    let mut written = Written::default();
    for (role, key) in &signing {
        let path = folder.join(files.of(*role));
        written.folder(path.parent().unwrap_or(&folder))?;
        written.file(&path, key.to_pem(passphrase)?.as_bytes(), Access::Owner)?;
    }
    // Keys that are committed by mistake are everybody's keys.
    let ignore = folder.join("keys/.gitignore");
    if !ignore.exists() {
        written.file(&ignore, b"*\n", Access::Public)?;
    }
    written.file(&root_path, &root, Access::Public)?;
    written.file(path, text(&file).as_bytes(), Access::Public)?;
    written.keep();
    Project::load(path)
}

/// `upstep.toml` with a line about what it is.
fn text(file: &File) -> String {
    let table = toml::to_string(file).expect("names, paths and durations are always TOML");
    format!("# The project that `differ` publishes. Paths are relative to this file.\n{table}")
}

/// Who may read a file.
#[derive(Clone, Copy, PartialEq)]
enum Access {
    Owner,
    Public,
}

/// Files and folders made so far; dropped before [`Written::keep`], they are deleted again.
#[derive(Default)]
struct Written {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    is_complete: bool,
}

impl Written {
    fn folder(&mut self, path: &Path) -> Result<(), ProjectError> {
        if path.is_dir() {
            return Ok(());
        }
        #[cfg_attr(windows, expect(unused_mut, reason = "there is no mode to set"))]
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(failed("create", path))?;
        self.folders.push(path.to_owned());
        Ok(())
    }

    fn file(&mut self, path: &Path, bytes: &[u8], access: Access) -> Result<(), ProjectError> {
        let mut options = fs::File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, if access == Access::Owner { 0o600 } else { 0o644 });
        #[cfg(not(unix))]
        let _ = access;
        let mut file = options.open(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => ProjectError::Exists { path: path.to_owned() },
            _ => failed("create", path)(source),
        })?;
        self.files.push(path.to_owned());
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed("write", path))
    }

    fn keep(mut self) {
        self.is_complete = true;
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if self.is_complete {
            return;
        }
        // The error that led here is the one to report.
        for path in &self.files {
            let _ = fs::remove_file(path);
        }
        for path in self.folders.iter().rev() {
            let _ = fs::remove_dir(path);
        }
    }
}
