//! What there is to measure with: two versions of one program.

use crate::corpus::{Corpus, digest};
use crate::{BenchError, child, output, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use upstep_model::Version;

/// The demo's sample program.
pub const SAMPLE: &str = "hello";

/// Two versions of one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The program.
    pub program: String,
    /// The older version and its file.
    pub old: (String, PathBuf),
    /// The newer version and its file.
    pub new: (String, PathBuf),
}

/// Every consecutive pair of the corpus that is there, then those of the demo's sample program,
/// which is built if it is not there.
pub fn present(corpus: &Corpus) -> Result<Vec<Pair>, BenchError> {
    let mut pairs = of_corpus(corpus)?;
    let folder = output().with_file_name("demo");
    let mut sample = of_sample(&folder)?;
    if sample.is_empty() {
        build_sample()?;
        sample = of_sample(&folder)?;
    }
    pairs.extend(sample);
    Ok(pairs)
}

fn build_sample() -> Result<(), BenchError> {
    println!("building the sample program in four versions");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace()).args(["run", "--quiet", "-p", "upstep-demo", "--", "--build"]);
    child::succeed(&mut command).map(drop)
}

fn of_corpus(corpus: &Corpus) -> Result<Vec<Pair>, BenchError> {
    let mut pairs = Vec::new();
    for program in &corpus.programs {
        let mut there = Vec::new();
        for pin in &program.releases {
            let path = program.path(pin);
            if !path.exists() {
                continue;
            }
            let found = digest(&path)?;
            if found != pin.sha256 {
                return Err(BenchError::Digest { path, expected: pin.sha256, found });
            }
            there.push((pin.version.clone(), path));
        }
        pairs.extend(consecutive(&program.name, &there));
    }
    Ok(pairs)
}

/// The versions that `cargo demo` built: `hello-1.0.0` and so on. One that crashes on purpose
/// is a program like any other here.
fn of_sample(folder: &Path) -> Result<Vec<Pair>, BenchError> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut there: Vec<(Version, PathBuf)> = Vec::new();
    for entry in entries {
        let path = entry.map_err(BenchError::io("list", folder))?.path();
        let name =
            path.file_stem().and_then(|name| if path.extension()? == "exe" { Some(name) } else { path.file_name() });
        let name = name.or(path.file_name()).and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(version) = name.strip_prefix("hello-").and_then(|version| Version::parse(version).ok())
            && path.is_file()
        {
            there.push((version, path));
        }
    }
    there.sort();
    let there: Vec<_> = there.into_iter().map(|(version, path)| (version.to_string(), path)).collect();
    Ok(consecutive(SAMPLE, &there))
}

fn consecutive(program: &str, there: &[(String, PathBuf)]) -> Vec<Pair> {
    let pairs = there.windows(2);
    pairs.map(|two| Pair { program: program.to_owned(), old: two[0].clone(), new: two[1].clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_versions_are_paired_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["hello-1.10.0", "hello-1.2.0", "hello-1.9.0.exe", "hello", "hello-x", "other-1.0.0"] {
            fs::write(folder.path().join(name), name).expect("written");
        }
        fs::create_dir(folder.path().join("hello-1.5.0")).expect("a folder is no program");
        let pairs = of_sample(folder.path()).expect("a list");
        let versions: Vec<_> = pairs.iter().map(|pair| (pair.old.0.as_str(), pair.new.0.as_str())).collect();
        assert_eq!(versions, [("1.2.0", "1.9.0"), ("1.9.0", "1.10.0")]);
        assert_eq!(of_sample(&folder.path().join("nothing")).expect("nothing"), []);
    }
}
