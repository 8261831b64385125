//! The new program as the updater's child: signals and stops are passed on, its end is learned.

use super::signals::{self, Signals};
use super::streams;
use super::witness::Witness;
use crate::launch::Launch;
use crate::verdict::End;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions, WaitStatus, waitpid};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

/// How long the witness may take to tell that a signal went to the whole group.
const GRACE: Duration = Duration::from_millis(100);
/// For how long a signal to the group swallows one of the same number to the first process.
const MEMORY: Duration = Duration::from_millis(500);

/// Why [`Supervisor::wait`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A tick has passed in which the program was not stopped.
    Tick,
    /// The program has ended.
    Ended(End),
}

/// A running child, and what stands between it and the world.
#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Pid,
    signals: Signals,
    witness: Option<Witness>,
    forwards: bool,
    is_stopped: bool,
    last_tick: Instant,
    /// Signals to this process that the new program may have got as well.
    pending: Vec<(i32, Instant)>,
    /// Signals to the whole group, lately.
    seen: Vec<(i32, Instant)>,
}

impl Supervisor {
    /// Starts the program. `attached`: this process stands for it, and passes signals on.
    pub(crate) fn start(launch: &Launch, attached: bool) -> io::Result<Self> {
        let children_ignored = signals::is_ignored(libc::SIGCHLD);
        if children_ignored {
            // Else the kernel forgets the child's status.
            signals::set_ignored(libc::SIGCHLD, false);
        }
        let mut caught = vec![libc::SIGCHLD];
        if attached {
            caught.extend(signals::forwarded());
        }
        let signals = Signals::listen(&caught)?;
        let witness = if attached { Witness::start().ok() } else { None };
        let mut command = launch.command();
        if children_ignored {
            // SAFETY: signal(2) may be called between fork and exec.
            unsafe {
                command.pre_exec(|| {
                    signals::set_ignored(libc::SIGCHLD, true);
                    Ok(())
                });
            }
        }
        let child = command.spawn()?;
        let child = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Supervisor {
            child,
            signals,
            witness,
            forwards: attached,
            is_stopped: false,
            last_tick: Instant::now(),
            pending: Vec::new(),
            seen: Vec::new(),
        })
    }

    /// Waits for a tick, or without one until the program's end.
    pub(crate) fn wait(&mut self, tick: Option<Duration>) -> Wake {
        loop {
            if let Some(end) = self.reap() {
                return Wake::Ended(end);
            }
            self.settle_pending();
            let now = Instant::now();
            let until_tick =
                tick.filter(|_| !self.is_stopped).map(|tick| (self.last_tick + tick).saturating_duration_since(now));
            if until_tick == Some(Duration::ZERO) {
                self.last_tick = now;
                return Wake::Tick;
            }
            let until_pending = self.pending.iter().map(|(_, due)| due.saturating_duration_since(now)).min();
            self.listen(until_tick.into_iter().chain(until_pending).min());
        }
    }

    /// Kills the program, and waits for its end.
    pub(crate) fn kill(&mut self) -> End {
        signals::send(self.child.as_raw_nonzero().get(), libc::SIGKILL);
        loop {
            if let Wake::Ended(end) = self.wait(None) {
                return end;
            }
        }
    }

    /// The old program will not be run on this process's streams any more: lets go of them.
    pub(crate) fn release_streams(&mut self) {
        streams::release();
    }

    /// The same, but this process may still write to its standard error.
    pub(crate) fn release_input_and_output(&mut self) {
        streams::release_input_and_output();
    }

    /// Sleeps until something comes, and takes it.
    fn listen(&mut self, timeout: Option<Duration>) {
        let timeout = timeout.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            // Rounded up, so that it does not wake just before.
            tv_nsec: i64::from(time.subsec_nanos()),
        });
        let mut polled = vec![PollFd::new(&self.signals, PollFlags::IN)];
        let reports = self.witness.as_ref().map(Witness::reports);
        if let Some(reports) = &reports {
            polled.push(PollFd::new(reports, PollFlags::IN));
        }
        let _ = poll(&mut polled, timeout.as_ref());
        self.take_signals();
    }

    fn take_signals(&mut self) {
        let now = Instant::now();
        for signal in self.signals.drain() {
            if signal != libc::SIGCHLD && self.forwards {
                let due = if self.witness.is_some() { now + GRACE } else { now };
                self.pending.push((signal, due));
            }
        }
        if let Some(witness) = &self.witness {
            self.seen.extend(witness.seen().into_iter().map(|signal| (signal, now + MEMORY)));
            if let Some(status) = witness.ended() {
                // The group's signal was deadly before the witness had its handlers, or it was
                // killed alone. From now on everything is passed on.
                if let Some(signal) = status.terminating_signal() {
                    self.seen.push((signal, now + MEMORY));
                }
                self.witness = None;
            }
        }
    }

    /// Drops what the new program has got itself, passes the rest on.
    fn settle_pending(&mut self) {
        let now = Instant::now();
        self.seen.retain(|(_, until)| *until > now);
        let (child, seen, is_stopped) = (self.child, &self.seen, self.is_stopped);
        self.pending.retain(|(signal, due)| {
            if seen.iter().any(|(other, _)| other == signal) {
                return false;
            }
            if *due > now {
                return true;
            }
            // One that runs needs no CONT: the witness has sent it to this process alone.
            if *signal != libc::SIGCONT || is_stopped {
                signals::send(child.as_raw_nonzero().get(), *signal);
            }
            false
        });
    }

    /// Takes what the child has done: its end, or a stop that this process follows.
    fn reap(&mut self) -> Option<End> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        loop {
            match waitpid(Some(self.child), options) {
                Ok(Some((_, status))) => {
                    if let Some(end) = end_of(status) {
                        return Some(end);
                    }
                    if status.stopped() {
                        self.is_stopped = true;
                        self.stop_too();
                    } else {
                        self.is_stopped = false;
                        self.last_tick = Instant::now();
                    }
                }
                Ok(None) => return None,
                Err(rustix::io::Errno::INTR) => {}
                // Somebody else's wait has taken the status: the end can't be told.
                Err(_) => return Some(End::Code(1)),
            }
        }
    }

    /// Stops this process with the new program: one job. Only if somebody will continue it.
    fn stop_too(&mut self) {
        let Some(witness) = self.witness.as_ref().filter(|_| self.forwards) else { return };
        if super::platform::is_stopped(self.child) != Some(true) {
            return;
        }
        witness.watch(self.child);
        signals::send(rustix::process::getpid().as_raw_nonzero().get(), libc::SIGSTOP);
        witness.unwatch();
        self.take_signals();
    }
}

fn end_of(status: WaitStatus) -> Option<End> {
    status.exit_status().map(End::Code).or_else(|| status.terminating_signal().map(End::Signal))
}
