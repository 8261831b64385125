//! How costs grow with the length of a file: concatenations of the corpus's programs.

use crate::child::{self, Usage};
use crate::corpus::digest;
use crate::pair::Pair;
use crate::tool::Tool;
use crate::{BenchError, ours, output};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use upstep_codec::Level;

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct Scaling {
    /// The day: RFC 3339's date, UTC.
    pub date: String,
    /// By length.
    pub points: Vec<Point>,
}

/// What one length cost.
#[derive(Debug, Serialize, Deserialize)]
pub struct Point {
    /// Length of the older file.
    pub old_bytes: u64,
    /// Length of the newer file.
    pub new_bytes: u64,
    /// Length of the patch.
    pub patch_bytes: u64,
    /// What making it took.
    pub diff: Usage,
    /// What applying it took.
    pub apply: Usage,
    /// What HDiffPatch takes to make one of the same files, if it is installed.
    pub hdiffpatch: Option<Usage>,
}

impl Point {
    /// Nanoseconds of processor time for each n log2 n, n the bytes of the new file: what grows by the same is flat.
    pub fn per_n_log_n(&self, usage: &Usage) -> f64 {
        let n = self.new_bytes.max(2) as f64;
        usage.cpu_seconds * 1e9 / (n * n.log2())
    }
}

impl Scaling {
    /// `target/bench/scaling.json`.
    pub fn path() -> PathBuf {
        output().join("scaling.json")
    }

    /// Reads a result file; nothing if there is none.
    pub fn load(path: &Path) -> Result<Option<Scaling>, BenchError> {
        match fs::read(path) {
            Ok(json) => serde_json::from_slice(&json)
                .map(Some)
                .map_err(|source| BenchError::Report { path: path.to_owned(), source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BenchError::io("read", path)(source)),
        }
    }

    /// Writes the result file.
    pub fn save(&self, path: &Path) -> Result<(), BenchError> {
        let json = serde_json::to_string_pretty(self)
            .map_err(|source| BenchError::Report { path: path.to_owned(), source })?;
        fs::write(path, json).map_err(BenchError::io("write", path))
    }
}

/// The older and the newer file, each the programs of `pairs` one behind the other, from the
/// beginning again if they do not suffice, cut at `length`.
pub fn measure(pairs: &[Pair], length: u64) -> Result<Point, BenchError> {
    fs::create_dir_all(output()).map_err(BenchError::io("create", &output()))?;
    let scratch = tempfile::tempdir_in(output()).map_err(BenchError::io("create a folder in", &output()))?;
    let [old, new, patch, again] = ["old", "new", "patch", "again"].map(|name| scratch.path().join(name));
    let old_bytes = concatenate(pairs.iter().map(|pair| &pair.old.1), length, &old)?;
    let new_bytes = concatenate(pairs.iter().map(|pair| &pair.new.1), length, &new)?;
    let diff = child::measure(&mut ours::diff(Level::default(), &old, &new, &patch))?;
    let apply = child::measure(&mut ours::apply(&old, &patch, &again))?;
    let (expected, found) = (digest(&new)?, digest(&again)?);
    if expected != found {
        return Err(BenchError::Digest { path: again, expected, found });
    }
    let patch_bytes = fs::metadata(&patch).map_err(BenchError::io("read", &patch))?.len();
    let peer = Tool::HDiffPatch;
    let hdiffpatch = if peer.is_present() { Some(child::measure(&mut peer.diff(&old, &new, &again))?) } else { None };
    Ok(Point { old_bytes, new_bytes, patch_bytes, diff, apply, hdiffpatch })
}

fn concatenate<'a>(
    files: impl Iterator<Item = &'a PathBuf> + Clone,
    length: u64,
    to: &Path,
) -> Result<u64, BenchError> {
    let mut file = File::create(to).map_err(BenchError::io("write", to))?;
    let mut left = length;
    for from in files.cycle() {
        let mut part = File::open(from).map_err(BenchError::io("read", from))?.take(left);
        let copied = io::copy(&mut part, &mut file).map_err(BenchError::io("copy", from))?;
        left -= copied;
        if left == 0 || copied == 0 {
            break;
        }
    }
    file.flush().map_err(BenchError::io("write", to))?;
    Ok(length - left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_stand_one_behind_the_other_and_again_until_the_length() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = [folder.path().join("a"), folder.path().join("b")];
        fs::write(&files[0], "abc").expect("written");
        fs::write(&files[1], "de").expect("written");
        let to = folder.path().join("all");
        assert_eq!(concatenate(files.iter(), 9, &to).expect("written"), 9);
        assert_eq!(fs::read(&to).expect("text"), b"abcdeabcd");
        assert_eq!(concatenate(files[..0].iter(), 9, &to).expect("written"), 0);
    }
}
