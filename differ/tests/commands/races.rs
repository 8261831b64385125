//! Several at once on one store.

use crate::sandbox::{LINUX, PLATFORMS, Sandbox};
use std::process::Child;

/// Starts all commands, and waits for all of them to succeed.
pub fn all_succeed(sandbox: &Sandbox, commands: &[Vec<&str>]) {
    let start = |args: &Vec<&str>| -> Child {
        let mut command = sandbox.command(args);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        command.spawn().expect("the command starts")
    };
    let children: Vec<Child> = commands.iter().map(start).collect();
    for (child, args) in children.into_iter().zip(commands) {
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn five_publishers_of_five_platforms_at_once_all_succeed() {
    let sandbox = Sandbox::new();
    for version in ["1.0.0", "1.1.0"] {
        let files = PLATFORMS.map(|platform| sandbox.program(platform, version));
        let commands: Vec<Vec<&str>> = files.iter().map(|file| vec!["publish", file.as_str()]).collect();
        all_succeed(&sandbox, &commands);
    }
    assert_eq!(sandbox.json(&["list"])["commit"], 10);
    for platform in PLATFORMS {
        assert_eq!(sandbox.versions(platform), ["1.0.0", "1.1.0"]);
        assert_eq!(sandbox.index(platform)["patches"].as_array().map(Vec::len), Some(1));
    }
    sandbox.ok(&["verify"]);
}

#[test]
fn publishers_of_one_platform_each_get_the_patches_that_the_others_made_necessary() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["publish", &sandbox.program(LINUX, "1.0.0")]);
    let files = ["1.1.0", "1.2.0", "1.3.0"].map(|version| sandbox.program(LINUX, version));
    // Who is overtaken by a newer version would be refused without --backfill.
    let commands: Vec<Vec<&str>> = files.iter().map(|file| vec!["publish", "--backfill", file.as_str()]).collect();
    all_succeed(&sandbox, &commands);
    assert_eq!(sandbox.versions(LINUX), ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]);
    let index = sandbox.index(LINUX);
    let has = |from: &str, to: &str| {
        index["patches"].as_array().expect("patches").iter().any(|patch| patch["from"] == from && patch["to"] == to)
    };
    for (from, to) in [("1.0.0", "1.1.0"), ("1.1.0", "1.2.0"), ("1.2.0", "1.3.0")] {
        assert!(has(from, to), "no patch from {from} to {to}: {}", index["patches"]);
    }
    sandbox.ok(&["verify"]);
}

#[test]
fn the_same_release_published_by_two_at_once_is_there_once() {
    let sandbox = Sandbox::new();
    let file = sandbox.program(LINUX, "1.0.0");
    all_succeed(&sandbox, &[vec!["publish", &file], vec!["publish", &file]]);
    assert_eq!(sandbox.json(&["list"])["commit"], 1);
    assert_eq!(sandbox.versions(LINUX), ["1.0.0"]);
    sandbox.ok(&["verify"]);
}

#[test]
fn publishers_a_resigner_and_prune_at_once_lose_nothing() {
    let sandbox = Sandbox::new();
    let publish = |version: &str| -> Vec<String> {
        PLATFORMS[..3].iter().map(|platform| sandbox.program(platform, version)).collect()
    };
    publish("1.0.0").iter().for_each(|file| drop(sandbox.ok(&["publish", file])));
    for version in ["1.1.0", "1.2.0"] {
        let files = publish(version);
        let mut commands: Vec<Vec<&str>> = files.iter().map(|file| vec!["publish", file.as_str()]).collect();
        commands.extend([vec!["resign", "--force"], vec!["resign", "--force"], vec!["prune", "--keep", "2"]]);
        all_succeed(&sandbox, &commands);
        sandbox.ok(&["verify"]);
    }
    for platform in &PLATFORMS[..3] {
        assert!(sandbox.versions(platform).ends_with(&["1.1.0".to_owned(), "1.2.0".to_owned()]));
    }
}
