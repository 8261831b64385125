//! New commits, new apps and broken ones, without a restart.

use crate::support::{Author, LINUX, Server, WINDOWS, eventually, get, program};
use upstep_model::Plan;

#[tokio::test]
async fn a_new_release_is_served_without_a_restart() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let server = Server::start(&author.store());
    let question = server.url("/v1/update/hello/stable/linux/1.0.0");
    let timestamp = server.url("/hello/metadata/timestamp.json");
    assert_eq!(get(&question).await.status, 204);
    let before = get(&timestamp).await.body;
    author.publish("1.1.0", LINUX, &program("1.1.0", 20_000));
    let got = eventually(&question, |got| got.status == 200).await;
    let plan: Plan = serde_json::from_slice(&got.body).expect("a plan");
    assert_eq!(plan.to.to_string(), "1.1.0");
    let after = get(&timestamp).await;
    assert!(after.body != before, "plan and timestamp are of one commit");
    assert!(after.body == std::fs::read(author.in_store("hello/commits/00000002.json")).expect("a commit"));
}

#[tokio::test]
async fn a_new_app_is_served_without_a_restart_and_a_removed_one_no_longer() {
    let hello = Author::new("hello");
    hello.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let server = Server::start(&hello.store());
    let latest = server.url("/other/latest.json");
    assert_eq!(get(&latest).await.code(), "unknown_app");
    let other = Author::with_store("other", &hello.project.store);
    other.publish("2.0.0", LINUX, &program("2.0.0", 20_000));
    assert_eq!(eventually(&latest, |got| got.status == 200).await.json()["version"], "2.0.0");
    std::fs::remove_dir_all(hello.in_store("other")).expect("a folder");
    eventually(&latest, |got| got.status == 404).await;
    assert_eq!(get(&server.url("/hello/latest.json")).await.status, 200);
}

#[tokio::test]
async fn an_empty_store_serves_the_first_release_when_it_comes() {
    let author = Author::new("hello");
    std::fs::create_dir(author.store()).expect("a folder");
    let server = Server::start(&author.store());
    let ready = get(&server.url("/readyz")).await;
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (200, Some(true)));
    assert_eq!(get(&server.url("/latest.json")).await.code(), "not_found");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    eventually(&server.url("/latest.json"), |got| got.status == 200).await;
}

#[tokio::test]
async fn an_app_with_a_broken_index_is_reported_and_the_others_are_served() {
    let hello = Author::new("hello");
    hello.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let broken = Author::with_store("broken", &hello.project.store);
    broken.publish("1.0.0", LINUX, &program("b 1.0.0", 20_000));
    broken.publish("1.0.0", WINDOWS, &program("b 1.0.0 w", 20_000));
    let (index, _) = broken.index_file(LINUX);
    let whole = std::fs::read(&index).expect("the index");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    std::fs::write(&index, flipped).expect("a broken index");

    let server = Server::start(&hello.store());
    assert_eq!(get(&server.url("/v1/update/hello/stable/linux/0.9.0")).await.status, 200);
    let question = server.url("/v1/update/broken/stable/windows/0.9.0");
    let got = get(&question).await;
    assert_eq!((got.status, got.code().as_str()), (503, "app_unavailable"));
    let ready = get(&server.url("/readyz")).await.json();
    assert_eq!((&ready["ready"], &ready["apps"]["hello"]["commit"]), (&true.into(), &1.into()));
    let trouble = ready["apps"]["broken"]["trouble"].as_str().expect("a reason");
    assert!(trouble.contains("index.zst") && trouble.contains("SHA-256"), "{trouble}");

    std::fs::write(&index, whole).expect("the index");
    eventually(&question, |got| got.status == 200).await;
    eventually(&server.url("/readyz"), |got| got.json()["apps"]["broken"]["trouble"].is_null()).await;
}

#[tokio::test]
async fn the_last_good_commit_is_served_while_a_newer_one_is_broken() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    author.publish("1.1.0", LINUX, &program("1.1.0", 20_000));
    let server = Server::start(&author.store());
    let good = get(&server.url("/hello/metadata/timestamp.json")).await.body;
    std::fs::write(author.in_store("hello/commits/00000003.json"), "{}").expect("a commit");
    let ready = eventually(&server.url("/readyz"), |got| got.json()["apps"]["hello"]["trouble"].is_string()).await;
    assert_eq!(ready.json()["apps"]["hello"]["commit"], 2);
    assert_eq!(get(&server.url("/v1/update/hello/stable/linux/1.0.0")).await.status, 200);
    assert!(get(&server.url("/hello/metadata/timestamp.json")).await.body == good);
}

#[tokio::test]
async fn a_store_that_goes_away_for_a_while_does_not_end_the_service() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let server = Server::start(&author.store());
    assert_eq!(get(&server.url("/readyz")).await.status, 200);
    let aside = author.store().with_extension("aside");
    std::fs::rename(author.store(), &aside).expect("a rename");
    std::fs::write(author.store(), "no folder").expect("a file");
    eventually(&server.url("/readyz"), |got| got.status == 503).await;
    assert_eq!(get(&server.url("/v1/update/hello/stable/linux/0.9.0")).await.status, 200, "known plans go on");
    std::fs::remove_file(author.store()).expect("a file");
    std::fs::rename(&aside, author.store()).expect("a rename");
    eventually(&server.url("/readyz"), |got| got.status == 200).await;
    assert_eq!(get(&server.url("/v1/update/hello/stable/linux/0.9.0")).await.status, 200);
}
