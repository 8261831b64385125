//! One index and the plans over it.

use bytes::Bytes;
use std::collections::BTreeMap;
use upstep_model::plan::plan;
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
        let mut plans = BTreeMap::new();
        for (start, release) in index.releases.iter().enumerate() {
            for place in [LAST_PLACE, 0] {
                let Some(target) = index.target(&release.version, |_| place, |_| true) else { continue };
                let Some(end) = position(&index, &target.version) else { continue };
                plans.entry((start, end)).or_insert_with(|| {
                    let base = Base { version: release.version.clone(), digest: Some(release.artifact.digest) };
                    plan(&index, &base, &target.version, &Limits::default()).map(|plan| to_json(&plan))
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
