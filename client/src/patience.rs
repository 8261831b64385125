//! How long the client waits for a network that does not answer, and how often it tries again.

use std::time::Duration;

/// Limits of waiting. The defaults suit a program on the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// Longest time until a connection stands.
    pub connect: Duration,
    /// Longest time until a small document (metadata, index, plan) has arrived.
    pub document: Duration,
    /// Slowest download: fewer than `minimum` bytes within `window` end the connection.
    pub window: Duration,
    /// See `window`.
    pub minimum: u64,
    /// How often one address is tried in a row without a single byte of progress.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles with each.
    pub back_off: Duration,
    /// Longest wait, whatever Retry-After says.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(10),
            document: Duration::from_secs(30),
            window: Duration::from_secs(20),
            minimum: 20 << 10,
            attempts: 3,
            back_off: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
        }
    }
}

impl Patience {
    /// How long to wait after attempt number `attempt` (from 1) failed. `retry_after` is what the
    /// server asked for; `dice` (0..=255) spreads clients that failed together over half the wait.
    pub(crate) fn wait(&self, attempt: u32, retry_after: Option<Duration>, dice: u8) -> Duration {
        let doubled = self.back_off.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let jittered = doubled / 2 + doubled.saturating_mul(u32::from(dice)) / 510;
        retry_after.unwrap_or_default().max(jittered).min(self.longest_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_is_bounded() {
        let patience = Patience::default();
        let wait = |attempt| patience.wait(attempt, None, 255);
        assert_eq!((wait(1), wait(2), wait(3)), (patience.back_off, patience.back_off * 2, patience.back_off * 4));
        assert_eq!(wait(u32::MAX), patience.longest_wait);
        assert_eq!(patience.wait(1, None, 0), patience.back_off / 2);
    }

    #[test]
    fn retry_after_is_obeyed_up_to_the_longest_wait() {
        let patience = Patience::default();
        assert_eq!(patience.wait(1, Some(Duration::from_secs(7)), 0), Duration::from_secs(7));
        assert_eq!(patience.wait(1, Some(Duration::from_secs(86_400)), 0), patience.longest_wait);
    }
}
