//! Changes of what is published: yank, rollout, prune.

use crate::sandbox::{LINUX, Sandbox, WINDOWS};

fn with(versions: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    for version in versions {
        sandbox.ok(&["publish", &sandbox.program(LINUX, version), &sandbox.program(WINDOWS, version)]);
    }
    sandbox
}

#[test]
fn a_yanked_release_is_marked_on_all_platforms_or_on_one() {
    let sandbox = with(&["1.0.0", "1.1.0"]);
    sandbox.ok(&["yank", "1.1.0"]);
    for platform in [LINUX, WINDOWS] {
        assert_eq!(sandbox.index(platform)["releases"][1]["yanked"], true);
    }
    let before = sandbox.listing();
    let again = sandbox.json(&["yank", "1.1.0"]);
    assert!(again["commit"].is_null(), "{again}");
    assert_eq!(sandbox.listing(), before);
    sandbox.ok(&["yank", "--undo", "--platform", LINUX, "1.1.0"]);
    assert!(sandbox.index(LINUX)["releases"][1]["yanked"].is_null());
    assert_eq!(sandbox.index(WINDOWS)["releases"][1]["yanked"], true);
    sandbox.ok(&["verify"]);
}

#[test]
fn what_is_not_there_cannot_be_yanked() {
    let sandbox = with(&["1.0.0"]);
    for args in [
        &["yank", "1.1.0"][..],
        &["yank", "1.0.0", "--channel", "beta"],
        &["yank", "1.0.0", "--platform", "aarch64-apple-darwin"],
        &["rollout", "3.0.0", "50"],
    ] {
        let error = sandbox.fails(args);
        assert!(error.starts_with("error: no release"), "{error}");
    }
}

#[test]
fn a_held_back_release_is_offered_by_a_rollout() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["publish", "--percent", "0", &sandbox.program(LINUX, "1.0.0")]);
    sandbox.ok(&["rollout", "1.0.0", "12.5"]);
    assert_eq!(sandbox.index(LINUX)["releases"][0]["rollout"], 1250);
    sandbox.ok(&["rollout", "1.0.0", "100"]);
    assert_eq!(sandbox.index(LINUX)["releases"][0]["rollout"], 10_000);
}

#[test]
fn prune_leaves_the_newest_in_the_index_and_deletes_nothing_that_is_young() {
    let sandbox = with(&["1.0.0", "1.1.0", "1.2.0"]);
    let before = sandbox.listing();
    let report = sandbox.json(&["prune", "--keep", "2"]);
    assert_eq!(report["dropped"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["deleted"].as_array().map(Vec::len), Some(0));
    for platform in [LINUX, WINDOWS] {
        assert_eq!(sandbox.versions(platform), ["1.1.0", "1.2.0"]);
        let patches = sandbox.index(platform)["patches"].as_array().cloned().expect("patches");
        assert!(patches.iter().all(|patch| patch["from"] == "1.1.0"), "{patches:?}");
    }
    let after = sandbox.listing();
    let copy = sandbox.path("releases/hello/metadata/timestamp.json");
    assert!(before.iter().all(|(path, digest)| after.get(path) == Some(digest) || *path == copy));
    sandbox.ok(&["verify"]);
}

/// A clock that runs ahead instead of waiting for a week.
#[test]
fn prune_deletes_after_a_week_what_nothing_names_any_more() {
    use differ::{project::Project, prune::prune};
    use jiff::{SignedDuration, Timestamp};
    let sandbox = with(&["1.0.0", "1.1.0", "1.2.0"]);
    sandbox.ok(&["prune", "--keep", "1"]);
    let project = Project::load(&sandbox.path("upstep.toml")).expect("a project");
    let later = |days: i64| Timestamp::now() + SignedDuration::from_hours(24 * days);
    let early = prune(&project, None, later(6)).expect("a sweep");
    assert_eq!(early.deleted, [] as [String; 0], "clients may still be downloading");
    let report = prune(&project, None, later(8)).expect("a sweep");
    let blobs = report.deleted.iter().filter(|path| path.contains("/blobs/")).count();
    // Of both platforms: the fulls of 1.0.0 and 1.1.0, and the patches between the three.
    assert!(blobs >= 8, "{:?}", report.deleted);
    assert!(report.deleted.iter().all(|path| !path.contains("root.json") && !path.contains("/commits/")));
    sandbox.ok(&["verify"]);
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.3.0")]);
    sandbox.ok(&["verify"]);
}

#[test]
fn an_orphan_that_a_release_needs_again_is_written_again_and_survives_prune() {
    use std::time::{Duration, SystemTime};
    let sandbox = with(&["1.0.0", "1.1.0"]);
    let full = sandbox.index(LINUX)["releases"][0]["full"]["digest"].as_str().expect("a digest").to_owned();
    let blob = sandbox.path("releases/hello/blobs").join(full);
    sandbox.ok(&["prune", "--keep", "1"]);
    let week = SystemTime::now() - Duration::from_secs(8 * 24 * 3600);
    for path in sandbox.listing().keys() {
        let file = std::fs::File::options().write(true).open(path).expect("a file");
        file.set_modified(week).expect("a time");
    }
    sandbox.ok(&["publish", "--backfill", &sandbox.program(LINUX, "1.0.0")]);
    let written = std::fs::metadata(&blob).and_then(|meta| meta.modified()).expect("a time");
    assert!(written > week + Duration::from_secs(3600), "prune could have been about to take it");
    let report = sandbox.json(&["prune"]);
    assert!(report["deleted"].as_array().is_some_and(|deleted| !deleted.is_empty()), "{report}");
    assert!(blob.exists());
    sandbox.ok(&["verify"]);
}
