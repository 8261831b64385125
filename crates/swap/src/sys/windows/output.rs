//! The end of a pipe's reader ends no program here: nothing to be told apart.

use std::time::Duration;

/// Sleeps.
pub(crate) fn sleep_until_output_breaks(time: Duration) -> bool {
    std::thread::sleep(time);
    false
}

/// Not asked.
pub(crate) fn is_output_broken() -> bool {
    false
}

/// Nothing is to be noted at the end.
pub(crate) fn at_exit(_exit: Box<dyn Fn() + Send + Sync>) {}
