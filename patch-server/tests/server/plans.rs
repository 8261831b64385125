//! `/v1/update/...`

use crate::support::{Author, LINUX, Server, WINDOWS, get, head, program, version};
use upstep_model::{Digest, Index, Plan, Rollout, StepKind, Version};

const SIZE: usize = 40_000;

fn four_releases() -> Author {
    let author = Author::new("hello");
    for version in ["1.0.0", "1.1.0", "1.2.0", "1.3.0"] {
        author.publish(version, LINUX, &program(version, SIZE));
    }
    author
}

fn path(platform: &str, from: &str) -> String {
    format!("/v1/update/hello/stable/{platform}/{from}")
}

/// The cheapest cost from each release (or from nothing) to the last, by trying all ways.
fn cheapest(index: &Index, from: Option<usize>, end: usize) -> u64 {
    fn onward(index: &Index, at: usize, end: usize) -> Option<u64> {
        if at == end {
            return Some(0);
        }
        let ways = index.patches.iter().filter_map(|patch| {
            let place = |version: &Version| index.releases.iter().position(|release| release.version == *version);
            let (a, b) = (place(&patch.from)?, place(&patch.to)?);
            let usable = a == at && b <= end && patch.size <= index.releases[b].full.size;
            let step = patch.size + index.releases[b].artifact.size / 128;
            usable.then(|| onward(index, b, end).map(|rest| step + rest))?
        });
        ways.min()
    }
    let fulls = (0..=end).filter_map(|at| {
        let release = &index.releases[at];
        Some(release.full.size + release.artifact.size / 128 + onward(index, at, end)?)
    });
    fulls.chain(from.and_then(|from| onward(index, from, end))).min().expect("a full at least")
}

#[tokio::test]
async fn each_version_gets_the_cheapest_plan_in_both_forms_of_the_question() {
    let author = four_releases();
    let server = Server::start(&author.store());
    let index = author.index(LINUX);
    assert!(index.patches.len() >= 3, "patches to choose from");
    for (at, release) in index.releases.iter().enumerate().take(3) {
        let from = &release.version;
        let got = get(&server.url(&path(LINUX, &from.to_string()))).await;
        assert_eq!((got.status, got.header("content-type")), (200, Some("application/json")));
        assert_eq!(got.header("cache-control"), Some("public, max-age=60"));
        let plan: Plan = serde_json::from_slice(&got.body).expect("a plan");
        assert_eq!((&plan.from, plan.to.to_string().as_str()), (from, "1.3.0"));
        assert_eq!(plan.cost(), cheapest(&index, Some(at), 3), "from {from}");
        assert!(matches!(&plan.steps[0].kind, StepKind::Patch { from: base } if base == from));
        let queried = [
            format!("/v1/update/hello?from_version={from}&os=linux&arch=x86_64&channel=stable"),
            format!("/v1/update/hello?from_version={from}&os=linux"),
            format!("{}?digest={}&to=1.3.0", path("linux-x86_64", &from.to_string()), release.artifact.digest),
            format!("{}?digest=&to=", path("linux", &from.to_string())),
        ];
        for path in queried {
            assert_eq!(get(&server.url(&path)).await.body, got.body, "{path}");
        }
    }
    for from in ["1.3.0", "2.0.0"] {
        let got = get(&server.url(&path(LINUX, from))).await;
        assert_eq!((got.status, got.body.len(), got.header("cache-control")), (204, 0, Some("public, max-age=60")));
    }
}

#[tokio::test]
async fn the_steps_of_a_plan_lead_from_the_base_to_the_release() {
    let author = four_releases();
    let server = Server::start(&author.store());
    let got = get(&server.url(&path(LINUX, "1.0.0"))).await;
    let plan: Plan = serde_json::from_slice(&got.body).expect("a plan");
    let mut current = program("1.0.0", SIZE);
    for step in &plan.steps {
        let blob = get(&server.url(&step.url)).await.body;
        assert_eq!((blob.len() as u64, Digest::of(&blob)), (step.size, step.digest));
        let mut next = Vec::new();
        let limits = upstep_codec::ApplyLimits { memory: 256 << 20 };
        upstep_codec::apply(&blob[..], current.as_slice(), &mut next, &limits).expect("a patch that applies");
        assert_eq!(Digest::of(&next), step.result);
        current = next;
    }
    assert!(current == program("1.3.0", SIZE));
    assert!(plan.bytes() < plan.artifact.size / 4, "{} bytes for small changes", plan.bytes());
}

