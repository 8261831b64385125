//! Encoding: layouts from the files' headers, matches, and the body.

mod derivable;
mod formats;
mod frame;
mod go;
mod linked;
mod matcher;
mod normal;
mod sections;
mod suffixes;

use super::coder::Encoder;
use super::decode::{FIXED, Given, prepare};
use super::derive::Derived;
use super::image::Image;
use super::layout::{self, Layout};
use super::memory::Budget;
use crate::CodecError;
use crate::coding::Body;
use crate::old::OldFile;

/// The body that makes `new` of `old`; `None` if they are no programs of one form that is known.
pub(crate) fn encode(old: &[u8], new: &[u8]) -> Result<Option<Body>, CodecError> {
    let Some((old_layout, new_layout)) = formats::layouts(old, new) else { return Ok(None) };
    let files = Files { old, new, layouts: (old_layout, new_layout), derived: Vec::new() };
    let matches = matcher::matches(&files)?;
    let derived = derivable::regions(&files);
    let matches = derivable::without(&matches, &derived);
    let files = Files { derived, ..files };
    // The first time tells where the changes are, so that the second can say where none are.
    let misses = files.code(&matches, None)?.misses;
    let coded = files.code(&matches, Some(misses))?;
    if !coded.is_right {
        return Ok(None);
    }
    Ok(Some(Body { bytes: frame::raw(&coded.bytes), memory: coded.memory }))
}

/// The two files, and what is known of them. The regions of the layouts are paired.
struct Files<'a> {
    old: &'a [u8],
    new: &'a [u8],
    layouts: (Layout, Layout),
    derived: Vec<Derived>,
}

struct Coded {
    bytes: Vec<u8>,
    memory: u64,
    misses: Vec<usize>,
    /// The models made the new file as it is.
    is_right: bool,
}

impl Files<'_> {
    fn image<'i>(bytes: &'i &'i [u8]) -> Image<'i> {
        Image::new(OldFile::trusted(bytes), bytes.len())
    }

    fn code(&self, matches: &[super::control::Match], misses: Option<Vec<usize>>) -> Result<Coded, CodecError> {
        let mut budget = Budget::new(u64::MAX);
        budget.take(FIXED)?;
        let mut coder = Encoder::new();
        let sizes = (self.old.len(), self.new.len());
        let layouts = layout::code(&mut coder, &self.layouts.0, &self.layouts.1, sizes)?;
        let image = Files::image(&self.old);
        let given = Given { matches, derived: &self.derived, wanted: self.new, size: self.new.len() };
        let mut body = prepare(coder, image, layouts, &given, &mut budget)?;
        body.shared.misses = misses;
        let mut is_right = true;
        let mut buffer = vec![0; 64 << 10];
        let mut at = 0;
        loop {
            let whole = body.is_whole();
            if !whole {
                body.step()?;
            }
            loop {
                let length = body.shared.out.take(&mut buffer);
                if length == 0 {
                    break;
                }
                let end = (at + length).min(self.new.len());
                is_right &= self.new[at..end] == buffer[..length];
                at = end;
            }
            if whole {
                break;
            }
        }
        let (coder, misses) = body.into_misses();
        let (bytes, accounts) = coder.finish();
        report(&accounts);
        Ok(Coded { bytes, memory: budget.taken(), misses, is_right })
    }
}

fn report(accounts: &[usize; 16]) {
    if std::env::var_os("UPSTEP_ACCOUNTS").is_some() {
        let names = [
            "layout", "gap", "seek", "length", "literal", "litref", "clean", "unit", "place", "value", "hit", "target",
            "derived",
        ];
        for (name, bytes) in names.iter().zip(accounts) {
            eprint!("{name} {bytes} ");
        }
        eprintln!();
    }
}
