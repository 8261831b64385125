//! A thread that does something beside the one that asks for it. Where none can be had, whoever asks does it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, Scope};

/// Where threads are started that read the old file.
pub(crate) type Threads<'s, 'e> = &'s Scope<'s, 'e>;

type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Does one job after another. When it is dropped, its thread ends behind the last one.
pub(crate) struct Worker<'a> {
    jobs: Option<Sender<Job<'a>>>,
}

impl<'a> Worker<'a> {
    /// One whose thread has this name.
    pub(crate) fn new(threads: Option<Threads<'a, '_>>, name: &str) -> Self {
        let (jobs, given) = channel::<Job<'a>>();
        let work = move || given.into_iter().for_each(|job| job());
        let thread = Builder::new().name(name.into());
        let is_there = threads.is_some_and(|threads| thread.spawn_scoped(threads, work).is_ok());
        Worker { jobs: is_there.then_some(jobs) }
    }

    /// Whether there is a thread.
    pub(crate) fn is_there(&self) -> bool {
        self.jobs.is_some()
    }

    /// Does a job, or has it done; what it gives comes when it is done, and never if that panics.
    pub(crate) fn begin<T: Send + 'a>(&self, job: impl FnOnce() -> T + Send + 'a) -> Receiver<T> {
        let (done, result) = channel();
        let job = move || {
            // Nobody may wait for it any more.
            let _ = done.send(job());
        };
        match &self.jobs {
            Some(jobs) => jobs.send(Box::new(job)).unwrap_or_default(),
            None => job(),
        }
        result
    }
}
