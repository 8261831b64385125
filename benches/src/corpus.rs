//! The list of programs to measure with, `benches/corpus.toml`.

use crate::{BenchError, workspace};
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use upstep_model::{Digest, Digester};

/// The list.
#[derive(Debug, Deserialize)]
pub struct Corpus {
    /// Its programs.
    #[serde(rename = "program")]
    pub programs: Vec<Program>,
}

/// A program for one platform.
#[derive(Debug, Deserialize)]
pub struct Program {
    /// Its name, which is that of its folder too.
    pub name: String,
    /// Which client fetches it.
    pub registry: Registry,
    /// The package that holds it.
    pub package: String,
    /// pip's name of the platform.
    pub platform: Option<String>,
    /// The end of the file's path in the package.
    pub file: String,
    /// Its versions, in ascending order.
    pub releases: Vec<Pin>,
}

/// Which client fetches a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registry {
    /// `npm pack`.
    Npm,
    /// `pip download`.
    Pypi,
}

/// One version of a program.
#[derive(Debug, Deserialize)]
pub struct Pin {
    /// The version.
    pub version: String,
    /// What the file must be.
    pub sha256: Digest,
}

impl Corpus {
    /// Reads the list.
    pub fn load() -> Result<Corpus, BenchError> {
        let path = workspace().join("benches/corpus.toml");
        let text = fs::read_to_string(&path).map_err(BenchError::io("read", &path))?;
        toml::from_str(&text).map_err(|source| BenchError::Corpus { path, source })
    }
}

impl Program {
    /// Where a version's file is, or will be.
    pub fn path(&self, pin: &Pin) -> PathBuf {
        let name = self.file.rsplit('/').next().unwrap_or(&self.file);
        workspace().join("corpus").join(&self.name).join(&pin.version).join(name)
    }
}

/// Whether a pattern, NAME or NAME@VERSION, asks for a version of a program; NAME may be the beginning of a name.
pub fn asks(pattern: &str, program: &str, version: &str) -> bool {
    let (name, wanted) = pattern.split_once('@').map_or((pattern, None), |(name, wanted)| (name, Some(wanted)));
    program.starts_with(name) && wanted.is_none_or(|wanted| wanted == version)
}

/// The digest of a file, which is never in memory as a whole: a child process inherits the peak
/// of its parent in what the system counts as its own.
pub fn digest(path: &Path) -> Result<Digest, BenchError> {
    let read = |error| BenchError::io("read", path)(error);
    let mut file = File::open(path).map_err(read)?;
    let mut digester = Digester::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digester.finish()),
            Ok(length) => digester.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(read(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_well_formed_and_in_order() {
        let corpus = Corpus::load().expect("the list");
        assert!(corpus.programs.len() >= 10);
        for program in &corpus.programs {
            assert_eq!(program.platform.is_some(), program.registry == Registry::Pypi, "{}", program.name);
            let versions: Vec<upstep_model::Version> =
                program.releases.iter().map(|pin| pin.version.parse().expect("a version")).collect();
            assert!(versions.len() >= 2 && versions.is_sorted(), "{}", program.name);
        }
    }
}
