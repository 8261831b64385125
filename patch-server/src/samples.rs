//! Indexes for unit tests.

use upstep_model::{
    AppName, Artifact, Channel, Codec, Digest, Full, Index, Kind, Patch, Platform, Release, Rollout, Version,
};

pub fn version(text: &str) -> Version {
    Version::parse(text).expect("a version")
}

/// The digest of the artifact of a version.
pub fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

pub fn release(text: &str, size: u64, full: u64) -> Release {
    Release {
        version: version(text),
        artifact: Artifact { kind: Kind::File, digest: digest(text), size },
        full: Full { digest: digest(&format!("full {text}")), size: full, memory: 1 << 20 },
        rollout: Rollout::FULL,
        yanked: false,
        published: "2026-01-01T00:00:00Z".to_owned(),
        notes: None,
    }
}

pub fn patch(from: &str, to: &str, size: u64) -> Patch {
    Patch {
        from: version(from),
        to: version(to),
        digest: digest(&format!("{from} {to}")),
        size,
        codec: Codec::Bidiff,
        memory: 1 << 20,
    }
}

pub fn index(platform: &str, releases: Vec<Release>, patches: Vec<Patch>) -> Index {
    let app = AppName::parse("hello").expect("a name");
    let platform = Platform::parse(platform).expect("a triple");
    Index { releases, patches, ..Index::new(app, Channel::stable(), platform) }
}
