//! Which patches are worth their place in the index.

use upstep_model::plan::{Base, Limits, plan};
use upstep_model::{Index, Patch, StepKind};

/// What became of a patch, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is in the index.
    pub kept: bool,
    /// Why, for a person.
    pub reason: String,
}

impl Verdict {
    /// For a patch that was not made, since the diff would need `needs` bytes.
    pub fn too_hungry(needs: u64) -> Self {
        Verdict { kept: false, reason: format!("the diff needs {} MB (--memory)", needs >> 20) }
    }
}

/// Adds `patch` to `index` if a client at its base would take it: if it costs no more than the
/// chain of the patches that are there, and no more than the full. To be asked for the shortest
/// distance first, since those patches make up the chains.
pub fn judge(index: &mut Index, patch: Patch) -> Verdict {
    let dropped = |reason: String| Verdict { kept: false, reason };
    let limits = Limits::default();
    if patch.memory > limits.memory {
        let (needs, limit) = (patch.memory >> 20, limits.memory >> 20);
        return dropped(format!("decoding needs {needs} MB, clients allow {limit} MB"));
    }
    let Some(base) = index.release(&patch.from) else { return dropped("its base is not in the index".to_owned()) };
    let base = Base { version: base.version.clone(), digest: Some(base.artifact.digest) };
    let (to, digest) = (patch.to.clone(), patch.digest);
    let without = plan(index, &base, &to, &limits);
    index.patches.push(patch);
    let with = plan(index, &base, &to, &limits);
    let is_taken = with.as_ref().is_some_and(|plan| matches!(&plan.steps[..], [step] if step.digest == digest));
    let instead = without.as_ref().map(|plan| match &plan.steps[..] {
        [step] if step.kind == StepKind::Full => format!("the full ({} bytes)", plan.bytes()),
        steps => format!("{} steps ({} bytes)", steps.len(), plan.bytes()),
    });
    match (is_taken, instead) {
        (true, Some(instead)) => Verdict { kept: true, reason: format!("cheaper than {instead}") },
        (true, None) => Verdict { kept: true, reason: "there is no other way".to_owned() },
        (false, instead) => {
            index.patches.pop();
            dropped(format!("dearer than {}", instead.unwrap_or_else(|| "nothing".to_owned())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use upstep_model::{AppName, Artifact, Channel, Codec, Digest, Full, Kind, Platform, Release, Rollout, Version};

    fn version(text: &str) -> Version {
        Version::parse(text).expect("a version")
    }

    fn release(text: &str) -> Release {
        Release {
            version: version(text),
            artifact: Artifact { kind: Kind::File, digest: Digest::of(text.as_bytes()), size: 12_800 },
            full: Full { digest: Digest::of(format!("full {text}").as_bytes()), size: 5_000, memory: 1 << 20 },
            rollout: Rollout::FULL,
            yanked: false,
            published: "2026-01-01T00:00:00Z".to_owned(),
            notes: None,
        }
    }

    fn patch(from: &str, to: &str, size: u64) -> Patch {
        let digest = Digest::of(format!("{from} {to}").as_bytes());
        Patch { from: version(from), to: version(to), digest, size, codec: Codec::Bidiff, memory: 1 << 20 }
    }

    fn three() -> Index {
        let app = AppName::parse("hello").expect("a name");
        let platform = Platform::parse("x86_64-unknown-linux-gnu").expect("a triple");
        let releases = ["1.0.0", "1.1.0", "1.2.0"].map(release).to_vec();
        Index { releases, ..Index::new(app, Channel::stable(), platform) }
    }

    #[test]
    fn a_patch_stays_where_a_client_would_take_it() {
        let mut index = three();
        assert!(judge(&mut index, patch("1.0.0", "1.1.0", 1_000)).kept);
        assert!(judge(&mut index, patch("1.1.0", "1.2.0", 1_000)).kept);
        // The chain costs 2 x (1,000 + 100); one step of 2,100 + 100 bytes costs as much.
        let verdict = judge(&mut index, patch("1.0.0", "1.2.0", 2_101));
        assert_eq!((verdict.kept, verdict.reason.as_str()), (false, "dearer than 2 steps (2000 bytes)"));
        assert_eq!(index.patches.len(), 2);
        assert!(judge(&mut index, patch("1.0.0", "1.2.0", 2_100)).kept, "of equal costs the one with fewer steps");
    }

    #[test]
    fn a_patch_that_is_dearer_than_the_full_or_too_hungry_goes() {
        let mut index = three();
        let verdict = judge(&mut index, patch("1.1.0", "1.2.0", 5_001));
        assert_eq!((verdict.kept, verdict.reason.as_str()), (false, "dearer than the full (5000 bytes)"));
        let hungry = Patch { memory: 257 << 20, ..patch("1.1.0", "1.2.0", 10) };
        assert!(!judge(&mut index, hungry).kept);
        assert!(index.patches.is_empty());
    }

    /// The worst case: not one patch is dropped.
    #[test]
    fn an_index_of_50_releases_stays_under_15_kb() {
        let versions: Vec<String> = (0..50).map(|minor| format!("1.{minor}.0")).collect();
        let mut index = three();
        index.releases = versions.iter().map(|version| release(version)).collect();
        index.releases.sort_by(|a, b| a.version.cmp(&b.version));
        for at in 0..50 {
            for base in crate::choice::bases(at) {
                index.patches.push(patch(
                    &versions[base],
                    &versions[at],
                    1_000 + (at * 977 + base * 331) as u64 % 90_000,
                ));
            }
        }
        let json = index.to_json();
        let compressed = upstep_codec::frame::compress(&json);
        assert!(
            compressed.len() < 15_000,
            "{} patches, {} bytes of {}",
            index.patches.len(),
            compressed.len(),
            json.len()
        );
    }
}
