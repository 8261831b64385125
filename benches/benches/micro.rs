//! What a client and a server do often: applying a patch, reading an index, making a plan, starting
//! a program that keeps itself up to date.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::cell::LazyCell;
use std::env::consts::EXE_SUFFIX;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use upstep_benches::{output, workspace};
use upstep_codec::{ApplyLimits, DiffOptions, Level, apply, diff, frame};
use upstep_model::{
    AppName, Artifact, Base, Channel, Codec, Digest, Full, Index, Kind, Limits, Patch, Platform, Release, Rollout,
    Version, index, plan,
};

fn apply_a_patch(criterion: &mut Criterion) {
    let old: Vec<u8> = (0..1u32 << 20).flat_map(|at| (at.wrapping_mul(at) >> 5).to_le_bytes()).collect();
    let mut new = old.clone();
    new.splice(1_000_000..1_000_000, [9; 5000]);
    new.iter_mut().step_by(997).for_each(|byte| *byte ^= 0x55);
    let patch = diff(&old, &new, &DiffOptions { level: Level::Fast, ..DiffOptions::default() }).expect("a patch");
    let mut group = criterion.benchmark_group("apply");
    group.throughput(Throughput::Bytes(new.len() as u64));
    group.bench_function("4 MiB", |bencher| {
        bencher.iter(|| {
            apply(black_box(&patch[..]), &old, &mut std::io::sink(), &ApplyLimits::default()).expect("its own patch")
        });
    });
    group.finish();
}

fn version(number: usize) -> Version {
    Version::parse(&format!("1.{number}.0")).expect("a version")
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// An index of `count` releases with patches over the distances 1, 2, 4 and so on.
fn large_index(count: usize) -> Index {
    let app = AppName::parse("hello").expect("a name");
    let platform = Platform::parse("x86_64-unknown-linux-gnu").expect("a triple");
    let release = |number: usize| Release {
        version: version(number),
        artifact: Artifact { kind: Kind::File, digest: digest(&format!("{number}")), size: 20 << 20 },
        full: Full { digest: digest(&format!("full {number}")), size: 7 << 20, memory: 34 << 20 },
        rollout: Rollout::FULL,
        yanked: false,
        published: "2026-01-01T00:00:00Z".to_owned(),
        notes: None,
    };
    let patch = |from: usize, to: usize| Patch {
        from: version(from),
        to: version(to),
        digest: digest(&format!("{from} {to}")),
        size: 1_000_000 + 100_000 * (to - from) as u64,
        codec: Codec::Bidiff,
        memory: 10 << 20,
    };
    let distances =
        std::iter::successors(Some(1usize), |distance| Some(distance * 2)).take_while(|distance| *distance < count);
    let patches = distances.flat_map(|distance| (distance..count).map(move |to| (to - distance, to)));
    Index {
        releases: (0..count).map(release).collect(),
        patches: patches.map(|(from, to)| patch(from, to)).collect(),
        ..Index::new(app, Channel::stable(), platform)
    }
}

fn read_an_index(criterion: &mut Criterion) {
    let json = large_index(50).to_json();
    let packed = frame::compress(&json);
    let mut group = criterion.benchmark_group("index");
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("50 releases", |bencher| {
        bencher.iter(|| {
            let json = frame::decompress(black_box(&packed), index::MAX_JSON).expect("its own frame");
            Index::from_json(&json).expect("its own JSON")
        });
    });
    group.finish();
}

fn make_a_plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    for count in [50, 500] {
        let index = large_index(count);
        let from = Base { version: version(3), digest: Some(digest("3")) };
        let (to, limits) = (version(count - 1), Limits::default());
        group.bench_function(format!("{count} releases"), |bencher| {
            bencher.iter(|| plan::plan(black_box(&index), &from, &to, &limits).expect("a plan"));
        });
    }
    group.finish();
}

/// `run_at_start()` when no check is due, in a process of its own each time, as it tells itself:
/// the time of the process around it is not the library's.
fn start_a_program(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let start = |program: &Path| {
        let output = Command::new(program)
            .env("OVERHEAD_MEASURE", "1")
            .env_remove("UPSTEP_CHECK_EVERY")
            .output()
            .expect("it starts");
        let micros = String::from_utf8_lossy(&output.stdout).trim().parse().expect("it prints its microseconds");
        Duration::from_micros(micros)
    };
    // It takes minutes to build: only for who measures it.
    let program = LazyCell::new(|| {
        let program = folder.path().join(format!("overhead{EXE_SUFFIX}"));
        std::fs::copy(build_overhead(), &program).expect("installed");
        // The first one checks, finds nobody, and notes that.
        start(&program);
        program
    });
    criterion.bench_function("start/no check due", |bencher| {
        let program = &*program;
        bencher.iter_custom(|count| (0..count).map(|_| start(program)).sum());
    });
}

/// Builds the client's example and returns where it is.
fn build_overhead() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(workspace())
        .args(["build", "--release", "--quiet", "-p", "upstep", "--example", "overhead"])
        .status()
        .expect("cargo starts");
    assert!(built.success(), "the example overhead is not built: {built}");
    output().with_file_name("release").join("examples").join(format!("overhead{EXE_SUFFIX}"))
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = apply_a_patch, read_an_index, make_a_plan, start_a_program
}
criterion_main!(benches);
