//! What there is to measure with: two versions of one program.

use crate::corpus::{Corpus, digest};
use crate::{BenchError, output};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use upstep_model::Version;

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

/// Every consecutive pair that is there: of the corpus, then of the demo's sample program. If
/// there is none, one that is made from the running program, so that there is always something
/// to measure.
pub fn present(corpus: &Corpus) -> Result<Vec<Pair>, BenchError> {
    let mut pairs = of_corpus(corpus)?;
    pairs.extend(of_sample(&output().with_file_name("demo"))?);
    if pairs.is_empty() {
        pairs.push(made_up(&output())?);
    }
    Ok(pairs)
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
    Ok(consecutive("hello", &there))
}

fn consecutive(program: &str, there: &[(String, PathBuf)]) -> Vec<Pair> {
    let pairs = there.windows(2);
    pairs.map(|two| Pair { program: program.to_owned(), old: two[0].clone(), new: two[1].clone() }).collect()
}

/// The running program, and a copy with a piece inserted and a byte changed every 10,000.
fn made_up(folder: &Path) -> Result<Pair, BenchError> {
    let old = std::env::current_exe().map_err(BenchError::io("find", Path::new("the running program")))?;
    fs::create_dir_all(folder).map_err(BenchError::io("create", folder))?;
    let new = folder.join("made-up");
    let failed = |error| BenchError::io("write", &new)(error);
    let length = fs::metadata(&old).map_err(BenchError::io("read", &old))?.len();
    let mut source = File::open(&old).map_err(BenchError::io("read", &old))?;
    let mut target = File::create(&new).map_err(failed)?;
    std::io::copy(&mut (&mut source).take(length / 3), &mut target).map_err(failed)?;
    target.write_all(&[7; 1000]).map_err(failed)?;
    std::io::copy(&mut source, &mut target).map_err(failed)?;
    for at in (0..length).step_by(10_000) {
        target.seek(SeekFrom::Start(at)).map_err(failed)?;
        target.write_all(b"x").map_err(failed)?;
    }
    let named = |version: &str, path: &Path| (version.to_owned(), path.to_owned());
    Ok(Pair { program: "made up".to_owned(), old: named("this program", &old), new: named("edited", &new) })
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

    #[test]
    fn without_any_program_there_is_a_made_up_pair() {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = made_up(folder.path()).expect("a pair");
        let length = |path: &Path| fs::metadata(path).expect("it is there").len();
        assert_eq!(length(&pair.new.1), length(&pair.old.1) + 1000);
    }
}
