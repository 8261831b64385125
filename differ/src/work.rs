//! Heavy work in parallel over the cores, within a bound of memory.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, PoisonError};

/// The bound where nobody sets one: half of the machine's memory where that is known, else 4 GB.
pub fn default_memory() -> u64 {
    total_memory().map_or(4 << 30, |total| total / 2)
}

/// Linux says it in `/proc/meminfo`; a container's limit counts where it is lower.
fn total_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let machine = kilobytes.checked_mul(1024)?;
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    Some(limit.map_or(machine, |limit: u64| limit.min(machine)))
}

/// Runs `work` on each of `jobs`, as many at once as there are cores and as `memory` allows;
/// `needs` says what a job needs. Results are in the order of the jobs.
///
/// A job that needs more than the bound must not be handed in. Threads of our own and no shared
/// pool: a job that waits for memory inside a pool could be waiting below the very job that
/// holds it.
pub fn in_parallel<J: Sync, R: Send>(
    jobs: &[J],
    memory: u64,
    needs: impl Fn(&J) -> u64 + Sync,
    work: impl Fn(&J) -> R + Sync,
) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let queue = Queue::new(jobs.iter().map(&needs).collect(), memory);
    let results: Vec<Mutex<Option<R>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..cores.min(jobs.len()) {
            scope.spawn(|| {
                while let Some(taken) = queue.take() {
                    let result = work(&jobs[taken.job]);
                    *results[taken.job].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    let taken = |slot: Mutex<Option<R>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().map(|slot| taken(slot).expect("every job was taken, and a panic has gone on")).collect()
}

struct Queue {
    needs: Vec<u64>,
    bound: u64,
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    /// Jobs that wait, the hungriest last.
    waiting: Vec<usize>,
    free: u64,
}

struct Taken<'a> {
    queue: &'a Queue,
    job: usize,
}

impl Queue {
    fn new(needs: Vec<u64>, bound: u64) -> Self {
        let mut waiting: Vec<usize> = (0..needs.len()).collect();
        waiting.sort_by_key(|job| (needs[*job], std::cmp::Reverse(*job)));
        Queue { needs, bound, state: Mutex::new(State { waiting, free: bound }), freed: Condvar::new() }
    }

    /// The hungriest job that fits, once one does; `None` when all are taken.
    fn take(&self) -> Option<Taken<'_>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.waiting.is_empty() {
                return None;
            }
            if let Some(at) = state.waiting.iter().rposition(|job| self.cost(*job) <= state.free) {
                let job = state.waiting.remove(at);
                state.free -= self.cost(job);
                return Some(Taken { queue: self, job });
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn cost(&self, job: usize) -> u64 {
        self.needs[job].min(self.bound)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.free += self.queue.cost(self.job);
        self.queue.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn all_jobs_are_done_and_never_more_memory_is_out_than_allowed() {
        let jobs: Vec<u64> = (0..100).map(|job| job % 7 + 1).collect();
        let (out, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let results = in_parallel(
            &jobs,
            8,
            |job| *job,
            |job| {
                let now = out.fetch_add(*job, Ordering::SeqCst) + job;
                most.fetch_max(now, Ordering::SeqCst);
                std::thread::yield_now();
                out.fetch_sub(*job, Ordering::SeqCst);
                job * 2
            },
        );
        assert_eq!(results, jobs.iter().map(|job| job * 2).collect::<Vec<_>>());
        assert!(most.into_inner() <= 8);
    }

    #[test]
    fn no_jobs_are_no_work() {
        assert!(in_parallel(&[] as &[u8], 0, |_| 1, |job| *job).is_empty());
    }
}
