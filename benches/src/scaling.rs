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
    /// Processor seconds of making one of the first half and one of the second, which have the same programs together;
    /// nothing where there is one program only.
    pub halves_cpu_seconds: Option<f64>,
    /// What applying it took.
    pub apply: Usage,
    /// What HDiffPatch takes to make one of the same files, if it is installed.
    pub hdiffpatch: Option<Usage>,
}

impl Point {
    /// Nanoseconds of processor time for each n log2 n, n the bytes of the new file: what grows by the same is flat.
    pub fn per_n_log_n(&self, usage: &Usage) -> f64 {
        usage.cpu_seconds * 1e9 / n_log_n(self.new_bytes.max(2) as f64)
    }
}

/// n log2 n.
pub fn n_log_n(n: f64) -> f64 {
    n * n.log2()
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
    let programs = pairs.iter().cycle();
    let halves_cpu_seconds = match middle(pairs, length)? {
        0 => None,
        middle => {
            let [first_old, first_new] = concatenate(programs.clone().take(middle), [length; 2], [&old, &new])?;
            let first = child::measure(&mut ours::diff(Level::default(), &old, &new, &patch))?;
            concatenate(programs.clone().skip(middle), [length - first_old, length - first_new], [&old, &new])?;
            let second = child::measure(&mut ours::diff(Level::default(), &old, &new, &patch))?;
            Some(first.cpu_seconds + second.cpu_seconds)
        }
    };
    let [old_bytes, new_bytes] = concatenate(programs, [length; 2], [&old, &new])?;
    let diff = child::measure(&mut ours::diff(Level::default(), &old, &new, &patch))?;
    let apply = child::measure(&mut ours::apply(&old, &patch, &again))?;
    let (expected, found) = (digest(&new)?, digest(&again)?);
    if expected != found {
        return Err(BenchError::Digest { path: again, expected, found });
    }
    let patch_bytes = fs::metadata(&patch).map_err(BenchError::io("read", &patch))?.len();
    let peer = Tool::HDiffPatch;
    let hdiffpatch = if peer.is_present() { Some(child::measure(&mut peer.diff(&old, &new, &again))?) } else { None };
    Ok(Point { old_bytes, new_bytes, patch_bytes, diff, halves_cpu_seconds, apply, hdiffpatch })
}

/// How many programs make half of `length`, about: 0 if it has not two of them.
fn middle(pairs: &[Pair], length: u64) -> Result<usize, BenchError> {
    let mut ends = vec![0];
    for path in pairs.iter().cycle().map(|pair| &pair.new.1) {
        let end = ends[ends.len() - 1];
        let longer = end + fs::metadata(path).map_err(BenchError::io("read", path))?.len();
        if longer >= length || longer == end {
            break;
        }
        ends.push(longer);
    }
    Ok((0..ends.len()).min_by_key(|count| ends[*count].abs_diff(length / 2)).unwrap_or(0))
}

/// Writes the older and the newer programs one behind the other, each cut at a length.
fn concatenate<'a>(
    pairs: impl Iterator<Item = &'a Pair> + Clone,
    lengths: [u64; 2],
    to: [&Path; 2],
) -> Result<[u64; 2], BenchError> {
    let old = join(pairs.clone().map(|pair| &pair.old.1), lengths[0], to[0])?;
    Ok([old, join(pairs.map(|pair| &pair.new.1), lengths[1], to[1])?])
}

fn join<'a>(files: impl Iterator<Item = &'a PathBuf>, length: u64, to: &Path) -> Result<u64, BenchError> {
    let mut file = File::create(to).map_err(BenchError::io("write", to))?;
    let mut left = length;
    for from in files {
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
        let program = |name: &str, bytes: &str| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).expect("written");
            Pair { program: name.into(), old: ("1".into(), path.clone()), new: ("2".into(), path) }
        };
        let pairs = [program("a", "abc"), program("b", "de")];
        let [old, new] = [folder.path().join("old"), folder.path().join("new")];
        let lengths = concatenate(pairs.iter().cycle(), [9, 4], [&old, &new]).expect("written");
        assert_eq!(
            (lengths, fs::read(&old).expect("text"), fs::read(&new).expect("text")),
            ([9, 4], b"abcdeabcd".into(), b"abcd".into())
        );
        let lengths = concatenate(pairs[..0].iter().cycle(), [9, 9], [&old, &new]).expect("written");
        assert_eq!(lengths, [0, 0]);
    }

    #[test]
    fn the_middle_is_between_two_programs() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        fs::write(&path, [0; 10]).expect("written");
        let pairs = [Pair { program: "a".into(), old: ("1".into(), path.clone()), new: ("2".into(), path) }];
        assert_eq!([5, 10, 12, 29, 50].map(|length| middle(&pairs, length).expect("there")), [0, 0, 1, 1, 2]);
        assert_eq!(middle(&[], 5).expect("none"), 0);
    }
}
