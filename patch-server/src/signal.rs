//! What the process is told from outside while it runs.

use std::io;
use tokio::sync::mpsc;

/// What a running server can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// End; downloads in flight are finished.
    Stop,
    /// Read certificate and key again.
    Reload,
}

/// The signals of this process: SIGTERM and SIGINT (Ctrl-C) stop, SIGHUP reloads.
pub fn of_process() -> io::Result<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel(4);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            (SignalKind::terminate(), Signal::Stop),
            (SignalKind::interrupt(), Signal::Stop),
            (SignalKind::hangup(), Signal::Reload),
        ];
        for (kind, meaning) in kinds {
            let (mut signals, sender) = (signal(kind)?, sender.clone());
            tokio::spawn(async move { while signals.recv().await.is_some() && sender.send(meaning).await.is_ok() {} });
        }
    }
    #[cfg(not(unix))]
    tokio::spawn(
        async move { while tokio::signal::ctrl_c().await.is_ok() && sender.send(Signal::Stop).await.is_ok() {} },
    );
    Ok(receiver)
}
