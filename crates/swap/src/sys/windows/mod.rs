//! Windows.
//!
//! A running program's file can't be written or renamed over, but renamed away: the swap is two
//! renames. There is no exec: attached, the first process waits for the updater and ends as it does.

mod files;
mod folder;
mod output;
mod owner;
mod process;
mod run_once;
mod supervisor;

pub(crate) use files::{copy_attributes, create_private, duplicate, inspect, open_kept, put_in_place, sync};
pub(crate) use folder::StateFolder;
pub(crate) use output::{at_exit, is_output_broken, sleep_until_output_breaks};
pub(crate) use owner::Owner;
pub(crate) use process::{
    HandOver, become_program, decode_path, default_mode, encode_path, exit, hand_over, is_detached, parent, pass_up,
    running_file, spawn_quiet, wait_for_first_process,
};
pub(crate) use supervisor::{Supervisor, Wake};

/// A path for the system's functions: UTF-16, ended by NUL.
fn wide(text: impl AsRef<std::ffi::OsStr>) -> Vec<u16> {
    use std::os::windows::ffi::OsStrExt as _;
    text.as_ref().encode_wide().chain([0]).collect()
}
