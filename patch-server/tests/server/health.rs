//! What a server that starts says about itself.

use crate::support::{Author, LINUX, Server, get, program};

#[tokio::test]
async fn probes_are_answered() {
    let author = Author::new("hello");
    author.publish("1.0.0", LINUX, &program("1.0.0", 20_000));
    let server = Server::start(&author.store());
    assert_eq!(get(&server.url("/healthz")).await.status, 200);
    assert_eq!(get(&server.url("/version")).await.json()["version"], env!("CARGO_PKG_VERSION"));
    let ready = get(&server.url("/readyz")).await;
    let expected = serde_json::json!({ "ready": true, "apps": { "hello": { "commit": 1, "trouble": null } } });
    assert_eq!((ready.status, ready.json()), (200, expected));
    assert_eq!(get(&server.url("/")).await.status, 404);
}
