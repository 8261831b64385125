//! Encoding: layouts from the files' headers, matches, and the body.

mod decisions;
mod derivable;
mod effort;
mod fast;
mod formats;
mod frame;
mod go;
mod lanes;
mod linked;
mod matcher;
mod normal;
mod sections;
mod slices;

use super::coder::{Encoder, STREAMS};
use super::decode::{Given, fixed, prepare};
use super::derive::Derived;
use super::image::{Image, MANY};
use super::layout::{self, Layout};
use super::memory::Budget;
use super::parts::{Part, Parts};
use super::plain;
use super::tier;
use crate::coding::Body;
use crate::matched::Match;
use crate::matching::Pair;
use crate::old::OldFile;
use crate::{CodecError, Level, bidiff};
pub(crate) use decisions::Decisions;
pub(crate) use lanes::LaneWriter;
use slices::Piece;

/// The body that makes the new file of the old one; `None` if they are no programs of one form that is known, or
/// programs whose headers say what can't be coded.
pub(crate) fn encode(pair: &Pair<'_>, level: Level) -> Result<Option<Body>, CodecError> {
    let Ok(Some(Coded { mut coder, memory, is_right, .. })) = code(pair, level, Encoder::new()) else {
        return Ok(None);
    };
    if !is_right {
        return Ok(None);
    }
    let lanes = coder.take_lanes();
    let (bytes, _) = coder.finish();
    match level {
        Level::Fast => fast::body(bytes, &lanes, memory).map(Some),
        _ => Ok(Some(Body { bytes: frame::raw(&bytes), memory })),
    }
}

/// What a stream of a patch takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSize {
    /// Its name.
    pub name: &'static str,
    /// What it takes, in bytes.
    pub bytes: usize,
    /// What zstd at level 22 makes of the same decisions, before the coder, in bytes. That of literals
    /// holds the references in them, too.
    pub by_zstd: usize,
}

/// What each stream of such a body takes.
pub(crate) fn streams(pair: &Pair<'_>, level: Level) -> Result<Vec<StreamSize>, CodecError> {
    let Some(mut coded) = code(pair, level, Encoder::noting())? else { return Ok(Vec::new()) };
    let noted = coded.coder.noted.take().unwrap_or_default();
    let (_, accounts) = coded.coder.finish();
    let size = |(at, (name, bytes))| Ok(StreamSize { name, bytes, by_zstd: noted.by_zstd(at)? });
    STREAMS.into_iter().zip(accounts).enumerate().map(size).collect()
}

fn code(pair: &Pair<'_>, level: Level, coder: Encoder) -> Result<Option<Coded>, CodecError> {
    let Some(pieces) = slices::pieces(pair.old, pair.new) else { return Ok(None) };
    let mut parts = Parts::new((pair.old.len(), pair.new.len()));
    let mut coded = Coded { coder, memory: 0, literals: Vec::new(), misses: Vec::new(), is_right: true };
    tier::code(&mut coded.coder, level);
    for Piece { mut part, layouts } in pieces {
        let (old, new) = (&pair.old[part.old.clone()], &pair.new[part.new.clone()]);
        let is_program = layouts.is_some();
        let files = Files { old, new, layouts: layouts.unwrap_or_default(), derived: Vec::new(), level };
        let matches = matcher::matches(&files, || within(pair.matches(), &part))?;
        let files = files.with_derived();
        let body = if is_program || level == Level::Fast { None } else { files.plainly(&matches)? };
        part.is_plain = body.is_some();
        parts.code(&mut coded.coder, Some(&part))?;
        if let Some(body) = body {
            plain::write(&mut coded.coder, &body.bytes);
            coded.memory = coded.memory.max(body.memory + plain::AROUND);
            continue;
        }
        let next = files.code_twice(&matches, coded.coder)?;
        let (memory, is_right) = (coded.memory.max(next.memory), coded.is_right && next.is_right);
        coded = Coded { memory, is_right, ..next };
    }
    Ok(Some(coded))
}

/// What matches of the whole files say of a part of them.
fn within(matches: &[Match], part: &Part) -> Vec<Match> {
    let clip = |found: &Match| {
        let [old, new, length] = [found.old, found.new, found.length].map(|number| number as usize);
        // Bytes at the beginning and at the end that lie outside.
        let before = part.old.start.saturating_sub(old).max(part.new.start.saturating_sub(new));
        let behind = (old + length).saturating_sub(part.old.end).max((new + length).saturating_sub(part.new.end));
        let length = length.checked_sub(before + behind).filter(|length| *length > 0)?;
        let [old, new, length] =
            [old + before - part.old.start, new + before - part.new.start, length].map(|number| number as u32);
        Some(Match { old, new, length })
    };
    matches.iter().filter_map(clip).collect()
}

