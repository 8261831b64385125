//! The command on a real S3 store, which `ci/s3` starts and names in `UPSTEP_TEST_STORE`.

use crate::races::all_succeed;
use crate::sandbox::{LINUX, PLATFORMS, Sandbox};

fn sandbox(name: &str) -> Sandbox {
    let location = std::env::var("UPSTEP_TEST_STORE").expect("UPSTEP_TEST_STORE names a store");
    Sandbox::with_store(&format!("{location}/{name}-{}", std::process::id()))
}

#[test]
#[ignore = "needs a real S3 store, which ci/s3 starts"]
fn releases_are_published_changed_and_verified() {
    let sandbox = sandbox("life");
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        sandbox.ok(&["publish", &sandbox.program(LINUX, version)]);
    }
    let again = sandbox.json(&["publish", &sandbox.program(LINUX, "1.2.0")]);
    assert!(again["commit"].is_null(), "{again}");
    sandbox.ok(&["verify"]);
    sandbox.ok(&["yank", "1.1.0"]);
    sandbox.ok(&["rollout", "1.2.0", "50"]);
    sandbox.ok(&["resign", "--force"]);
    sandbox.ok(&["prune", "--keep", "2"]);
    assert_eq!(sandbox.versions(LINUX), ["1.1.0", "1.2.0"]);
    sandbox.ok(&["verify"]);
}

/// At most four: losers of a race for one key wait a second each.
#[test]
#[ignore = "needs a real S3 store, which ci/s3 starts"]
fn three_publishers_and_a_resigner_at_once_all_succeed() {
    let sandbox = sandbox("race");
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    let files = [1, 2, 3].map(|place| sandbox.program(PLATFORMS[place], "1.0.0"));
    let mut commands: Vec<Vec<&str>> = files.iter().map(|file| vec!["publish", file.as_str()]).collect();
    commands.push(vec!["resign", "--force"]);
    all_succeed(&sandbox, &commands);
    for platform in &PLATFORMS[..4] {
        assert_eq!(sandbox.versions(platform), ["1.0.0"]);
    }
    sandbox.ok(&["verify"]);
}

#[cfg(unix)]
#[test]
#[ignore = "needs a real S3 store, which ci/s3 starts"]
fn a_publish_killed_at_any_moment_is_finished_by_the_next() {
    use std::time::{Duration, Instant};
    let sandbox = sandbox("killed");
    let began = Instant::now();
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    let took = began.elapsed() + Duration::from_millis(100);
    for kill in 0..8u32 {
        let file = sandbox.program(LINUX, &format!("1.{}.0", kill + 1));
        let mut child = sandbox.command(&["publish", &file]).spawn().expect("the command starts");
        std::thread::sleep(took * kill / 8);
        let _ = child.kill();
        child.wait().expect("an end");
        sandbox.ok(&["publish", &file]);
        assert_eq!(sandbox.versions(LINUX).len(), kill as usize + 2);
    }
    sandbox.ok(&["verify"]);
}
