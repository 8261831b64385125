//! The verdict on a release in its trial: a function of how its run ended and what was seen before.

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With a status; on Windows its 32 bits.
    Code(i32),
    /// By a signal (Unix).
    #[cfg_attr(windows, expect(dead_code, reason = "there are no signals"))]
    Signal(i32),
}

/// What was seen of a run before its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its first library call has returned.
    pub(crate) first_call: bool,
    /// It called `confirm()`, or its own library has counted its time.
    pub(crate) confirmed: bool,
    /// Only `confirm()` confirms it.
    pub(crate) manual: bool,
    /// Nobody reads its output any more.
    pub(crate) output_broken: bool,
}

/// What a run says about the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It works.
    Confirmed,
    /// It does not: how it failed.
    Failed(String),
    /// It may or may not: the third in a row is a failure.
    Undecided(String),
    /// The end came from outside and says nothing.
    NotCounted,
}

/// What an end is, whatever the system.
enum Kind {
    Success,
    /// The program broke.
    Crash,
    /// Rust's end by panic: also what happens when nobody reads the output.
    Panic,
    /// Somebody ended it.
    Outside,
    Other,
}

/// Judges a run by its end.
pub(crate) fn judge(end: End, seen: Seen) -> Verdict {
    let how = describe(end);
    if seen.confirmed {
        return Verdict::Confirmed;
    }
    match kind(end) {
        Kind::Success if !seen.manual => Verdict::Confirmed,
        Kind::Crash => Verdict::Failed(how),
        Kind::Outside if seen.first_call => Verdict::NotCounted,
        Kind::Panic | Kind::Other if seen.first_call && seen.output_broken => Verdict::NotCounted,
        Kind::Panic => Verdict::Failed(how),
        Kind::Success | Kind::Outside | Kind::Other => Verdict::Undecided(how),
    }
}

/// Rust's status of a program whose main thread has panicked.
const PANIC: i32 = 101;

#[cfg(unix)]
fn kind(end: End) -> Kind {
    use libc::{SIGABRT, SIGBUS, SIGFPE, SIGHUP, SIGILL, SIGINT, SIGKILL, SIGPIPE, SIGSEGV, SIGSYS, SIGTERM, SIGTRAP};
    match end {
        End::Code(0) => Kind::Success,
        End::Code(PANIC) => Kind::Panic,
        End::Code(_) => Kind::Other,
        // `panic = "abort"` ends so.
        End::Signal(SIGABRT) => Kind::Panic,
        End::Signal(SIGSEGV | SIGBUS | SIGILL | SIGFPE | SIGSYS | SIGTRAP) => Kind::Crash,
        End::Signal(SIGINT | SIGTERM | SIGHUP | SIGPIPE | SIGKILL) => Kind::Outside,
        End::Signal(_) => Kind::Other,
    }
}

#[cfg(windows)]
fn kind(end: End) -> Kind {
    const CONTROL_C: u32 = 0xC000_013A;
    const LOG_OFF: u32 = 0xC000_0142;
    let End::Code(code) = end else { return Kind::Other };
    match code as u32 {
        0 => Kind::Success,
        code if code == PANIC as u32 => Kind::Panic,
        CONTROL_C | LOG_OFF => Kind::Outside,
        0xC000_0000.. => Kind::Crash,
        // 1 is also what a user's TerminateProcess gives.
        _ => Kind::Other,
    }
}

/// An end in words.
pub(crate) fn describe(end: End) -> String {
    match end {
        End::Code(PANIC) => "it ended with status 101 (a panic)".to_owned(),
        End::Code(code) if cfg!(windows) && code < 0 => format!("it ended with status {:#010x}", code as u32),
        End::Code(code) => format!("it ended with status {code}"),
        End::Signal(signal) => format!("it was ended by {}", signal_name(signal)),
    }
}

#[cfg(unix)]
fn signal_name(signal: i32) -> String {
    match rustix::process::Signal::from_named_raw(signal) {
        Some(named) => format!("signal {named:?}").replace("Signal::", "SIG"),
        None => format!("signal {signal}"),
    }
}

#[cfg(windows)]
fn signal_name(signal: i32) -> String {
    format!("signal {signal}")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const RUNNING: Seen = Seen { first_call: true, confirmed: false, manual: false, output_broken: false };

    #[test]
    fn crashes_fail_before_and_after_the_first_library_call() {
        for signal in
            [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT, libc::SIGSYS, libc::SIGTRAP]
        {
            for seen in [Seen::default(), RUNNING] {
                assert!(matches!(judge(End::Signal(signal), seen), Verdict::Failed(_)), "signal {signal}");
            }
        }
        assert!(matches!(judge(End::Code(101), RUNNING), Verdict::Failed(_)));
    }

    #[test]
    fn an_end_from_outside_is_not_counted_once_the_library_was_called() {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGPIPE, libc::SIGKILL] {
            assert_eq!(judge(End::Signal(signal), RUNNING), Verdict::NotCounted);
            assert!(matches!(judge(End::Signal(signal), Seen::default()), Verdict::Undecided(_)));
        }
    }

    #[test]
    fn a_panic_over_a_closed_pipe_is_an_end_by_the_pipe() {
        let seen = Seen { output_broken: true, ..RUNNING };
        assert_eq!(judge(End::Code(101), seen), Verdict::NotCounted);
        assert_eq!(judge(End::Code(1), seen), Verdict::NotCounted);
        assert!(matches!(judge(End::Signal(libc::SIGSEGV), seen), Verdict::Failed(_)));
    }

    #[test]
    fn status_0_confirms_unless_the_program_confirms_by_hand() {
        assert_eq!(judge(End::Code(0), RUNNING), Verdict::Confirmed);
        let manual = Seen { manual: true, ..RUNNING };
        assert!(matches!(judge(End::Code(0), manual), Verdict::Undecided(_)));
        let confirmed = Seen { confirmed: true, ..manual };
        assert_eq!(judge(End::Code(1), confirmed), Verdict::Confirmed);
        assert_eq!(judge(End::Signal(libc::SIGSEGV), confirmed), Verdict::Confirmed);
    }

    #[test]
    fn other_statuses_are_undecided() {
        assert!(matches!(judge(End::Code(1), RUNNING), Verdict::Undecided(_)));
        assert!(matches!(judge(End::Signal(libc::SIGUSR1), RUNNING), Verdict::Undecided(_)));
    }
}

#[cfg(all(test, windows))]
mod windows_tests {
    use super::*;

    #[test]
    fn crashes_are_told_from_ends_by_the_user_and_by_the_system() {
        let seen = Seen { first_call: true, ..Seen::default() };
        let ends = |code: u32| judge(End::Code(code.cast_signed()), seen);
        // Access violation, stack overflow, fail fast, and a panic.
        for crash in [0xC000_0005, 0xC000_00FD, 0xC000_0409, 101] {
            assert!(matches!(ends(crash), Verdict::Failed(_)), "{crash:#x}");
        }
        // Ctrl-C, log-off.
        for outside in [0xC000_013A, 0xC000_0142] {
            assert_eq!(ends(outside), Verdict::NotCounted, "{outside:#x}");
        }
        assert_eq!(ends(0), Verdict::Confirmed);
        assert!(matches!(ends(1), Verdict::Undecided(_)), "the task manager ends a process with 1");
    }
}