/// Beside the two files: their images, the suffix array and the places in it, the references of both
/// (24 bytes each; there is one for some 20 bytes of code, and for 8 bytes of some tables), and tables.
pub(crate) fn encode_memory(old: u64, new: u64) -> u64 {
    old.saturating_add(new).saturating_mul(8).saturating_add(96 << 20)
}

/// A part of the two files, and what is known of it. The regions of the layouts are paired.
struct Files<'a> {
    old: &'a [u8],
    new: &'a [u8],
    layouts: (Layout, Layout),
    derived: Vec<Derived>,
    level: Level,
}

/// Parts that were coded.
struct Coded {
    coder: Encoder,
    memory: u64,
    literals: Vec<u8>,
    misses: Vec<usize>,
    /// The models made the new file as it is.
    is_right: bool,
}

impl Files<'_> {
    fn with_derived(self) -> Self {
        let derived = derivable::regions(&self);
        Files { derived, ..self }
    }

    /// The first time tells where the changes are, so that the second can say where none are; and what the
    /// literals are, which come before.
    fn code_twice(&self, matches: &[Match], mut coder: Encoder) -> Result<Coded, CodecError> {
        let matches = derivable::without(matches, &self.derived);
        if let Some(noted) = &mut coder.noted {
            noted.note_literals(self, &matches);
        }
        if self.level == Level::Fast {
            return self.code(&matches, coder, &[], None);
        }
        let first = self.code(&matches, Encoder::new(), &[], None)?;
        self.code(&matches, coder, &first.literals, Some(first.misses))
    }

    /// What the plain codec makes of them, if that is smaller.
    fn plainly(&self, matches: &[Match]) -> Result<Option<Body>, CodecError> {
        let body = bidiff::encode(&Pair::new(self.old, self.new), self.level.zstd())?;
        let (bytes, _) = self.code_twice(matches, Encoder::new())?.coder.finish();
        Ok(Some(body).filter(|body| body.bytes.len() < bytes.len()))
    }

    fn image<'i>(bytes: &'i &'i [u8]) -> Image<'i> {
        Image::new(OldFile::trusted(bytes), bytes.len(), MANY)
    }

    fn code(
        &self,
        matches: &[Match],
        mut coder: Encoder,
        literals: &[u8],
        misses: Option<Vec<usize>>,
    ) -> Result<Coded, CodecError> {
        let mut budget = Budget::new(u64::MAX);
        budget.take(fixed(self.level))?;
        let sizes = (self.old.len(), self.new.len());
        let layouts = layout::code(&mut coder, &self.layouts.0, &self.layouts.1, sizes)?;
        let image = Files::image(&self.old);
        let (derived, size) = (&self.derived, self.new.len());
        let given = Given { matches, derived, literals, wanted: self.new, size, level: self.level };
        let mut body = prepare(coder, image, layouts, &given, budget, None)?;
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
        let memory = body.shared.budget.most();
        let (coder, literals, misses) = body.into_parts()?;
        let literals = literals.map_or_else(Vec::new, |coder| coder.finish().0);
        Ok(Coded { coder, memory, literals, misses, is_right })
    }
}

#[cfg(test)]
mod tests {
    use super::super::coder::Decoder;
    use super::super::layout::{CONTENTS, GO, Region, Segment};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn matches_of_the_whole_files_are_cut_to_a_part() {
        let part = Part::new(100..200, 1000..1100);
        let found = |(old, new, length)| within(&[Match { old, new, length }], &part);
        let cut = |old, new, length| vec![Match { old, new, length }];
        assert_eq!(found((110, 1010, 20)), cut(10, 10, 20));
        assert_eq!(found((90, 1005, 20)), cut(0, 15, 10));
        assert_eq!(found((105, 990, 300)), cut(15, 0, 85));
        assert_eq!(found((0, 1000, 300)), []);
        assert_eq!(found((150, 1090, 10)), cut(50, 90, 10));
        assert_eq!(found((100, 1000, 0)), []);
        assert_eq!(found((300, 1000, 50)), []);
    }

    /// Numbers that a layout is made of.
    #[derive(Debug, Clone)]
    struct Parts {
        regions: Vec<(prop::sample::Index, u16, u16)>,
        base: u64,
        go: Option<[u16; GO]>,
    }

