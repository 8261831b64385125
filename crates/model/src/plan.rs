//! Plans: what a client must fetch and apply, the cheapest way from what it runs to a release.

use crate::{Artifact, Codec, Digest, Index, Version, paths};
use serde::{Deserialize, Serialize};

pub use crate::ways::Ways;

/// The format of a plan's JSON.
pub const FORMAT: u32 = 1;

/// How many bytes of artifact weigh as much as one byte of download: each step reads and writes
/// the whole artifact again, at about 100 MB/s against a line of 10 Mbit/s.
pub const ARTIFACT_BYTES_PER_BYTE: u64 = 128;

/// Most steps that a plan's JSON may have.
pub const MAX_STEPS: usize = 64;

/// What runs now: where a plan begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its version.
    pub version: Version,
    /// Its digest, where it is known. A base that is not what the index says can't be patched.
    pub digest: Option<Digest>,
}

/// What a client can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most memory that decoding may need, in bytes.
    pub memory: u64,
    /// The codecs that it knows.
    pub codecs: Vec<Codec>,
}

impl Default for Limits {
    /// 256 MB, and every codec that this code knows.
    fn default() -> Self {
        Limits { memory: 256 << 20, codecs: vec![Codec::Zstd, Codec::Bidiff, Codec::Exe] }
    }
}

/// The cheapest way from a base to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Format of this document: 1.
    pub format: u32,
    /// Where it begins.
    pub from: Version,
    /// Where it ends.
    pub to: Version,
    /// What it makes.
    pub artifact: Artifact,
    /// The steps in order; at least one.
    pub steps: Vec<Step>,
    /// What the author says about the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The client is below `mandatory_below`.
    #[serde(default)]
    pub mandatory: bool,
}

/// One download, and what is made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// A full, or a patch.
    #[serde(flatten)]
    pub kind: StepKind,
    /// The version that it makes.
    pub to: Version,
    /// Where it is: a path below the base URL that begins with `/`.
    pub url: String,
    /// Digest of the download.
    pub digest: Digest,
    /// Length of the download in bytes.
    pub size: u64,
    /// How it is coded.
    pub codec: Codec,
    /// Memory that decoding needs, in bytes.
    pub memory: u64,
    /// Digest of what it makes.
    pub result: Digest,
    /// Length of what it makes, in bytes.
    pub result_size: u64,
}

/// What a step begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum StepKind {
    /// Nothing: the download is the artifact.
    Full,
    /// The artifact of this version.
    Patch {
        /// The version that it is applied to.
        from: Version,
    },
}

impl Step {
    /// What the step costs, in bytes of download.
    pub fn cost(&self) -> u64 {
        self.size.saturating_add(self.result_size / ARTIFACT_BYTES_PER_BYTE)
    }
}

impl Plan {
    /// The sum of the steps' costs.
    pub fn cost(&self) -> u64 {
        self.steps.iter().fold(0, |sum, step| sum.saturating_add(step.cost()))
    }

    /// Bytes of download.
    pub fn bytes(&self) -> u64 {
        self.steps.iter().fold(0, |sum, step| sum.saturating_add(step.size))
    }

    /// The plan that takes nothing but the full of `to`: what every plan falls back to.
    /// `None` if `to` is not in the index or its full needs more than the client allows.
    pub fn full(index: &Index, from: &Base, to: &Version, limits: &Limits) -> Option<Plan> {
        let at = position(index, to)?;
        let step = full_step(index, at, limits)?;
        Some(assemble(index, from, at, vec![step]))
    }
}

/// The cheapest plan from `from` to `to`: cost(step) = bytes + result length / 128; of equal
/// costs the one with fewer steps, then the one whose versions come first in order.
///
/// Not taken: patches that are larger than the full of what they make, codecs that the client
/// does not know, steps that need more memory than it allows. A full is a step like any other:
/// it may lead to an earlier release that a patch goes on from. `None` if no way is left.
pub fn plan(index: &Index, from: &Base, to: &Version, limits: &Limits) -> Option<Plan> {
    Ways::to(index, to, limits)?.from(from)
}

pub(crate) fn position(index: &Index, version: &Version) -> Option<usize> {
    index.releases.binary_search_by(|release| release.version.cmp(version)).ok()
}

pub(crate) fn full_step(index: &Index, at: usize, limits: &Limits) -> Option<Step> {
    let release = &index.releases[at];
    let usable = release.full.memory <= limits.memory && limits.codecs.contains(&Codec::Zstd);
    usable.then(|| Step {
        kind: StepKind::Full,
        to: release.version.clone(),
        url: format!("/{}", paths::blob(&index.app, &release.full.digest)),
        digest: release.full.digest,
        size: release.full.size,
        codec: Codec::Zstd,
        memory: release.full.memory,
        result: release.artifact.digest,
        result_size: release.artifact.size,
    })
}

pub(crate) fn patch_step(index: &Index, patch: &crate::Patch, to: usize) -> Step {
    let release = &index.releases[to];
    Step {
        kind: StepKind::Patch { from: patch.from.clone() },
        to: release.version.clone(),
        url: format!("/{}", paths::blob(&index.app, &patch.digest)),
        digest: patch.digest,
        size: patch.size,
        codec: patch.codec.clone(),
        memory: patch.memory,
        result: release.artifact.digest,
        result_size: release.artifact.size,
    }
}

