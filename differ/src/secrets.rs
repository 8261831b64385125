//! Secrets that are no files: from the environment, standard input and the terminal.
//!
//! This is the one file of the crate that reads the environment.

use crate::project::{ProjectError, failed};
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use upstep_trust::{Role, SignError, SigningKey, parse_root};

/// The environment variable of the passphrase.
pub const PASSPHRASE: &str = "UPSTEP_PASSPHRASE";

/// Most bytes of standard input that are read.
const MAX_INPUT: u64 = 1 << 20;

/// What surrounds a process.
pub(crate) trait Surroundings {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// Standard input, to its end.
    fn input(&mut self) -> io::Result<String>;
    /// What a person types, unseen; `None` where there is no terminal.
    fn ask(&mut self, prompt: &str) -> Option<io::Result<String>>;
}

/// Those of this process.
struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn input(&mut self) -> io::Result<String> {
        let mut text = String::new();
        io::stdin().take(MAX_INPUT).read_to_string(&mut text).map(|_| text)
    }

    fn ask(&mut self, prompt: &str) -> Option<io::Result<String>> {
        io::stderr().is_terminal().then(|| rpassword::prompt_password(prompt))
    }
}

/// Secrets, each asked for once.
pub(crate) struct Secrets {
    surroundings: Box<dyn Surroundings>,
    passphrase: Option<String>,
    /// What standard input held.
    blocks: Option<Vec<String>>,
}

impl Secrets {
    /// From the surroundings of this process.
    pub(crate) fn of_this_process() -> Secrets {
        Secrets::new(Process)
    }

    /// From surroundings of a test's choice.
    pub(crate) fn new(surroundings: impl Surroundings + 'static) -> Secrets {
        Secrets { surroundings: Box::new(surroundings), passphrase: None, blocks: None }
    }

