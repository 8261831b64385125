//! The library's own thread: network and disk work for minutes, and the program may be inside of
//! a tokio runtime, which must neither be blocked nor entered a second time.

use crate::UpdateError;
use futures::channel::oneshot;
use std::thread::{Builder, JoinHandle};

/// A task on a thread of its own.
pub(crate) struct Task<T> {
    thread: JoinHandle<()>,
    result: oneshot::Receiver<T>,
}

/// Starts `work` on a thread of its own, with a runtime of its own.
pub(crate) fn start<T, W>(work: W) -> Result<Task<T>, UpdateError>
where
    T: Send + 'static,
    W: AsyncFnOnce() -> T + Send + 'static,
{
    let (sender, result) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| UpdateError::Thread { source: Some(source) })?;
    let thread = Builder::new()
        .name("upstep".to_owned())
        .spawn(move || {
            // Nobody waits any more if the future was dropped: the work itself is done all the same.
            let _ = sender.send(runtime.block_on(work()));
        })
        .map_err(|source| UpdateError::Thread { source: Some(source) })?;
    Ok(Task { thread, result })
}

impl<T> Task<T> {
    /// Waits for the result, blocking this thread.
    pub(crate) fn join(mut self) -> Result<T, UpdateError> {
        // A thread that panicked has sent nothing.
        let _ = self.thread.join();
        self.result.try_recv().ok().flatten().ok_or(UpdateError::Thread { source: None })
    }

    /// Waits for the result in any executor.
    pub(crate) async fn finish(self) -> Result<T, UpdateError> {
        self.result.await.map_err(|_| UpdateError::Thread { source: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_can_be_waited_for_inside_of_a_runtime_in_both_ways() {
        let task = || {
            start(async || {
                tokio::task::yield_now().await;
                7
            })
            .expect("a thread")
        };
        assert_eq!(task().finish().await.expect("a result"), 7);
        assert_eq!(task().join().expect("a result"), 7);
    }
}
