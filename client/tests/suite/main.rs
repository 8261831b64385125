//! The client in real processes, over real sockets and with real files.

mod support;

mod check;
mod command;
mod download;
mod hazards;
mod hostile;
mod packaged;
mod program;
mod start;