    fn layout(parts: &Parts, size: usize) -> Layout {
        let mut layout = Layout::default();
        let half = size as u64 / 2;
        layout.segments.push(Segment { offset: 0, address: parts.base, length: half });
        layout.segments.push(Segment { offset: half, address: parts.base + half + 0x1000, length: size as u64 - half });
        layout.zeroed.push((parts.base + size as u64 + 0x5000, 100));
        layout.image_base = parts.base;
        layout.bases = vec![parts.base, parts.base + half];
        layout.go = parts.go.map(|go| go.map(|number| parts.base.wrapping_add(number.into())));
        let mut at = 0;
        for (content, gap, length) in &parts.regions {
            let offset = (at + usize::from(*gap)).min(size);
            let length = usize::from(*length).min(size - offset);
            layout.regions.push(Region { content: CONTENTS[content.index(CONTENTS.len())], offset, length });
            at = offset + length;
        }
        layout
    }

    fn parts() -> impl Strategy<Value = Parts> {
        let region = (any::<prop::sample::Index>(), 0u16..100, 0u16..3000);
        let base = prop_oneof![Just(0u64), Just(0x40_0000), Just(0x1_4000_0000), Just(1 << 62)];
        (proptest::collection::vec(region, 0..12), base, any::<Option<[u16; GO]>>())
            .prop_map(|(regions, base, go)| Parts { regions, base, go })
    }

    /// Bytes that are sometimes offsets, lengths and addresses.
    fn file(base: u64) -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<[u8; 8]>(),
            (0u64..6000).prop_map(move |offset| (base + offset).to_le_bytes()),
            (0u32..40, 0u32..3000).prop_map(|(a, b)| (u64::from(a) << 32 | u64::from(b)).to_le_bytes()),
            Just([0; 8]),
            Just([0xff, 0x9b, 0x08, 0x01, 0x04, 0x02, 0x03, 0x01]),
            Just([0xe8, 0x10, 0, 0, 0, 0x48, 0x8d, 0x05]),
        ];
        proptest::collection::vec(piece, 0..800).prop_map(|pieces| pieces.concat())
    }

    /// With a thread for literals, or without one.
    fn decode(
        files: &Files<'_>,
        memory: u64,
        [stream, lanes]: [&[u8]; 2],
        has_thread: bool,
    ) -> Result<Vec<u8>, CodecError> {
        std::thread::scope(|threads| {
            let mut budget = Budget::new(memory);
            budget.take(fixed(files.level))?;
            let mut coder = Decoder::with_lanes(Box::new(stream), Box::new(lanes));
            let sizes = (files.old.len(), files.new.len());
            let layouts = layout::code(&mut coder, &Layout::default(), &Layout::default(), sizes)?;
            let size = files.new.len();
            let given = Given { matches: &[], derived: &[], literals: &[], wanted: &[], size, level: files.level };
            let threads = has_thread.then_some(threads);
            let mut body = prepare(coder, Files::image(&files.old), layouts, &given, budget, threads)?;
            let (mut out, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
            while !body.is_whole() {
                body.step()?;
            }
            loop {
                match body.shared.out.take(&mut buffer) {
                    0 => return Ok(out),
                    length => out.extend(&buffer[..length]),
                }
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Whatever the layouts say, and whatever the files hold there: both sides do the same.
        #[test]
        fn any_layout_of_any_files_is_decoded(
            (old, new, parts) in parts().prop_flat_map(|parts| (file(parts.base), file(parts.base), Just(parts))),
            is_like in any::<bool>(),
            level in prop_oneof![Just(Level::Fast), Just(Level::Balanced), Just(Level::Small)],
            flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let new = if is_like { [&old[..old.len() / 2], &new[..new.len().min(40)], &old[old.len() / 2..]].concat() } else { new };
            let layouts = (layout(&parts, old.len()), layout(&parts, new.len()));
            let files = Files { old: &old, new: &new, layouts, derived: Vec::new(), level }.with_derived();
            let matches = matcher::matches(&files, Vec::new).expect("matches");
            let mut coded = files.code_twice(&matches, Encoder::new()).expect("coded");
            prop_assert!(coded.is_right);
            let lanes = coded.coder.take_lanes();
            let (bytes, _) = coded.coder.finish();
            for has_thread in [false, true] {
                let decoded = decode(&files, coded.memory, [&bytes, &lanes], has_thread).expect("its own bytes");
                prop_assert!(decoded == new);
            }
            let flipped = |bytes: &[u8]| {
                let mut bad = bytes.to_vec();
                for (at, byte) in flips.iter().filter(|_| !bytes.is_empty()) {
                    bad[at.index(bytes.len())] ^= byte;
                }
                bad
            };
            // An error, or other bytes of the same length.
            for bad in [[&flipped(&bytes)[..], &lanes], [&bytes, &flipped(&lanes)]] {
                if let Ok(other) = decode(&files, 32 << 20, bad, is_like) {
                    prop_assert_eq!(other.len(), new.len());
                }
            }
        }
    }
}
