//! Starting a program once before it is published: what does not start is not offered to anybody.
//!
//! Only a program that links the library is started, since it alone ends at its first library
//! call; and only one for the system that this command runs on.

use crate::DifferError;
use crate::artifact::Artifact;
use std::path::PathBuf;
use upstep_model::executable::{HEAD, Header};
use upstep_model::platform::Os;
use upstep_model::{Platform, Version};
use upstep_swap::Timing;
use upstep_swap::probe::ProbeError;

/// Why a program does not pass.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It does not answer as a program does that links the library.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// It runs with another version than its bytes say.
    #[error("it answers as version {found}, its marker says {expected}")]
    Version {
        /// What the marker says.
        expected: Version,
        /// What the running program says.
        found: Version,
    },
    /// It can't be made ready to be started.
    #[error("it can't be made ready to be started")]
    Prepare(#[source] std::io::Error),
}

/// Starts `artifact` once, if it can be; returns whether it was.
pub fn probe(artifact: &Artifact) -> Result<bool, DifferError> {
    let header = Header::read(&artifact.bytes[..artifact.bytes.len().min(HEAD)]);
    if !artifact.is_marked || !header.is_some_and(|header| runs_here(&header, &artifact.platform)) {
        return Ok(false);
    }
    let failed = |source: Failure| DifferError::Probe { path: artifact.path.clone(), source: Box::new(source) };
    let program = Program::of(artifact).map_err(|error| failed(Failure::Prepare(error)))?;
    match upstep_swap::probe::probe(&program.path, &Timing::default()) {
        Ok(answer) if answer.version == artifact.version => Ok(true),
        Ok(answer) => Err(failed(Failure::Version { expected: artifact.version.clone(), found: answer.version })),
        // That says something about this machine, and nothing about the program.
        Err(error @ ProbeError::Prepare(_)) => {
            tracing::warn!(path = %artifact.path.display(), %error, "the program was not started");
            Ok(false)
        }
        Err(error) => Err(failed(error.into())),
    }
}

/// Whether a program for `platform` can run where this command does.
fn runs_here(header: &Header, platform: &Platform) -> bool {
    let os = match std::env::consts::OS {
        "linux" => Os::Linux,
        "macos" => Os::Darwin,
        "windows" => Os::Windows,
        _ => return false,
    };
    let arch = match std::env::consts::ARCH {
        "x86" => "i686",
        "arm" => "armv7",
        arch => arch,
    };
    let libc = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    let arch_fits = platform.arch() == arch || (os == Os::Darwin && platform.arch() == "universal");
    header.os == os && arch_fits && header.libc.is_none_or(|needed| needed == libc)
}

/// The program as a file that may be executed: a build that came as a download often may not.
struct Program {
    path: PathBuf,
    _copied_to: Option<tempfile::TempDir>,
}

impl Program {
    #[cfg(unix)]
    fn of(artifact: &Artifact) -> std::io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        if std::fs::metadata(&artifact.path)?.permissions().mode() & 0o100 != 0 {
            return Ok(Program { path: artifact.path.clone(), _copied_to: None });
        }
        let folder = tempfile::Builder::new().prefix("differ-").tempdir()?;
        let path = folder.path().join("program");
        std::fs::write(&path, &artifact.bytes)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        Ok(Program { path, _copied_to: Some(folder) })
    }

    #[cfg(not(unix))]
    fn of(artifact: &Artifact) -> std::io::Result<Self> {
        Ok(Program { path: artifact.path.clone(), _copied_to: None })
    }
}