    /// The value of an environment variable.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.surroundings.variable(name)
    }

    /// The passphrase for keys that are made now: from the environment, or asked for twice.
    pub(crate) fn new_passphrase(&mut self, is_wanted: bool) -> Result<Option<String>, ProjectError> {
        let passphrase = match self.surroundings.variable(PASSPHRASE) {
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
        self.surroundings
            .ask(prompt)
            .unwrap_or_else(|| Err(no_terminal()))
            .map_err(|source| ProjectError::Ask { source })
    }

    pub(crate) fn decrypt(&mut self, role: Role, origin: &str, text: &str) -> Result<SigningKey, ProjectError> {
        let unusable = |source| ProjectError::Key { role, origin: origin.to_owned(), source };
        if upstep_trust::is_encrypted(text) && self.passphrase.is_none() {
            self.passphrase = self.surroundings.variable(PASSPHRASE);
            if self.passphrase.is_none() {
                let asked = self.surroundings.ask(&format!("passphrase of the {role} key: "));
                let asked = asked.ok_or_else(|| unusable(SignError::PassphraseNeeded))?;
                self.passphrase = Some(asked.map_err(|source| ProjectError::Ask { source })?);
            }
        }
        SigningKey::from_pem(text, self.passphrase.as_deref()).map_err(unusable)
    }

    /// The key on standard input that `root` names for the role; with one key only, that one.
    pub(crate) fn key_on_input(&mut self, role: Role, root: &[u8]) -> Result<SigningKey, ProjectError> {
        let blocks = match self.blocks.take() {
            Some(blocks) => blocks,
            None => blocks(&self.surroundings.input().map_err(failed("read", Path::new("standard input")))?),
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
    use crate::keys::{KeyFiles, variable};
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::rc::Rc;
    use upstep_trust::{Lifetimes, new_root};

    /// Surroundings that are made up, and count what they are asked for.
    #[derive(Default)]
    struct MadeUp {
        variables: BTreeMap<String, String>,
        input: String,
        answers: Vec<&'static str>,
        asked: Rc<Cell<usize>>,
    }

    impl Surroundings for MadeUp {
        fn variable(&self, name: &str) -> Option<String> {
            self.variables.get(name).cloned()
        }
        fn input(&mut self) -> io::Result<String> {
            self.asked.set(self.asked.get() + 1);
            Ok(self.input.clone())
        }
        fn ask(&mut self, _: &str) -> Option<io::Result<String>> {
            self.asked.set(self.asked.get() + 1);
            (!self.answers.is_empty()).then(|| Ok(self.answers.remove(0).to_owned()))
        }
    }

    fn keys() -> BTreeMap<Role, SigningKey> {
        Role::ALL.map(|role| (role, SigningKey::generate().expect("random numbers"))).into()
    }

    fn root(keys: &BTreeMap<Role, SigningKey>) -> Vec<u8> {
        new_root(keys, &Lifetimes::default(), jiff::Timestamp::now()).expect("a root")
    }

    fn files(place: &str) -> KeyFiles {
        let lines = Role::ALL.map(|role| format!("{role} = '{place}'")).join("\n");
        toml::from_str(&lines).expect("key files")
    }

    #[test]
    fn standard_input_is_read_once_and_its_keys_find_their_roles() {
        let keys = keys();
        let input = keys.values().rev().map(|key| key.to_pem(None).expect("text")).collect();
        let asked = Rc::new(Cell::new(0));
        let mut secrets = Secrets::new(MadeUp { input, asked: asked.clone(), ..MadeUp::default() });
        let loaded = files("-").load(&Role::ALL, &root(&keys), &mut secrets).expect("all four");
        for role in Role::ALL {
            assert_eq!(loaded[&role].key_id(), keys[&role].key_id(), "{role}");
        }
        assert_eq!(asked.get(), 1);
    }

    #[test]
    fn of_keys_on_standard_input_none_may_be_missing() {
        let keys = keys();
        let two = [Role::Root, Role::Snapshot].map(|role| keys[&role].to_pem(None).expect("text")).concat();
        for (input, count) in [(two, 2), (String::new(), 0)] {
            let mut secrets = Secrets::new(MadeUp { input, ..MadeUp::default() });
            let error = files("-").load(&[Role::Targets], &root(&keys), &mut secrets).expect_err("not there");
            let named = matches!(error, ProjectError::NoKeyOnInput { role: Role::Targets, found } if found == count);
            assert!(named, "{error}");
        }
    }

    #[test]
    fn the_environment_comes_before_the_file_and_the_passphrase_is_asked_for_once() {
        let keys = keys();
        let locked = |(role, key): (&Role, &SigningKey)| (variable(*role), key.to_pem(Some("secret")).expect("text"));
        let asked = Rc::new(Cell::new(0));
        let mut secrets = Secrets::new(MadeUp {
            variables: keys.iter().map(locked).collect(),
            answers: vec!["secret"],
            asked: asked.clone(),
            ..MadeUp::default()
        });
        let roles = [Role::Targets, Role::Snapshot];
        let loaded = files("/nowhere").load(&roles, &root(&keys), &mut secrets).expect("both");
        assert_eq!(loaded[&Role::Targets].key_id(), keys[&Role::Targets].key_id());
        assert_eq!(asked.get(), 1);
    }

    #[test]
    fn a_missing_key_names_the_file_and_the_variable() {
        let mut secrets = Secrets::new(MadeUp::default());
        let error = files("/nowhere").load(&[Role::Snapshot], b"", &mut secrets).expect_err("nowhere").to_string();
        assert!(error.contains("/nowhere") && error.contains("UPSTEP_KEY_SNAPSHOT"), "{error}");
    }

    #[test]
    fn a_new_passphrase_is_typed_twice_and_is_not_empty() {
        let typed = |first, second| Secrets::new(MadeUp { answers: vec![first, second], ..MadeUp::default() });
        assert_eq!(typed("a", "a").new_passphrase(true).expect("the same"), Some("a".to_owned()));
        assert!(matches!(typed("a", "b").new_passphrase(true), Err(ProjectError::PassphrasesDiffer)));
        assert!(matches!(typed("", "").new_passphrase(true), Err(ProjectError::EmptyPassphrase)));
        assert_eq!(typed("a", "a").new_passphrase(false).expect("none wanted"), None);
        let variables = BTreeMap::from([(PASSPHRASE.to_owned(), "b".to_owned())]);
        let mut set = Secrets::new(MadeUp { variables, ..MadeUp::default() });
        assert_eq!(set.new_passphrase(false).expect("set"), Some("b".to_owned()));
    }
}
