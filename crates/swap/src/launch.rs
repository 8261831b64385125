//! Command lines: the new program gets the arguments, environment, folder and streams that the
//! first process got.

use crate::role;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is to be started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    file: PathBuf,
    /// The name that it is called by (Unix).
    #[cfg_attr(windows, expect(dead_code, reason = "there it is always the file's path"))]
    arg0: Option<OsString>,
    args: Vec<OsString>,
    role: Option<OsString>,
}

impl Launch {
    /// The program as this process was started.
    pub(crate) fn program(file: &Path, role: Option<OsString>) -> Self {
        let mut args = std::env::args_os();
        Launch { file: file.to_owned(), arg0: args.next(), args: args.collect(), role }
    }

    /// An updater process: it will start the program as this process was started.
    pub(crate) fn updater(base: &Path, role: &OsStr) -> Self {
        Self::program(base, Some(role.to_owned()))
    }

    /// A program with arguments of its own.
    pub(crate) fn foreign(file: &Path, args: &[OsString]) -> Self {
        Launch { file: file.to_owned(), arg0: None, args: args.to_owned(), role: None }
    }

    /// The command. Streams and folder are inherited.
    pub(crate) fn command(&self) -> Command {
        // As a user would start it: on Windows a canonical path has a prefix that programs stumble over.
        let mut command = Command::new(dunce::simplified(&self.file));
        #[cfg(unix)]
        if let Some(arg0) = &self.arg0 {
            std::os::unix::process::CommandExt::arg0(&mut command, arg0);
        }
        command.args(&self.args);
        match &self.role {
            Some(role) => command.env(role::VARIABLE, role),
            None => command.env_remove(role::VARIABLE),
        };
        command
    }
}

/// This process's own arguments, and its environment with another role or none.
#[cfg(unix)]
pub(crate) fn own_command_line(role: Option<&OsStr>) -> (Vec<OsString>, Vec<(OsString, OsString)>) {
    let environment = std::env::vars_os().filter(|(name, _)| name != role::VARIABLE);
    let role = role.map(|role| (OsString::from(role::VARIABLE), role.to_owned()));
    (std::env::args_os().collect(), environment.chain(role).collect())
}
