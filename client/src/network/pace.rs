//! Minimum throughput: a connection that trickles is given up.

use crate::Patience;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Watches over the bytes of one answer.
pub(super) struct Pace {
    window: Duration,
    minimum: u64,
    began: Instant,
    bytes: u64,
}

/// What came next.
pub(super) enum Next {
    Bytes(Bytes),
    End,
    Failed(reqwest::Error),
    /// Fewer bytes than the minimum within the window.
    Stalled,
}

impl Pace {
    pub(super) fn new(patience: &Patience) -> Self {
        Pace { window: patience.window, minimum: patience.minimum, began: Instant::now(), bytes: 0 }
    }

    /// The next bytes of `stream`.
    pub(super) async fn next(&mut self, stream: &mut (impl Stream<Item = reqwest::Result<Bytes>> + Unpin)) -> Next {
        loop {
            match timeout_at(self.began + self.window, stream.next()).await {
                Ok(Some(Ok(bytes))) => {
                    self.bytes += bytes.len() as u64;
                    return Next::Bytes(bytes);
                }
                Ok(Some(Err(error))) => return Next::Failed(error),
                Ok(None) => return Next::End,
                Err(_) if self.bytes < self.minimum => return Next::Stalled,
                Err(_) => {
                    self.began = Instant::now();
                    self.bytes = 0;
                }
            }
        }
    }
}
