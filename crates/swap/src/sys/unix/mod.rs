//! Unix: Linux and macOS.

mod attributes;
mod copy;
mod folder;
mod inspect;
mod output;
mod process;
mod role_path;
mod signals;
mod streams;
mod supervisor;
mod witness;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "macos.rs"]
mod platform;

pub(crate) use attributes::copy_attributes;
pub(crate) use copy::{duplicate, put_in_place, sync};
pub(crate) use folder::{Owner, StateFolder, create_private, open_kept};
pub(crate) use inspect::inspect;
pub(crate) use output::{at_exit, is_output_broken, sleep_until_output_breaks};
pub(crate) use platform::{default_mode, quarantine, running_file};
pub(crate) use process::{
    HandOver, become_program, exit, hand_over, is_detached, parent, pass_up, spawn_quiet, wait_for_first_process,
};
pub(crate) use role_path::{decode_path, encode_path};
pub(crate) use supervisor::{Supervisor, Wake};