pub(crate) fn assemble(index: &Index, from: &Base, to: usize, steps: Vec<Step>) -> Plan {
    let release = &index.releases[to];
    Plan {
        format: FORMAT,
        from: from.version.clone(),
        to: release.version.clone(),
        artifact: release.artifact.clone(),
        steps,
        notes: release.notes.clone(),
        mandatory: index.is_mandatory(&from.version),
    }
}

/// Looks a plan that a server proposed up in the verified index, which alone gives size, digest,
/// codec and URL of each step: the server may choose a way, it can't invent one. `None` if a step
/// is unknown or not supported, if the steps don't lead from `from` to `to`, or if the plan is
/// dearer than the client's own.
pub fn adopt(index: &Index, from: &Base, to: &Version, limits: &Limits, proposed: &Plan) -> Option<Plan> {
    if proposed.to != *to || proposed.steps.is_empty() || proposed.steps.len() > MAX_STEPS {
        return None;
    }
    let own = plan(index, from, to, limits)?;
    let known = from.digest.and_then(|digest| index.release_of(&digest)).map(|release| &release.version);
    let mut at: Option<&Version> = known;
    let mut steps = Vec::with_capacity(proposed.steps.len());
    for (place, step) in proposed.steps.iter().enumerate() {
        let position = position(index, &step.to)?;
        let verified = match &step.kind {
            StepKind::Full if place == 0 => full_step(index, position, limits)?,
            StepKind::Full => return None,
            StepKind::Patch { from } if Some(from) == at => {
                let usable = |patch: &&crate::Patch| {
                    patch.from == *from
                        && patch.to == step.to
                        && patch.digest == step.digest
                        && limits.codecs.contains(&patch.codec)
                        && patch.memory <= limits.memory
                };
                patch_step(index, index.patches.iter().find(usable)?, position)
            }
            StepKind::Patch { .. } => return None,
        };
        steps.push(verified);
        at = Some(&step.to);
    }
    let adopted = assemble(index, from, position(index, to)?, steps);
    (at == Some(to) && adopted.cost() <= own.cost()).then_some(adopted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::tests::{index, patch, release, version};
    use proptest::prelude::*;

    fn base(text: &str) -> Base {
        Base { version: version(text), digest: Some(Digest::of(text.as_bytes())) }
    }

    fn way(plan: &Plan) -> Vec<String> {
        plan.steps
            .iter()
            .map(|step| match &step.kind {
                StepKind::Full => format!("full {}", step.to),
                StepKind::Patch { from } => format!("{from}>{}", step.to),
            })
            .collect()
    }

    fn four() -> Index {
        let releases = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"].map(|text| release(text, 12_800, 10_000)).to_vec();
        let patches = vec![
            patch("1.0.0", "1.1.0", 100),
            patch("1.1.0", "1.2.0", 100),
            patch("1.2.0", "1.3.0", 100),
            patch("1.1.0", "1.3.0", 350),
        ];
        index(releases, patches)
    }

    #[test]
    fn a_chain_wins_while_it_is_cheaper_than_the_direct_patch() {
        let mut index = four();
        let limits = Limits::default();
        let plan_now = plan(&index, &base("1.0.0"), &version("1.3.0"), &limits).expect("a plan");
        // 100+100 + 100+100 + 100+100 against 100+100 + 350+100: each step costs 100 for its artifact.
        assert_eq!(way(&plan_now), ["1.0.0>1.1.0", "1.1.0>1.2.0", "1.2.0>1.3.0"]);
        assert_eq!((plan_now.cost(), plan_now.bytes()), (600, 300));
        index.patches[3].size = 300;
        let tie = plan(&index, &base("1.0.0"), &version("1.3.0"), &limits).expect("a plan");
        assert_eq!(way(&tie), ["1.0.0>1.1.0", "1.1.0>1.3.0"], "of equal costs the one with fewer steps");
    }

    #[test]
    fn an_unknown_or_modified_base_takes_the_full() {
        let index = four();
        let modified = Base { version: version("1.0.0"), digest: Some(Digest::of(b"edited")) };
        let unknown = Base { version: version("0.5.0"), digest: None };
        for base in [modified, unknown] {
            let plan = plan(&index, &base, &version("1.3.0"), &Limits::default()).expect("a plan");
            assert_eq!(plan.steps[0].kind, StepKind::Full);
        }
    }

    #[test]
    fn a_base_is_known_by_its_digest_whatever_its_version_says() {
        let renamed = Base { version: version("7.0.0"), digest: Some(Digest::of(b"1.2.0")) };
        let plan = plan(&four(), &renamed, &version("1.3.0"), &Limits::default()).expect("a plan");
        assert_eq!(way(&plan), ["1.2.0>1.3.0"]);
    }

    #[test]
    fn patches_that_the_client_cannot_or_should_not_take_are_no_edges() {
        let limits = Limits::default();
        let to = version("1.3.0");
        let spoil: [fn(&mut crate::Patch); 3] = [
            |patch| patch.codec = Codec::Unknown("future".to_owned()),
            |patch| patch.memory = 1 << 40,
            |patch| patch.size = 10_001,
        ];
        for spoil in spoil {
            let mut index = four();
            index.patches.iter_mut().for_each(spoil);
            let plan = plan(&index, &base("1.0.0"), &to, &limits).expect("a plan");
            assert_eq!(way(&plan), ["full 1.3.0"]);
        }
    }

    #[test]
    fn a_full_of_an_earlier_release_may_be_the_beginning() {
        let mut index = four();
        index.releases[3].full.size = 90_000;
        index.releases[2].full.size = 1_000;
        let unknown = Base { version: version("0.1.0"), digest: None };
        let plan = plan(&index, &unknown, &version("1.3.0"), &Limits::default()).expect("a plan");
        assert_eq!(way(&plan), ["full 1.2.0", "1.2.0>1.3.0"]);
    }

    #[test]
    fn a_yanked_release_is_a_waypoint() {
        let mut index = four();
        index.releases[1].yanked = true;
        let plan = plan(&index, &base("1.0.0"), &version("1.3.0"), &Limits::default()).expect("a plan");
        assert_eq!(plan.steps.len(), 3);
    }

    #[test]
    fn a_proposed_plan_is_looked_up_step_by_step() {
        let index = four();
        let (from, to, limits) = (base("1.0.0"), version("1.3.0"), Limits::default());
        let own = plan(&index, &from, &to, &limits).expect("a plan");
        let mut lie = own.clone();
        lie.steps[0].size = 1;
        lie.steps[0].url = "/elsewhere".to_owned();
        assert_eq!(adopt(&index, &from, &to, &limits, &lie), Some(own.clone()), "the index alone gives size and URL");
        let dearer = Plan::full(&index, &from, &to, &limits).expect("a full");
        let mut unknown = own.clone();
        unknown.steps[1].digest = Digest::of(b"no such patch");
        let mut empty = own.clone();
        empty.steps.clear();
        let mut short = own.clone();
        short.steps.pop();
        let mut gap = own.clone();
        gap.steps.remove(1);
        for bad in [dearer, unknown, empty, short, gap] {
            assert_eq!(adopt(&index, &from, &to, &limits, &bad), None, "{:?}", way(&bad));
        }
    }

    #[test]
    fn a_plan_survives_its_own_json() {
        let plan = plan(&four(), &base("1.0.0"), &version("1.3.0"), &Limits::default()).expect("a plan");
        let json = serde_json::to_vec(&plan).expect("JSON");
        assert_eq!(serde_json::from_slice::<Plan>(&json).expect("a plan"), plan);
    }

    /// Every way there is, by depth-first search: the slow truth.
    fn brute_force(index: &Index, from: Option<usize>, end: usize, limits: &Limits) -> Option<u64> {
        fn onward(index: &Index, at: usize, end: usize, limits: &Limits) -> Option<u64> {
            if at == end {
                return Some(0);
            }
            let mut best = None;
            for patch in &index.patches {
                let (a, b) = (position(index, &patch.from)?, position(index, &patch.to)?);
                if a != at || b > end || patch.size > index.releases[b].full.size || patch.memory > limits.memory {
                    continue;
                }
                if let Some(rest) = onward(index, b, end, limits) {
                    let cost = patch.size + index.releases[b].artifact.size / 128 + rest;
                    best = Some(best.map_or(cost, |best: u64| best.min(cost)));
                }
            }
            best
        }
        let fulls = (0..=end).filter_map(|at| {
            let release = &index.releases[at];
            onward(index, at, end, limits).map(|rest| release.full.size + release.artifact.size / 128 + rest)
        });
        from.and_then(|from| onward(index, from, end, limits)).into_iter().chain(fulls).min()
    }

    proptest! {
        #[test]
        fn no_way_is_cheaper_than_the_plan(
            sizes in proptest::collection::vec((1u64..50_000, 1u64..20_000), 2..8),
            edges in proptest::collection::vec((0usize..8, 0usize..8, 1u64..25_000), 0..20),
            start in 0usize..8,
        ) {
            let releases: Vec<_> = sizes.iter().enumerate().map(|(i, (size, full))| release(&format!("1.{i}.0"), *size, *full)).collect();
            let count = releases.len();
            let patches = edges.iter().filter(|(a, b, _)| a < b && *b < count)
                .map(|(a, b, size)| patch(&format!("1.{a}.0"), &format!("1.{b}.0"), *size)).collect();
            let index = index(releases, patches);
            let (end, start) = (count - 1, start.min(count - 2));
            let limits = Limits::default();
            let found = plan(&index, &base(&format!("1.{start}.0")), &version(&format!("1.{end}.0")), &limits).expect("a full at least");
            prop_assert_eq!(Some(found.cost()), brute_force(&index, Some(start), end, &limits));
            let full = Plan::full(&index, &base("1.0.0"), &version(&format!("1.{end}.0")), &limits).expect("a full");
            prop_assert!(found.cost() <= full.cost());
        }
    }
}
