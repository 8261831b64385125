//! A publish that is cut off: clients see the old store or the new one, and the next publish works.

use crate::layer::{Layer, Rule};
use crate::sandbox::{LINUX, Sandbox, WINDOWS};
use differ::artifact::{Artifact, Named};
use differ::commit::{ROLES, Signer};
use differ::progress::Quiet;
use differ::project::Project;
use differ::publish::{PublishRequest, publish_as};
use differ::published::Published;
use differ::report::PublishReport;
use differ::verify::verify_store;
use differ::{DifferError, verify::VerifyReport};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use upstep_model::{Channel, Platform};
use upstep_store::Store;

/// A project and the programs of three releases for two platforms.
struct Scene {
    project: Project,
    releases: Vec<Vec<Artifact>>,
    _sandbox: Sandbox,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let project = Project::load(&sandbox.path("upstep.toml")).expect("a project");
        let read = |platform: &str, version: &str| {
            let file = sandbox.program(platform, version);
            Artifact::read(file.as_ref(), &project.app, &Named::default()).expect("an artifact")
        };
        let release = |version| vec![read(LINUX, version), read(WINDOWS, version)];
        let releases = ["1.0.0", "1.1.0", "1.2.0"].map(release).into();
        Scene { releases, project, _sandbox: sandbox }
    }

    async fn publish(&self, store: Store, release: usize) -> Result<PublishReport, DifferError> {
        let signer = Signer {
            store,
            app: self.project.app.clone(),
            root: self.project.root.clone(),
            keys: self.project.signing_keys(&ROLES).expect("keys"),
            lifetimes: self.project.lifetimes,
        };
        let request = PublishRequest { no_probe: true, ..PublishRequest::default() };
        publish_as(&signer, &Channel::stable(), &self.releases[release], &request, &Quiet).await
    }

    /// The number of releases that a client of each platform sees, by the commits.
    async fn seen(&self, store: &Store) -> Vec<usize> {
        let published = Published::load(store, &self.project.app, &self.project.root).await.expect("a store");
        let mut seen = Vec::new();
        for platform in [LINUX, WINDOWS] {
            let platform = Platform::parse(platform).expect("a triple");
            let index = published.index(store, &Channel::stable(), &platform).await.expect("an index");
            seen.push(index.map_or(0, |index| index.releases.len()));
        }
        seen
    }

    async fn verify(&self, store: &Store) -> VerifyReport {
        verify_store(store, &self.project, Timestamp::now(), &Quiet).await.expect("a store")
    }
}

#[tokio::test]
async fn a_publish_killed_before_or_in_any_write_leaves_the_old_or_the_new_store() {
    let scene = Scene::new();
    let prepared = async || {
        let store = Store::memory();
        scene.publish(store.clone(), 0).await.expect("a release");
        store
    };
    let writes = Arc::new(AtomicUsize::new(0));
    let counted =
        prepared().await.wrapped(|inner| Layer::over(inner, Rule::DieBeforeWrite(usize::MAX), writes.clone()));
    scene.publish(counted, 1).await.expect("a release");
    let writes = writes.load(Ordering::SeqCst);
    assert!(writes >= 10, "{writes} writes: two fulls, two patches, two indexes, targets, snapshot, commit, copy");
    let (mut old, mut new) = (0, 0);
    for rule in (0..writes).flat_map(|nth| [Rule::DieBeforeWrite(nth), Rule::DieInWrite(nth)]) {
        let name = format!("{rule:?}");
        let store = prepared().await;
        let cut = store.clone().wrapped(|inner| Layer::over(inner, rule, Arc::new(AtomicUsize::new(0))));
        scene.publish(cut, 1).await.expect_err(&name);
        match scene.seen(&store).await[..] {
            [1, 1] => old += 1,
            [2, 2] => new += 1,
            ref other => panic!("{name}: {other:?} releases are seen"),
        }
        // What the commit names is there; at most the copy lags.
        let report = scene.verify(&store).await;
        assert!(
            report.failures.iter().all(|failure| failure.contains("must be a copy of commit")),
            "{name}: {report:?}"
        );
        scene.publish(store.clone(), 1).await.expect(&name);
        scene.publish(store.clone(), 2).await.expect(&name);
        let report = scene.verify(&store).await;
        assert_eq!((report.failures.len(), report.fulls), (0, 6), "{name}: {report:?}");
    }
    // The commit is the last write but one: killed in it and after it, the new store is seen.
    assert_eq!((old, new), (2 * writes - 3, 3));
}

#[cfg(unix)]
#[test]
fn a_publish_killed_at_any_moment_leaves_the_old_or_the_new_store() {
    use std::time::{Duration, Instant};
    const KILLS: u32 = 12;
    let sandbox = Sandbox::new();
    let began = Instant::now();
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    let took = began.elapsed() + Duration::from_millis(50);
    for kill in 0..KILLS {
        let (version, before) = (format!("1.{}.0", kill + 1), sandbox.versions(LINUX));
        let file = sandbox.program(LINUX, &version);
        let mut child = sandbox.command(&["publish", &file]).spawn().expect("the command starts");
        std::thread::sleep(took * kill / KILLS);
        let _ = child.kill();
        child.wait().expect("an end");
        let after = sandbox.versions(LINUX);
        let new = [&before[..], std::slice::from_ref(&version)].concat();
        assert!(after == before || after == new, "{before:?} became {after:?}");
        sandbox.ok(&["publish", &file]);
        assert_eq!(sandbox.versions(LINUX), new);
    }
    sandbox.ok(&["verify"]);
}
