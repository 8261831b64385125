//! Roles: what an updater tells the processes that it starts, in one environment variable
//! (`docs/formats.md`, 'Roles'). With `appimage` the only file that decides by the environment.

use crate::held::Install;
use crate::journal::State;
use crate::{Place, sys};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The variable.
pub(crate) const VARIABLE: &str = "UPSTEP_ROLE";

/// The part that a process is asked to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Swaps, starts, judges, puts back.
    Updater,
    /// Says who it is, and ends.
    Probe,
    /// The program, in its trial.
    Trial,
    /// The program, which must not begin an update.
    Plain,
}

const KINDS: [(Kind, &str); 4] =
    [(Kind::Updater, "updater"), (Kind::Probe, "probe"), (Kind::Trial, "trial"), (Kind::Plain, "plain")];

impl Kind {
    /// The word in the variable and in the claim's name.
    pub(crate) fn as_str(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("plain", |(_, word)| word)
    }
}

/// A role that a process was given. Nothing in it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Role {
    kind: Kind,
    token: String,
    pid: u32,
    program: PathBuf,
}

/// A role that all conditions hold for: the token is claimed.
#[derive(Debug)]
pub(crate) enum Obeyed {
    /// `is_own_pid`: the first process has become this one.
    Updater {
        install: Arc<Install>,
        token: String,
        is_own_pid: bool,
    },
    /// Run from an updater's file, but not the one that the journal names: the program at this
    /// place is to be run instead.
    Stranded {
        place: Place,
        is_own_pid: bool,
    },
    Probe {
        token: String,
    },
    Trial {
        install: Arc<Install>,
        token: String,
    },
    Plain,
}

impl Role {
    /// A role that this process gives.
    pub(crate) fn new(kind: Kind, token: &str, program: &Path) -> Self {
        Role { kind, token: token.to_owned(), pid: std::process::id(), program: program.to_owned() }
    }

    /// The variable's value.
    pub(crate) fn value(&self) -> OsString {
        sys::encode_path(&format!("{}:{}:{}:", self.kind.as_str(), self.token, self.pid), &self.program)
    }

    /// The role that this process was given.
    pub(crate) fn given() -> Option<Role> {
        Role::parse(&std::env::var_os(VARIABLE)?)
    }

    fn parse(value: &std::ffi::OsStr) -> Option<Role> {
        let (head, program) = sys::decode_path(value)?;
        let mut parts = head.split(':');
        let (kind, token, pid) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = KINDS.iter().find(|(_, word)| *word == kind)?.0;
        if !is_token(token) || !program.is_absolute() {
            return None;
        }
        Some(Role { kind, token: token.to_owned(), pid: pid.parse().ok()?, program })
    }

    /// Obeys the role if the path is ours, the pid is our parent's or our own, the journal names
    /// the token, and nobody has claimed it before.
    pub(crate) fn obey(self) -> Option<Obeyed> {
        let is_own = self.pid == std::process::id();
        if !is_own && Some(self.pid) != sys::parent() {
            return None;
        }
        let running = sys::running_file().ok()?;
        let place = Place::of(&self.program).ok().filter(|place| place.program() == self.program)?;
        let is_kept =
            running.parent() == Some(place.folder()) && running.file_name().is_some_and(|name| place.is_kept(name));
        let is_program = running == place.program();
        match self.kind {
            Kind::Plain if is_program => return Some(Obeyed::Plain),
            Kind::Trial if is_program && !is_own => {}
            Kind::Updater if is_kept => {}
            Kind::Probe if is_kept && !is_own => {}
            _ => return None,
        }
        match self.claim(&place, &running) {
            Some(install) => Some(match self.kind {
                Kind::Updater => Obeyed::Updater { install, token: self.token, is_own_pid: is_own },
                Kind::Probe => Obeyed::Probe { token: self.token },
                Kind::Trial | Kind::Plain => Obeyed::Trial { install, token: self.token },
            }),
            None if self.kind == Kind::Updater => Some(Obeyed::Stranded { place, is_own_pid: is_own }),
            None => None,
        }
    }

    fn claim(&self, place: &Place, running: &Path) -> Option<Arc<Install>> {
        let install = Install::open(place).ok()??;
        let state = install.read().ok()?.state;
        let named = match (self.kind, &state) {
            (Kind::Updater, State::Staged { token: Some(token), base, .. }) => {
                *token == self.token && running == place.kept(&base.digest)
            }
            (Kind::Updater, State::Trial { tokens, base, .. }) => {
                tokens.last() == Some(&self.token) && running == place.kept(&base.digest)
            }
            (Kind::Probe, State::Staged { token: Some(token), to, .. }) => {
                *token == self.token && running == place.kept(&to.digest)
            }
            (Kind::Trial, State::Trial { tokens, .. }) => tokens.last() == Some(&self.token),
            _ => false,
        };
        let claim = format!("{}.{}", self.token, self.kind.as_str());
        (named && install.folder.create_new(&claim).ok()?).then(|| Arc::new(install))
    }
}

/// Where a role needs no token.
pub(crate) const NO_TOKEN: &str = "00000000000000000000000000000000";

/// A new token: 32 random hex digits.
pub(crate) fn new_token() -> std::io::Result<String> {
    crate::random_hex::<16>()
}

/// Whether a text has the form of a token.
pub(crate) fn is_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_back_with_colons_in_its_path() {
        let path = if cfg!(windows) { r"C:\a:b\hello.exe" } else { "/opt/a:b/hello" };
        let role = Role::new(Kind::Trial, &new_token().expect("random"), Path::new(path));
        assert_eq!(Role::parse(&role.value()), Some(role));
    }

    #[test]
    fn nonsense_is_no_role() {
        let token = "0".repeat(32);
        for value in [
            "",
            "updater",
            "updater::1:/x",
            "king:0:1:/x",
            &format!("probe:{token}:x:/x"),
            &format!("probe:{token}:1:x"),
        ] {
            assert_eq!(Role::parse(value.as_ref()), None, "{value:?}");
        }
    }
}
