//! Listing the points, running each, and the report.

use crate::check::Verdict;
use crate::scene::{Fault, SCENES, Scene, Who};
use crate::strace::Call;
use crate::{places, scene};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// One run to make: this scene, with this fault at this call.
#[derive(Debug, Clone)]
struct Point {
    scene: &'static Scene,
    who: Who,
    call: Call,
    fault: Fault,
}

/// A run that takes longer is worth a look.
const SLOW: Duration = Duration::from_secs(15);

/// What the journal must have been seen to say at some point.
const STATES: [&str; 6] = ["idle", "downloading", "staged", "swapping", "trial", "rolling_back"];

pub fn run() {
    let began = Instant::now();
    // Orphans of a killed process come to this one, which waits for them.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a subreaper");
    if std::env::args().nth(1).as_deref() != Some("points") {
        places::check();
    }
    let points = list_points();
    let verdicts = run_all(&points);
    let is_bad = report(&points, &verdicts);
    println!("{:.0} s", began.elapsed().as_secs_f32());
    std::process::exit(i32::from(is_bad));
}

fn list_points() -> Vec<Point> {
    let mut points = Vec::new();
    for scene in &SCENES {
        for &who in scene.processes {
            let calls = scene::list_calls(scene, who);
            println!("{:<28} {:<22} {:>3} calls", scene.name, who.name(), calls.len());
            for call in calls {
                for &fault in who.faults() {
                    if fault.fits(&call) {
                        points.push(Point { scene, who, call: call.clone(), fault });
                    }
                }
            }
        }
    }
    points
}

fn run_all(points: &[Point]) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(BTreeMap::new());
    // A scene waits as much as it computes.
    let workers = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(point) = points.get(at) else { return };
                    if at.is_multiple_of(100) {
                        println!("{at} of {}", points.len());
                    }
                    let begun = Instant::now();
                    let mut verdict = scene::run(point.scene, point.who, &point.call, point.fault);
                    if !verdict.hit {
                        // Whether a call is made can hang on the moment: once more.
                        verdict = scene::run(point.scene, point.who, &point.call, point.fault);
                    }
                    tell(point, &verdict, begun.elapsed());
                    verdicts.lock().expect("no panics").insert(at, verdict);
                }
            });
        }
    });
    verdicts.into_inner().expect("no panics").into_values().collect()
}

/// Prints what went wrong at a point.
fn tell(point: &Point, verdict: &Verdict, time: Duration) {
    if verdict.hit && verdict.wrong.is_empty() && time < SLOW {
        return;
    }
    let Point { scene, who, call, fault } = point;
    let line: String = call.line.chars().take(200).collect();
    let mut text = format!("--- {}: {} in {}, {time:.1?}, at {line}", scene.name, fault.name(), who.name());
    if !verdict.hit {
        text += "\n    the call was never made";
    }
    for wrong in &verdict.wrong {
        text += &format!("\n    {wrong}");
    }
    println!("{text}");
}

/// Prints the sums; whether anything is wrong.
fn report(points: &[Point], verdicts: &[Verdict]) -> bool {
    let mut states = BTreeSet::new();
    // [points, hit, converged] of kills and of errors.
    let (mut kills, mut errors) = ([0; 3], [0; 3]);
    for (point, verdict) in points.iter().zip(verdicts) {
        let sums = if point.fault.is_kill() { &mut kills } else { &mut errors };
        sums[0] += 1;
        sums[1] += usize::from(verdict.hit);
        sums[2] += usize::from(verdict.wrong.is_empty());
        states.extend(verdict.state.clone());
    }
    let missing: Vec<_> = STATES.iter().filter(|state| !states.contains(**state)).collect();
    if !missing.is_empty() {
        println!("the journal never said: {missing:?}");
    }
    println!("states={} of {}", STATES.len() - missing.len(), STATES.len());
    println!("errors={} injected={} converged={}", errors[0], errors[1], errors[2]);
    println!("points={} killed={} converged={}", kills[0], kills[1], kills[2]);
    let is_whole = |sums: [usize; 3]| sums[1] == sums[0] && sums[2] == sums[0];
    !is_whole(kills) || !is_whole(errors) || !missing.is_empty()
}
