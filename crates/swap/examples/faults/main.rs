//! Every kill point of swap, trial and rollback on Linux; and a full disk or a failed sync at every
//! one of them (`ci/faults`).
//!
//! For each scene an unkilled run lists, per process, the calls that change files of the install or
//! processes. Then for each of them a new install runs the same scene, and strace kills that
//! process as it enters that call: it alone, or all processes at once. Afterwards the old or the
//! new program is whole, the next start settles the rest, and the one after it leaves nothing stray.

#[cfg(target_os = "linux")]
mod check;
#[cfg(target_os = "linux")]
mod places;
#[cfg(target_os = "linux")]
mod points;
#[cfg(target_os = "linux")]
mod scene;
#[cfg(target_os = "linux")]
mod strace;
#[cfg(target_os = "linux")]
#[path = "../../tests/support/mod.rs"]
mod support;

fn main() {
    #[cfg(target_os = "linux")]
    points::run();
    #[cfg(not(target_os = "linux"))]
    panic!("strace is Linux's");
}
