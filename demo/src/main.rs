//! The command behind `cargo demo`: a program updates itself through a patch chain from a real
//! server, survives a release that does not work, and goes on to the next.
//!
//! Every program involved is the real one, in its own process.

#![forbid(unsafe_code)]

mod cargo;
mod code;
mod program;
mod publisher;
mod sample;
mod server;
mod table;

use cargo::Cargo;
use clap::Parser;
use program::Installed;
use publisher::Publisher;
use sample::Sample;
use server::Server;
use std::path::PathBuf;
use table::Row;

/// What can go wrong in here goes to the person who watches.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The sample's code must differ by this much from version to version.
const LEAST_CHANGE_PERCENT: f64 = 1.0;

/// A program updates itself through a patch chain from a real server.
#[derive(Parser)]
#[command(name = "cargo demo --")]
struct Args {
    /// Leave store and install in place, and print the commands to go on by hand.
    #[arg(long)]
    keep: bool,
    /// Only build the sample's good versions, into target/demo: `cargo bench` measures them.
    #[arg(long)]
    build: bool,
}

fn main() -> Outcome<()> {
    let args = Args::parse();
    let cargo = Cargo::new();
    if args.build {
        let root = cargo.workspace().join("client/upstep.root.json");
        return Sample::good().iter().try_for_each(|sample| sample.build(&cargo, &root).map(drop));
    }
    let folder = tempfile::Builder::new().prefix("upstep-demo-").tempdir()?;

    println!("1. Building differ, patch-server and upstep (a few minutes the first time)");
    let tools = cargo.build_tools(&["differ", "patch-server", "upstep"])?;

    println!("2. Making keys, and building the sample program in four versions");
    let mut publisher = Publisher::init(&tools, folder.path())?;
    let root = publisher.root_json();
    let programs =
        Sample::good().iter().map(|sample| sample.build(&cargo, &root)).collect::<Outcome<Vec<PathBuf>>>()?;
    for pair in programs.windows(2) {
        let percent = code::changed_percent(&pair[0], &pair[1])?;
        println!("   {} differs from the one before in {percent:.1}% of its code", name(&pair[1]));
        if percent < LEAST_CHANGE_PERCENT {
            return Err(format!("the versions must differ in {LEAST_CHANGE_PERCENT}% of their code at least").into());
        }
    }

    println!("3. Publishing them");
    for program in &programs {
        publisher.publish(program)?;
    }
    let mut server =
        Server::start(&tools.join(format!("patch-server{}", std::env::consts::EXE_SUFFIX)), publisher.store())?;
    println!("4. The server answers at {}", server.url());

    println!("5. Installing 1.0.0 and running it");
    let mut installed = Installed::new(folder.path(), &programs[0], server.url())?;
    let mut rows = vec![update(&mut installed, &server, &publisher, ["1.0.0", "1.3.0"])?];

    println!("6. Publishing 1.4.0, which crashes right after its first library call");
    server.wait_for_commit(publisher.publish(&Sample::broken().build(&cargo, &root)?)?)?;
    let sent = server.blob_bytes();
    let run = installed.run()?;
    run.expect_failure()?;
    let mut row = Row::new("1.3.0", "1.4.0", server.blob_bytes() - sent, publisher.full_size("1.4.0")?);
    row.outcome = "rolled back";
    rows.push(row);
    println!("   ... and once more: 1.3.0 is back by itself, and leaves 1.4.0 alone");
    let sent = server.blob_bytes();
    let run = installed.run()?;
    run.expect_success("1.3.0")?;
    if server.blob_bytes() != sent {
        return Err("1.4.0 was downloaded again although it is quarantined".into());
    }
    println!("7. Publishing 1.4.1, which works");
    server.wait_for_commit(publisher.publish(&Sample::mended().build(&cargo, &root)?)?)?;
    rows.push(update(&mut installed, &server, &publisher, ["1.3.0", "1.4.1"])?);

    table::print(&rows);
    if args.keep {
        let folder = folder.keep();
        drop(server);
        println!("\nTo go on by hand:");
        println!("  {} --store {} --port 8080 &", tools.join("patch-server").display(), publisher.store().display());
        println!("  HELLO_URL=http://127.0.0.1:8080 {}", installed.path().display());
        println!("  cd {} && {} list", publisher.project().display(), tools.join("differ").display());
        println!("  rm -r {}", folder.display());
    }
    Ok(())
}

/// Runs the installed program, which must come back as the version `to`.
fn update(
    installed: &mut Installed,
    server: &Server,
    publisher: &Publisher,
    [from, to]: [&'static str; 2],
) -> Outcome<Row> {
    let sent = server.blob_bytes();
    let run = installed.run()?;
    run.expect_success(to)?;
    let mut row = Row::new(from, to, server.blob_bytes() - sent, publisher.full_size(to)?);
    if run.reported_bytes() != Some(row.sent) {
        return Err(
            format!("the program reported {:?} bytes, the server's log {}", run.reported_bytes(), row.sent).into()
        );
    }
    row.away = run.away();
    row.outcome = "updated";
    Ok(row)
}

fn name(program: &std::path::Path) -> String {
    program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
