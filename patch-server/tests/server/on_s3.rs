//! A store that is no folder: a real S3 store, which the suite `ci/s3` starts.

use crate::support::{Author, LINUX, Server, eventually, get, get_with, head, program};
use std::path::Path;
use upstep_model::{Digest, Plan};

#[tokio::test]
#[ignore = "needs an S3 store: ci/s3 runs it"]
async fn plans_blobs_parts_and_programs_come_out_of_s3() {
    let location = std::env::var("UPSTEP_TEST_STORE").expect("ci/s3 says where the store is");
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_nanos();
    let app = format!("server-{since}");
    let author = Author::with_store(&app, &location);
    author.publish("1.0.0", LINUX, &program("1.0.0", 3 << 20));
    let server = Server::start(Path::new(&location));
    let question = server.url(&format!("/v1/update/{app}/stable/linux/1.0.0"));
    assert_eq!(get(&question).await.status, 204);
    author.publish("1.1.0", LINUX, &program("1.1.0", 3 << 20));
    let got = eventually(&question, |got| got.status == 200).await;
    let plan: Plan = serde_json::from_slice(&got.body).expect("a plan");
    let (step, url) = (&plan.steps[0], server.url(&plan.steps[0].url));
    let patch = get(&url).await;
    assert_eq!((Digest::of(&patch.body), patch.body.len() as u64), (step.digest, step.size));
    let part = get_with(&url, &[("range", "bytes=20-"), ("if-range", &format!("\"{}\"", step.digest))]).await;
    assert!(part.status == 206 && part.body == patch.body[20..]);
    let etag = format!("\"{}\"", step.digest);
    assert_eq!(get_with(&url, &[("if-none-match", &etag)]).await.status, 304);
    assert_eq!(head(&url).await.header("content-length"), Some(step.size.to_string().as_str()));
    assert!(get(&server.url(&format!("/{app}/download/stable/linux"))).await.body == program("1.1.0", 3 << 20));
    assert!(get(&server.url(&format!("/{app}/download/stable/linux/1.0.0"))).await.body == program("1.0.0", 3 << 20));
    for missing in [format!("/{app}/blobs/{}", Digest::of(b"missing")), format!("/{app}/metadata/9.snapshot.json")] {
        assert_eq!(get(&server.url(&missing)).await.code(), "not_found", "{missing}");
    }
    assert_eq!(get(&server.url(&format!("/{app}/metadata/1.root.json"))).await.body, author.project.root);
    assert_eq!(get(&server.url(&format!("/{app}/commits/00000001.json"))).await.status, 200);
}
