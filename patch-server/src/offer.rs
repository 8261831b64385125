//! One index and the plans over it.

use bytes::Bytes;
use std::collections::BTreeMap;
use upstep_model::plan::{Ways, plan};
use upstep_model::{Base, Digest, Index, Kind, Limits, Release, Version};

/// One index, and the plans that most clients will ask for, as bytes.
///
/// A plan is a function of the index and the request alone, so what is not kept is made on demand
/// and is the same.
pub struct Offer {
    index: Index,
    /// By the places of the releases where the plan begins and ends.
    plans: BTreeMap<(usize, usize), Bytes>,
}

/// What a client asks: what it runs, and what it wants to become.
#[derive(Debug, Clone)]
pub struct Question {
    /// The version that it says it runs.
    pub from: Version,
    /// The digest of the running file, where the client knows it.
    pub digest: Option<Digest>,
    /// The release that the client chose; without it the newest at 100%.
    pub to: Option<Version>,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A plan, as JSON.
    Plan(Bytes),
    /// Nothing is newer.
    Current,
    /// No release has the version that was asked for, or none of its downloads can be used.
    NoRelease,
}

/// A place that only a release at 100% reaches: that of a client which did not choose by itself.
const LAST_PLACE: u16 = 9_999;

impl Offer {
    /// Takes an index and makes the plans that will be asked for: from every release to the one
    /// that everybody is offered, and to the one that the first clients of a rollout are offered.
    pub fn new(index: Index) -> Self {
        let limits = Limits::default();
        let mut ways = BTreeMap::new();
        let mut plans = BTreeMap::new();
        for (start, release) in index.releases.iter().enumerate() {
            for place in [LAST_PLACE, 0] {
                let Some(target) = index.target(&release.version, |_| place, |_| true) else { continue };
                let Some(end) = position(&index, &target.version) else { continue };
                plans.entry((start, end)).or_insert_with(|| {
                    let base = Base { version: release.version.clone(), digest: Some(release.artifact.digest) };
                    let ways = ways.entry(end).or_insert_with(|| Ways::to(&index, &target.version, &limits));
                    ways.as_ref().and_then(|ways| ways.from(&base)).map(|plan| to_json(&plan))
                });
            }
        }
        let plans = plans.into_iter().filter_map(|(ends, json)| Some((ends, json?))).collect();
        Offer { index, plans }
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The newest release that everybody is offered.
    pub fn newest(&self) -> Option<&Release> {
        self.index.releases.iter().rev().find(|release| is_for_everybody(release))
    }

    /// What a client is told that asks this.
    pub fn answer(&self, question: &Question) -> Answer {
        // What runs is known by its digest, whatever its version says.
        let known = question.digest.and_then(|digest| self.index.release_of(&digest));
        let from = known.map_or(&question.from, |release| &release.version);
        let target = match &question.to {
            None => self.index.target(from, |_| LAST_PLACE, |_| true),
            Some(to) => match self.index.release(to) {
                Some(release) => Some(release).filter(|release| is_an_end(release) && release.version > *from),
                None => return Answer::NoRelease,
            },
        };
        let Some(target) = target else { return Answer::Current };
        if question.digest == Some(target.artifact.digest) {
            return Answer::Current;
        }
        if let Some(kept) = self.kept(question, target) {
            return Answer::Plan(kept.clone());
        }
        let base = Base { version: question.from.clone(), digest: question.digest };
        match plan(&self.index, &base, &target.version, &Limits::default()) {
            Some(plan) => Answer::Plan(to_json(&plan)),
            None => Answer::NoRelease,
        }
    }

    /// The plan that is kept for a base that is exactly a release.
    fn kept(&self, question: &Question, target: &Release) -> Option<&Bytes> {
        let start = position(&self.index, &question.from)?;
        let is_release = question.digest.is_none_or(|digest| self.index.releases[start].artifact.digest == digest);
        let end = position(&self.index, &target.version)?;
        is_release.then(|| self.plans.get(&(start, end)))?
    }
}

/// Whether a plan may end with it.
fn is_an_end(release: &Release) -> bool {
    !release.yanked && release.artifact.kind == Kind::File
}

/// Whether it is offered to those who do not take part in rollouts.
pub fn is_for_everybody(release: &Release) -> bool {
    is_an_end(release) && release.rollout.is_full()
}

fn position(index: &Index, version: &Version) -> Option<usize> {
    index.releases.binary_search_by(|release| release.version.cmp(version)).ok()
}

fn to_json(plan: &upstep_model::Plan) -> Bytes {
    serde_json::to_vec(plan).expect("no map has keys that are not text").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{digest, index, patch, release, version};
    use proptest::prelude::*;
    use upstep_model::{Plan, Rollout, StepKind};

    const LINUX: &str = "x86_64-unknown-linux-gnu";

    fn question(from: &str, running: Option<&str>, to: Option<&str>) -> Question {
        Question { from: version(from), digest: running.map(digest), to: to.map(version) }
    }

    fn four() -> Index {
        let releases = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"].map(|text| release(text, 12_800, 10_000)).to_vec();
        let patches = vec![patch("1.0.0", "1.1.0", 100), patch("1.1.0", "1.2.0", 100), patch("1.2.0", "1.3.0", 100)];
        index(LINUX, releases, patches)
    }

    fn plan_of(answer: Answer) -> Plan {
        match answer {
            Answer::Plan(json) => serde_json::from_slice(&json).expect("a plan"),
            other => panic!("{other:?}"),
        }
    }

    fn way(answer: Answer) -> Vec<String> {
        let steps = plan_of(answer).steps;
        steps
            .iter()
            .map(|step| match &step.kind {
                StepKind::Full => format!("full {}", step.to),
                StepKind::Patch { from } => format!("{from}>{}", step.to),
            })
            .collect()
    }

    #[test]
    fn the_plan_leads_to_the_newest_that_everybody_is_offered() {
        let mut index = four();
        index.releases[3].rollout = Rollout::percent(99.99).expect("a share");
        let offer = Offer::new(index);
        assert_eq!(way(offer.answer(&question("1.0.0", None, None))), ["1.0.0>1.1.0", "1.1.0>1.2.0"]);
        assert_eq!(offer.newest().map(|release| release.version.to_string()).as_deref(), Some("1.2.0"));
        assert_eq!(offer.answer(&question("1.2.0", None, None)), Answer::Current);
        let chosen = question("1.2.0", Some("1.2.0"), Some("1.3.0"));
        assert_eq!(way(offer.answer(&chosen)), ["1.2.0>1.3.0"], "the client's place is the client's to know");
    }

    #[test]
    fn a_yanked_release_is_a_waypoint_and_never_an_end() {
        let mut index = four();
        index.releases[3].yanked = true;
        index.releases[1].yanked = true;
        let offer = Offer::new(index);
        assert_eq!(way(offer.answer(&question("1.0.0", None, None))), ["1.0.0>1.1.0", "1.1.0>1.2.0"]);
        assert_eq!(offer.answer(&question("1.0.0", None, Some("1.3.0"))), Answer::Current);
        assert_eq!(offer.answer(&question("1.0.0", None, Some("1.4.0"))), Answer::NoRelease);
    }

    #[test]
    fn what_runs_is_known_by_its_digest_whatever_its_version_says() {
        let offer = Offer::new(four());
        assert_eq!(offer.answer(&question("1.0.0", Some("1.3.0"), None)), Answer::Current);
        assert_eq!(offer.answer(&question("1.0.0", Some("1.3.0"), Some("1.3.0"))), Answer::Current);
        assert_eq!(way(offer.answer(&question("9.0.0", Some("1.2.0"), None))), ["1.2.0>1.3.0"]);
        let plan = plan_of(offer.answer(&question("9.0.0", Some("1.2.0"), None)));
        assert_eq!(plan.from, version("9.0.0"), "the plan repeats what was asked");
    }

    #[test]
    fn an_unknown_or_modified_base_takes_the_full() {
        let offer = Offer::new(four());
        for question in [
            question("1.0.0", Some("edited"), None),
            question("0.1.0", None, None),
            question("0.1.0", Some("never published"), Some("1.3.0")),
        ] {
            assert_eq!(way(offer.answer(&question)), ["full 1.3.0"]);
        }
    }

    #[test]
    fn what_is_not_newer_is_not_offered() {
        let offer = Offer::new(four());
        for (from, to) in [("1.3.0", None), ("2.0.0", None), ("1.3.0", Some("1.2.0")), ("1.2.0", Some("1.2.0"))] {
            assert_eq!(offer.answer(&question(from, None, to)), Answer::Current, "{from} {to:?}");
        }
        assert_eq!(Offer::new(index(LINUX, vec![], vec![])).answer(&question("1.0.0", None, None)), Answer::Current);
    }

    /// The cheapest way by trying all of them; cost(step) = bytes + length / 128.
    fn cheapest(index: &Index, from: Option<usize>, end: usize) -> u64 {
        fn onward(index: &Index, at: usize, end: usize) -> Option<u64> {
            if at == end {
                return Some(0);
            }
            let place = |version: &Version| index.releases.iter().position(|release| release.version == *version);
            let edges = index.patches.iter().filter_map(|patch| {
                let (a, b) = (place(&patch.from)?, place(&patch.to)?);
                let usable = a == at && b <= end && patch.size <= index.releases[b].full.size;
                usable.then(|| {
                    onward(index, b, end).map(|rest| patch.size + index.releases[b].artifact.size / 128 + rest)
                })?
            });
            edges.min()
        }
        let fulls = (0..=end).filter_map(|at| {
            let release = &index.releases[at];
            Some(release.full.size + release.artifact.size / 128 + onward(index, at, end)?)
        });
        fulls.chain(from.and_then(|from| onward(index, from, end))).min().expect("a full at least")
    }

    proptest! {
        #[test]
        fn kept_or_made_on_demand_no_way_is_cheaper_than_the_plan(
            sizes in proptest::collection::vec((1u64..50_000, 1u64..20_000), 2..7),
            edges in proptest::collection::vec((0usize..7, 0usize..7, 1u64..25_000), 0..16),
        ) {
            let name = |at: usize| format!("1.{at}.0");
            let count = sizes.len();
            let releases = sizes.iter().enumerate().map(|(at, (size, full))| release(&name(at), *size, *full)).collect();
            let patches = edges.iter().filter(|(a, b, _)| a < b && *b < count).map(|(a, b, size)| patch(&name(*a), &name(*b), *size));
            let index = index(LINUX, releases, patches.collect());
            let offer = Offer::new(index.clone());
            for start in 0..count {
                for end in start + 1..count {
                    let plan = plan_of(offer.answer(&question(&name(start), Some(&name(start)), Some(&name(end)))));
                    prop_assert_eq!(plan.cost(), cheapest(&index, Some(start), end));
                }
            }
            let unknown = plan_of(offer.answer(&question("0.1.0", Some("unknown"), None)));
            prop_assert_eq!(unknown.cost(), cheapest(&index, None, count - 1));
        }
    }
}
