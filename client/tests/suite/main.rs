//! The client in real processes, over real sockets and with real files.
#![cfg(unix)]

mod support;

mod background;
mod check;
mod command;
mod download;
mod hostile;
mod program;
mod start;
