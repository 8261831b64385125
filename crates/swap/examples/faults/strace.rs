//! strace: which calls a process makes, and a fault at one of them.

use crate::scene::Fault;
use std::collections::BTreeMap;
use std::path::Path;

/// Calls that change files (where they name the install) or processes.
const TRACED: &str = "openat,mkdir,mkdirat,link,linkat,rename,renameat,renameat2,unlink,unlinkat,write,ftruncate,\
fsync,fdatasync,fchmod,fchown,chmod,fsetxattr,flock,ioctl,execve,clone,clone3,fork,vfork,kill,exit_group";

/// Of those, the ones that change processes: each is a point wherever it stands.
const PROCESS: [&str; 7] = ["execve", "clone", "clone3", "fork", "vfork", "kill", "exit_group"];

/// The n-th call of a name in a process.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub name: String,
    pub number: usize,
    pub line: String,
}

impl Call {
    pub fn is_of_process(&self) -> bool {
        PROCESS.contains(&&*self.name)
    }
}

/// strace's arguments that log all traced calls.
pub fn tracing(log: &Path) -> Vec<String> {
    vec![
        "-y".into(),
        "-qq".into(),
        "-s".into(),
        "400".into(),
        "-o".into(),
        log.display().to_string(),
        "-e".into(),
        format!("trace={TRACED}"),
    ]
}

/// strace's arguments that bring a fault to one call.
pub fn injecting(log: &Path, call: &Call, fault: Fault) -> Vec<String> {
    let effect = match fault {
        Fault::KillAlone | Fault::KillAll => "signal=SIGKILL",
        Fault::Full => "error=ENOSPC",
        Fault::Broken => "error=EIO",
    };
    let inject = format!("inject={}:{effect}:when={}", call.name, call.number);
    let mut arguments = tracing(log);
    arguments.extend(["-e".into(), inject]);
    arguments
}

/// The calls in a log that change the install in `folder` or processes, numbered by name.
pub fn changing(log: &str, folder: &Path) -> Vec<Call> {
    let folder = folder.display().to_string();
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calls = Vec::new();
    // The execve that starts the traced process is strace's own: it is not counted for a fault.
    let own = usize::from(log.starts_with("execve("));
    for line in log.lines().skip(own) {
        let Some((name, rest)) = line.split_once('(') else { continue };
        if name.contains(' ') {
            continue;
        }
        let number = numbers.entry(name).or_default();
        *number += 1;
        let changes = match name {
            _ if PROCESS.contains(&name) => true,
            "openat" => rest.contains(&folder) && rest.contains("O_CREAT"),
            "ioctl" => rest.contains("FICLONE"),
            "write" => rest.split(',').next().is_some_and(|fd| fd.contains(&folder)),
            _ => rest.contains(&folder),
        };
        if changes {
            calls.push(Call { name: name.to_owned(), number: *number, line: line.to_owned() });
        }
    }
    calls
}
