//! The program of the tests with real processes.
//!
//! How it behaves stands in JSON behind the end of its own file, so that copies of one build are
//! different releases: `before` is what happens before its first library call, `after` what
//! happens after `update_at_start`: `exit N`, `abort`, `panic`, `sleep MS`. Where its updates come
//! from, and how it takes them, the test says in the environment.

use std::time::Duration;
use upstep::{Builder, Confirm, OnStart, Patience, Updater};

/// What stands between the program and its JSON.
const TRAILER: &[u8] = b"\n--testee--\n";

fn main() {
    act(&behaviour("before"));
    match set("TESTEE_TOKIO") {
        true => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async { run(settings().start()) });
        }
        false => run(settings().start()),
    }
}

fn run(up: Updater) {
    println!("testee {} pid {}", up.version(), std::process::id());
    for argument in std::env::args().skip(1) {
        println!("argument {argument}");
    }
    match set("TESTEE_STEPS") {
        true => steps(&up),
        false => up.update_at_start(),
    }
    if set("TESTEE_CONFIRM") {
        up.confirm();
    }
    if set("TESTEE_CHILDREN") {
        println!("children: {}", children());
    }
    act(&behaviour("after"));
    println!("end of {}", up.version());
}

/// What a program that waits for any child sees.
#[cfg(unix)]
fn children() -> String {
    match rustix::process::wait(rustix::process::WaitOptions::NOHANG) {
        Err(rustix::io::Errno::CHILD) => "none".to_owned(),
        other => format!("{other:?}"),
    }
}

#[cfg(not(unix))]
fn children() -> String {
    "none".to_owned()
}

/// Check, download and install, one by one.
fn steps(up: &Updater) {
    match up.check().map(|found| found.map(|available| available.download())) {
        Ok(None) => println!("nothing newer"),
        Ok(Some(Ok(verified))) => println!("not installed: {:?}", verified.install()),
        Ok(Some(Err(error))) => println!("not downloaded: {error:?}"),
        Err(error) => println!("not checked: {error:?}"),
    }
}

fn settings() -> Builder {
    let millis = |name: &str| text(name).and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let mut settings = upstep::app!("testee").on_event(|event| println!("event {event}"));
    for url in text("TESTEE_URLS").iter().flat_map(|urls| urls.split_whitespace()) {
        settings = settings.url(url);
    }
    if let Some(root) = text("TESTEE_ROOT") {
        settings = settings.root(std::fs::read(root).expect("the test wrote the root"));
    }
    settings = match text("TESTEE_ON_START").as_deref() {
        Some("next-start") => settings.on_start(OnStart::NextStart),
        Some("manual") => settings.on_start(OnStart::Manual),
        _ => settings.on_start(OnStart::UpdateNow {
            budget: millis("TESTEE_BUDGET").unwrap_or(Duration::from_secs(60)),
            max_hold: millis("TESTEE_MAX_HOLD").unwrap_or(Duration::from_secs(120)),
        }),
    };
    if let Some(wait) = millis("TESTEE_PATIENCE") {
        let patience = Patience { document: wait, window: wait, back_off: wait / 20, ..Patience::default() };
        settings = settings.patience(patience);
    }
    if set("TESTEE_CONFIRM_MANUALLY") {
        settings = settings.confirm(Confirm::Manual);
    }
    if let Some(version) = text("TESTEE_PIN") {
        settings = settings.pin(&version);
    }
    settings
}

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn set(name: &str) -> bool {
    text(name).is_some()
}

/// A field of the JSON behind the end of this program.
fn behaviour(field: &str) -> String {
    let program = std::fs::read(std::env::current_exe().expect("a path")).expect("readable");
    let at = program.windows(TRAILER.len()).rposition(|window| window == TRAILER);
    // The trailer's own constant stands in the program too: what follows that is no JSON.
    let json = at.and_then(|at| serde_json::from_slice(&program[at + TRAILER.len()..]).ok());
    let json: serde_json::Value = json.unwrap_or_default();
    json[field].as_str().unwrap_or_default().to_owned()
}

fn act(what: &str) {
    let (verb, number) = what.split_once(' ').unwrap_or((what, "0"));
    let number: u64 = number.parse().unwrap_or(0);
    match verb {
        "exit" => std::process::exit(i32::try_from(number).unwrap_or(1)),
        "abort" => std::process::abort(),
        "panic" => panic!("as it was told"),
        "sleep" => std::thread::sleep(Duration::from_millis(number)),
        _ => {}
    }
}
