//! Private keys: where they are, and how they are read.
//!
//! A key comes from the environment, from a file or from standard input, never from an argument:
//! arguments are for all to see.

use crate::project::ProjectError;
use crate::secrets::Secrets;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use upstep_trust::{Role, SigningKey};

/// What stands for standard input in place of a path.
const INPUT: &str = "-";

/// The environment variable that holds a role's key: `UPSTEP_KEY_TARGETS`.
pub fn variable(role: Role) -> String {
    format!("UPSTEP_KEY_{}", role.as_str().to_uppercase())
}

/// Where the key of each role is: a path, or `-` for standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyFiles {
    root: PathBuf,
    targets: PathBuf,
    snapshot: PathBuf,
    timestamp: PathBuf,
}

impl Default for KeyFiles {
    fn default() -> Self {
        let file = |role: Role| PathBuf::from(format!("keys/{role}.pem"));
        KeyFiles {
            root: file(Role::Root),
            targets: file(Role::Targets),
            snapshot: file(Role::Snapshot),
            timestamp: file(Role::Timestamp),
        }
    }
}

impl KeyFiles {
    /// Where a role's key is.
    pub fn of(&self, role: Role) -> &Path {
        match role {
            Role::Root => &self.root,
            Role::Targets => &self.targets,
            Role::Snapshot => &self.snapshot,
            Role::Timestamp => &self.timestamp,
        }
    }

    /// The same, with paths taken relative to `folder`.
    pub(crate) fn within(self, folder: &Path) -> KeyFiles {
        let absolute = |path: PathBuf| if path == Path::new(INPUT) { path } else { folder.join(path) };
        KeyFiles {
            root: absolute(self.root),
            targets: absolute(self.targets),
            snapshot: absolute(self.snapshot),
            timestamp: absolute(self.timestamp),
        }
    }

    /// Reads the keys of `roles`. `root` tells apart the keys that standard input holds.
    pub(crate) fn load(
        &self,
        roles: &[Role],
        root: &[u8],
        secrets: &mut Secrets,
    ) -> Result<BTreeMap<Role, SigningKey>, ProjectError> {
        let mut keys = BTreeMap::new();
        for role in roles {
            keys.insert(*role, self.key(*role, root, secrets)?);
        }
        Ok(keys)
    }

    fn key(&self, role: Role, root: &[u8], secrets: &mut Secrets) -> Result<SigningKey, ProjectError> {
        match self.text(role, secrets)? {
            Text::Found { origin, text } => secrets.decrypt(role, &origin, &text),
            Text::Input => secrets.key_on_input(role, root),
            Text::Missing => {
                Err(ProjectError::NoKey { role, path: self.of(role).to_owned(), variable: variable(role) })
            }
        }
    }

    /// The text of a key, still encrypted if it is.
    pub(crate) fn text(&self, role: Role, secrets: &Secrets) -> Result<Text, ProjectError> {
        let variable = variable(role);
        if let Some(text) = secrets.variable(&variable) {
            return Ok(Text::Found { origin: variable, text });
        }
        let path = self.of(role);
        if path == Path::new(INPUT) {
            return Ok(Text::Input);
        }
        match crate::project::read(path) {
            Ok(text) => Ok(Text::Found { origin: path.display().to_string(), text }),
            Err(ProjectError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Text::Missing),
            Err(error) => Err(error),
        }
    }
}

/// Where the text of a key was found.
pub(crate) enum Text {
    Found { origin: String, text: String },
    Input,
    Missing,
}
