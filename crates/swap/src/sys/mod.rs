//! What differs between systems, behind one interface: `unix` (with `linux` and `macos` for what
//! differs there) and `windows`.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::*;
