//! Private keys: where they are, and how they are read.
//!
//! A key comes from the environment, from a file or from standard input, never from an argument:
//! arguments are for all to see. This is the one file of the crate that reads the environment.

use crate::project::{ProjectError, failed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use upstep_trust::{Role, SignError, SigningKey, parse_root};

/// The environment variable of the passphrase.
pub const PASSPHRASE: &str = "UPSTEP_PASSPHRASE";

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
            Text::Input => secrets.from_input(role, root),
            Text::Missing => {
                Err(ProjectError::NoKey { role, path: self.of(role).to_owned(), variable: variable(role) })
            }
        }
    }

    /// The text of a key, still encrypted if it is.
    pub(crate) fn text(&self, role: Role, secrets: &Secrets) -> Result<Text, ProjectError> {
        let variable = variable(role);
        if let Some(text) = (secrets.environment)(&variable) {
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

/// Where secrets come from, apart from files.
pub(crate) struct Secrets {
    environment: Box<dyn Fn(&str) -> Option<String>>,
    input: Box<dyn FnMut() -> io::Result<String>>,
    ask: Box<dyn FnMut(&str) -> Option<io::Result<String>>>,
    /// Asked for once, used for all roles.
    passphrase: Option<String>,
    /// What standard input held, read once.
    blocks: Option<Vec<String>>,
}

impl Secrets {
    /// The environment, the standard input and the terminal of this process.
    pub(crate) fn of_this_process() -> Secrets {
        Secrets::new(
            |name| std::env::var(name).ok(),
            || {
                let mut text = String::new();
                io::stdin().take(1 << 20).read_to_string(&mut text).map(|_| text)
            },
            |prompt| io::stderr().is_terminal().then(|| rpassword::prompt_password(prompt)),
        )
    }

    /// From functions, for tests. `ask` returns `None` where there is no terminal.
    pub(crate) fn new(
        environment: impl Fn(&str) -> Option<String> + 'static,
        input: impl FnMut() -> io::Result<String> + 'static,
        ask: impl FnMut(&str) -> Option<io::Result<String>> + 'static,
    ) -> Secrets {
        Secrets {
            environment: Box::new(environment),
            input: Box::new(input),
            ask: Box::new(ask),
            passphrase: None,
            blocks: None,
        }
    }

    /// The passphrase for keys that are made now: from the environment, or asked for twice.
    pub(crate) fn new_passphrase(&mut self, is_wanted: bool) -> Result<Option<String>, ProjectError> {
        let passphrase = match (self.environment)(PASSPHRASE) {
            Some(passphrase) => passphrase,
            None if !is_wanted => return Ok(None),
            None => {
                let first = self.ask("passphrase for the new keys: ")?;
                if first != self.ask("again: ")? {
                    return Err(ProjectError::PassphrasesDiffer);
                }
                first
            }
        };
        if passphrase.is_empty() {
            return Err(ProjectError::EmptyPassphrase);
        }
        Ok(Some(passphrase))
    }

    fn ask(&mut self, prompt: &str) -> Result<String, ProjectError> {
        let no_terminal = || io::Error::other(format!("standard error is no terminal, and {PASSPHRASE} is not set"));
        (self.ask)(prompt).unwrap_or_else(|| Err(no_terminal())).map_err(|source| ProjectError::Ask { source })
    }

    fn decrypt(&mut self, role: Role, origin: &str, text: &str) -> Result<SigningKey, ProjectError> {
        let unusable = |source| ProjectError::Key { role, origin: origin.to_owned(), source };
        if upstep_trust::is_encrypted(text) && self.passphrase.is_none() {
            self.passphrase = (self.environment)(PASSPHRASE);
            if self.passphrase.is_none() {
                let asked = (self.ask)(&format!("passphrase of the {role} key: "));
                let asked = asked.ok_or_else(|| unusable(SignError::PassphraseNeeded))?;
                self.passphrase = Some(asked.map_err(|source| ProjectError::Ask { source })?);
            }
        }
        SigningKey::from_pem(text, self.passphrase.as_deref()).map_err(unusable)
    }

    /// The key on standard input that `root` names for the role; with one key only, that one.
    fn from_input(&mut self, role: Role, root: &[u8]) -> Result<SigningKey, ProjectError> {
        let blocks = match self.blocks.take() {
            Some(blocks) => blocks,
            None => blocks(&(self.input)().map_err(failed("read", Path::new("standard input")))?),
        };
        let mut keys = Vec::new();
        for block in &blocks {
            keys.push(self.decrypt(role, "standard input", block)?);
        }
        self.blocks = Some(blocks);
        let named = parse_root(root).ok().and_then(|mut root| root.keys.remove(&role)).unwrap_or_default();
        let found = keys.len();
        let place = keys.iter().position(|key| named.iter().any(|id| id == key.key_id()));
        match place.or_else(|| (found == 1).then_some(0)) {
            Some(place) => Ok(keys.swap_remove(place)),
            None => Err(ProjectError::NoKeyOnInput { role, found }),
        }
    }
}

/// The PEM documents in a text, each with its own begin and end.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("-----BEGIN ") {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push_str(line);
            block.push('\n');
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;
    use upstep_trust::{Lifetimes, new_root};

    fn keys() -> BTreeMap<Role, SigningKey> {
        Role::ALL.map(|role| (role, SigningKey::generate().expect("random numbers"))).into()
    }

    fn root(keys: &BTreeMap<Role, SigningKey>) -> Vec<u8> {
        new_root(keys, &Lifetimes::default(), jiff::Timestamp::now()).expect("a root")
    }

    fn nowhere() -> KeyFiles {
        KeyFiles::default().within(Path::new("/nowhere"))
    }

    fn from_input() -> KeyFiles {
        let input = || PathBuf::from(INPUT);
        KeyFiles { root: input(), targets: input(), snapshot: input(), timestamp: input() }.within(Path::new("/x"))
    }

    #[test]
    fn standard_input_is_read_once_and_its_keys_find_their_roles() {
        let keys = keys();
        let text: String = keys.values().rev().map(|key| key.to_pem(None).expect("text")).collect();
        let reads = Rc::new(Cell::new(0));
        let count = reads.clone();
        let input = move || {
            count.set(count.get() + 1);
            Ok(text.clone())
        };
        let mut secrets = Secrets::new(|_| None, input, |_| None);
        let loaded = from_input().load(&Role::ALL, &root(&keys), &mut secrets).expect("all four");
        for role in Role::ALL {
            assert_eq!(loaded[&role].key_id(), keys[&role].key_id(), "{role}");
        }
        assert_eq!(reads.get(), 1);
    }

    #[test]
    fn of_keys_on_standard_input_none_may_be_missing() {
        let keys = keys();
        let text = [Role::Root, Role::Snapshot].map(|role| keys[&role].to_pem(None).expect("text")).concat();
        let mut secrets = Secrets::new(|_| None, move || Ok(text.clone()), |_| None);
        let error = from_input().load(&[Role::Targets], &root(&keys), &mut secrets).expect_err("not there");
        assert!(matches!(error, ProjectError::NoKeyOnInput { role: Role::Targets, found: 2 }), "{error}");
        let mut secrets = Secrets::new(|_| None, || Ok(String::new()), |_| None);
        let error = from_input().load(&[Role::Targets], &root(&keys), &mut secrets).expect_err("nothing there");
        assert!(matches!(error, ProjectError::NoKeyOnInput { found: 0, .. }), "{error}");
    }

    #[test]
    fn the_environment_comes_before_the_file_and_the_passphrase_is_asked_for_once() {
        let keys = keys();
        let texts: BTreeMap<String, String> =
            keys.iter().map(|(role, key)| (variable(*role), key.to_pem(Some("secret")).expect("text"))).collect();
        let asked = Rc::new(Cell::new(0));
        let count = asked.clone();
        let ask = move |_: &str| {
            count.set(count.get() + 1);
            Some(Ok("secret".to_owned()))
        };
        let environment = move |name: &str| texts.get(name).cloned();
        let mut secrets = Secrets::new(environment, || Ok(String::new()), ask);
        let loaded = nowhere().load(&[Role::Targets, Role::Snapshot], &root(&keys), &mut secrets).expect("both");
        assert_eq!(loaded[&Role::Targets].key_id(), keys[&Role::Targets].key_id());
        assert_eq!(asked.get(), 1);
    }

    #[test]
    fn a_missing_key_names_the_file_and_the_variable() {
        let mut secrets = Secrets::new(|_| None, || Ok(String::new()), |_| None);
        let error = nowhere().load(&[Role::Snapshot], b"", &mut secrets).expect_err("nowhere").to_string();
        assert!(error.contains("snapshot.pem") && error.contains("UPSTEP_KEY_SNAPSHOT"), "{error}");
    }

    #[test]
    fn a_new_passphrase_is_typed_twice_and_is_not_empty() {
        let answers = |first: &str, second: &str| {
            let mut answers = vec![second.to_owned(), first.to_owned()];
            Secrets::new(|_| None, || Ok(String::new()), move |_| answers.pop().map(Ok))
        };
        assert_eq!(answers("a", "a").new_passphrase(true).expect("the same"), Some("a".to_owned()));
        assert!(matches!(answers("a", "b").new_passphrase(true), Err(ProjectError::PassphrasesDiffer)));
        assert!(matches!(answers("", "").new_passphrase(true), Err(ProjectError::EmptyPassphrase)));
        assert_eq!(answers("a", "a").new_passphrase(false).expect("none wanted"), None);
        let mut set = Secrets::new(|name| (name == PASSPHRASE).then(|| "b".to_owned()), || Ok(String::new()), |_| None);
        assert_eq!(set.new_passphrase(false).expect("set"), Some("b".to_owned()));
    }
}