#[tokio::test]
async fn a_base_that_nobody_published_is_offered_the_full() {
    let author = four_releases();
    let server = Server::start(&author.store());
    let edited = Digest::of(b"edited");
    for question in [path(LINUX, "0.5.0"), format!("{}?digest={edited}", path(LINUX, "1.2.0"))] {
        let got = get(&server.url(&question)).await;
        let plan: Plan = serde_json::from_slice(&got.body).expect("a plan");
        assert_eq!((plan.steps.len(), &plan.steps[0].kind), (1, &StepKind::Full), "{question}");
    }
    let newest = author.index(LINUX).releases[3].artifact.digest;
    let got = get(&server.url(&format!("{}?digest={newest}", path(LINUX, "1.0.0")))).await;
    assert_eq!(got.status, 204, "it runs the newest, whatever its version says");
}

#[tokio::test]
async fn a_release_in_rollout_is_planned_for_those_who_ask_for_it() {
    let author = four_releases();
    author.publish_to("1.4.0", LINUX, &program("1.4.0", SIZE), Rollout::percent(10.0).expect("a share"));
    let server = Server::start(&author.store());
    let to_of = |body: &[u8]| serde_json::from_slice::<Plan>(body).expect("a plan").to;
    let got = get(&server.url(&path(LINUX, "1.0.0"))).await;
    assert_eq!(to_of(&got.body), version("1.3.0"));
    assert_eq!(get(&server.url(&path(LINUX, "1.3.0"))).await.status, 204);
    let got = get(&server.url(&format!("{}?to=1.4.0", path(LINUX, "1.3.0")))).await;
    assert_eq!((got.status, to_of(&got.body)), (200, version("1.4.0")));
}

#[tokio::test]
async fn a_yanked_release_is_nobodys_end() {
    let author = four_releases();
    author.yank("1.3.0");
    let server = Server::start(&author.store());
    let got = get(&server.url(&path(LINUX, "1.0.0"))).await;
    assert_eq!(serde_json::from_slice::<Plan>(&got.body).expect("a plan").to, version("1.2.0"));
    for question in [path(LINUX, "1.2.0"), format!("{}?to=1.3.0", path(LINUX, "1.2.0"))] {
        assert_eq!(get(&server.url(&question)).await.status, 204, "{question}");
    }
}

#[tokio::test]
async fn what_cannot_be_answered_says_why() {
    let author = four_releases();
    author.publish("1.0.0", "x86_64-pc-windows-gnu", &program("1.0.0", SIZE));
    author.publish("1.0.0", WINDOWS, &program("1.0.0 msvc", SIZE));
    let server = Server::start(&author.store());
    let digest = Digest::of(b"x");
    for (path, status, code) in [
        (path(LINUX, "one"), 400, "invalid_version"),
        (path(LINUX, "1.0.0+build"), 400, "invalid_version"),
        (path("linux-vax", "1.0.0"), 400, "invalid_platform"),
        (path("x", "1.0.0"), 400, "invalid_platform"),
        (format!("{}?digest=12", path(LINUX, "1.0.0")), 400, "invalid_digest"),
        (format!("{}?to=new", path(LINUX, "1.0.0")), 400, "invalid_version"),
        (format!("{}?to=1.0.0&to=1.0.0", path(LINUX, "1.0.0")), 400, "invalid_query"),
        ("/v1/update/hello/St%C3%A4ble/linux/1.0.0".to_owned(), 400, "invalid_channel"),
        ("/v1/update/hello?os=linux".to_owned(), 400, "missing_parameter"),
        ("/v1/update/hello?from_version=1.0.0".to_owned(), 400, "missing_parameter"),
        ("/v1/update/nobody/stable/linux/1.0.0".to_owned(), 404, "unknown_app"),
        ("/v1/update/nobody?from_version=1.0.0&os=linux".to_owned(), 404, "unknown_app"),
        ("/v1/update/hello/beta/linux/1.0.0".to_owned(), 404, "unknown_channel"),
        (path("aarch64-apple-darwin", "1.0.0"), 404, "unknown_platform"),
        (path("darwin", "1.0.0"), 404, "unknown_platform"),
        (format!("{}?to=7.0.0", path(LINUX, "1.0.0")), 404, "unknown_release"),
        (format!("{}?to=7.0.0&digest={digest}", path(LINUX, "1.0.0")), 404, "unknown_release"),
        ("/v1/update/hello/stable/linux".to_owned(), 404, "not_found"),
        ("/v1/update".to_owned(), 404, "not_found"),
    ] {
        let got = get(&server.url(&path)).await;
        assert_eq!((got.status, got.code().as_str()), (status, code), "{path}");
        assert_eq!(got.header("cache-control"), Some("no-store"), "{path}");
    }
    let windows = get(&server.url(&path("windows", "0.9.0"))).await;
    let plan: Plan = serde_json::from_slice(&windows.body).expect("a plan");
    assert_eq!(plan.artifact.digest, Digest::of(&program("1.0.0 msvc", SIZE)), "msvc before gnu");
    let head = head(&server.url(&path(LINUX, "1.0.0"))).await;
    assert!(head.status == 200 && head.body.is_empty() && head.header("content-length").is_some());
}
