//! The cheapest ways through an index: what [`plan`](crate::plan::plan) is made of.

use crate::plan::{assemble, full_step, patch_step, position};
use crate::{Base, Codec, Index, Limits, Patch, Plan, Release, Step, Version};

/// The cheapest ways to one release from every other: one pass over the patches, whatever the
/// number of bases that are asked for.
pub struct Ways<'a> {
    index: &'a Index,
    limits: &'a Limits,
    end: usize,
    /// From each release up to the end by patches alone; the end itself is there already.
    onward: Vec<Option<Onward<'a>>>,
    /// The release whose full begins the cheapest way from an unknown base.
    full: Option<usize>,
}

/// The rest of a way: what it costs, and the patch that begins it (none at the end).
#[derive(Clone, Copy)]
struct Onward<'a> {
    cost: u64,
    steps: usize,
    first: Option<(&'a Patch, usize)>,
}

impl<'a> Ways<'a> {
    /// `None` if `to` is not in the index.
    pub fn to(index: &'a Index, to: &Version, limits: &'a Limits) -> Option<Self> {
        let end = position(index, to)?;
        let mut outgoing: Vec<Vec<(usize, &Patch)>> = vec![Vec::new(); end + 1];
        for patch in &index.patches {
            let (Some(from), Some(to)) = (position(index, &patch.from), position(index, &patch.to)) else { continue };
            if from < to && to <= end && is_usable(patch, &index.releases[to], limits) {
                outgoing[from].push((to, patch));
            }
        }
        let mut ways = Ways { index, limits, end, onward: vec![None; end + 1], full: None };
        ways.onward[end] = Some(Onward { cost: 0, steps: 0, first: None });
        // Patches lead upwards, so one pass downwards finds every cheapest way.
        for at in (0..end).rev() {
            for &(to, patch) in &outgoing[at] {
                let Some(rest) = ways.onward[to] else { continue };
                let cost = patch_step(index, patch, to).cost().saturating_add(rest.cost);
                let way = Onward { cost, steps: rest.steps + 1, first: Some((patch, to)) };
                if ways.onward[at].is_none_or(|best| ways.order(&way, &best).is_lt()) {
                    ways.onward[at] = Some(way);
                }
            }
        }
        // Of equal costs and lengths the earlier release comes first, which is how they are tried.
        let fulls = (0..=end).filter_map(|at| ways.by_full(at).map(|key| (key, at)));
        ways.full = fulls.min_by_key(|(key, _)| *key).map(|(_, at)| at);
        Some(ways)
    }

    /// The cheapest way from a base, which is known by its digest first, whatever its version says.
    pub fn from(&self, from: &Base) -> Option<Plan> {
        let named = position(self.index, &from.version)
            .filter(|&at| from.digest.is_none_or(|digest| self.index.releases[at].artifact.digest == digest));
        let start = named.or_else(|| {
            let digest = from.digest?;
            self.index.releases.iter().rposition(|release| release.artifact.digest == digest)
        });
        let patched = start.filter(|&start| start <= self.end).and_then(|start| Some((start, self.onward[start]?)));
        let full = self.full.and_then(|at| Some((at, self.by_full(at)?)));
        let steps = match (patched, full) {
            (Some((_, way)), _) if way.steps == 0 => return None,
            (Some((start, way)), Some((at, key))) => match (way.cost, way.steps).cmp(&key) {
                std::cmp::Ordering::Less => self.patches(start),
                std::cmp::Ordering::Greater => self.with_full(at)?,
                std::cmp::Ordering::Equal => {
                    let (by_patches, by_full) = (self.patches(start), self.with_full(at)?);
                    if versions(&by_patches) <= versions(&by_full) { by_patches } else { by_full }
                }
            },
            (Some((start, _)), None) => self.patches(start),
            (None, Some((at, _))) => self.with_full(at)?,
            (None, None) => return None,
        };
        Some(assemble(self.index, from, self.end, steps))
    }

    /// Cost and steps of the way that begins with the full of a release.
    fn by_full(&self, at: usize) -> Option<(u64, usize)> {
        let rest = self.onward[at]?;
        let step = full_step(self.index, at, self.limits)?;
        Some((step.cost().saturating_add(rest.cost), rest.steps + 1))
    }

    fn with_full(&self, at: usize) -> Option<Vec<Step>> {
        let mut steps = vec![full_step(self.index, at, self.limits)?];
        steps.extend(self.patches(at));
        Some(steps)
    }

    fn patches(&self, start: usize) -> Vec<Step> {
        self.hops(self.onward[start]).map(|(patch, to)| patch_step(self.index, patch, to)).collect()
    }

    /// The patches of a way, each with the release that it makes.
    fn hops(&self, way: Option<Onward<'a>>) -> impl Iterator<Item = (&'a Patch, usize)> + '_ {
        let first = way.and_then(|way| way.first);
        std::iter::successors(first, |(_, at)| self.onward[*at].and_then(|way| way.first))
    }

    fn order(&self, a: &Onward<'a>, b: &Onward<'a>) -> std::cmp::Ordering {
        let releases = |way: &Onward<'a>| self.hops(Some(*way)).map(|(_, to)| to).collect::<Vec<_>>();
        (a.cost, a.steps).cmp(&(b.cost, b.steps)).then_with(|| releases(a).cmp(&releases(b)))
    }
}

fn versions(steps: &[Step]) -> Vec<&Version> {
    steps.iter().map(|step| &step.to).collect()
}

fn is_usable(patch: &Patch, to: &Release, limits: &Limits) -> bool {
    limits.codecs.contains(&patch.codec)
        && patch.codec != Codec::Zstd
        && patch.memory <= limits.memory
        && patch.size <= to.full.size
}
