//! The sample program: it greets, keeps itself up to date, and goes on with its work.

fn main() {
    let url = std::env::var("HELLO_URL").unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned());
    let up = upstep::app!("hello").url(url).on_event(|event| println!("{event}")).start();

    println!("Hello! I am version {}", up.version());
    up.update_at_start();

    println!("Continuing normal operation...");
    // demo: work
    println!("Done.");
}
