//! The new program as the updater's child. There is no job control; Ctrl-C reaches all processes of
//! a console, and the updater ignores it.

use crate::launch::Launch;
use crate::verdict::End;
use std::io;
use std::os::windows::io::AsRawHandle as _;
use std::process::Child;
use std::time::{Duration, Instant};
use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, WAIT_OBJECT_0};
use windows_sys::Win32::System::Console::{
    GetStdHandle, STD_ERROR_HANDLE, STD_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetConsoleCtrlHandler,
    SetStdHandle,
};
use windows_sys::Win32::System::Threading::{INFINITE, WaitForSingleObject};

/// Why [`Supervisor::wait`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A tick has passed.
    Tick,
    /// The program has ended.
    Ended(End),
}

/// A running child.
#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Child,
    last_tick: Instant,
}

impl Supervisor {
    /// Starts the program.
    pub(crate) fn start(launch: &Launch, _attached: bool) -> io::Result<Self> {
        ignore_control_c();
        Ok(Supervisor { child: launch.command().spawn()?, last_tick: Instant::now() })
    }

    /// Waits for a tick, or without one until the program's end.
    pub(crate) fn wait(&mut self, tick: Option<Duration>) -> Wake {
        let time = tick.map_or(INFINITE, |tick| {
            let left = (self.last_tick + tick).saturating_duration_since(Instant::now());
            u32::try_from(left.as_millis()).unwrap_or(INFINITE - 1)
        });
        // SAFETY: the handle is the child's, which is not dropped meanwhile.
        let woken = unsafe { WaitForSingleObject(self.child.as_raw_handle(), time) };
        if woken == WAIT_OBJECT_0
            && let Ok(status) = self.child.wait()
        {
            return Wake::Ended(End::Code(status.code().unwrap_or(1)));
        }
        self.last_tick = Instant::now();
        Wake::Tick
    }

    /// Kills the program, and waits for its end.
    pub(crate) fn kill(&mut self) -> End {
        let _ = self.child.kill();
        End::Code(self.child.wait().ok().and_then(|status| status.code()).unwrap_or(1))
    }

    /// The old program will not be run on this process's streams any more: lets go of them.
    pub(crate) fn release_streams(&mut self) {
        release(&[STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE]);
    }

    /// The same, but this process may still write to its standard error.
    pub(crate) fn release_input_and_output(&mut self) {
        release(&[STD_INPUT_HANDLE, STD_OUTPUT_HANDLE]);
    }
}

fn release(streams: &[STD_HANDLE]) {
    for &stream in streams {
        // SAFETY: nothing in this process uses its streams any more: std asks for the handle at
        // each use, and takes none for a closed stream.
        unsafe {
            let handle: HANDLE = GetStdHandle(stream);
            if SetStdHandle(stream, std::ptr::null_mut()) != 0 && !handle.is_null() {
                CloseHandle(handle);
            }
        }
    }
}

/// Not by the inherited flag, which the new program would get too.
pub(super) fn ignore_control_c() {
    unsafe extern "system" fn handled(_event: u32) -> windows_sys::core::BOOL {
        1
    }
    // SAFETY: the function lives as long as the process and touches nothing.
    unsafe { SetConsoleCtrlHandler(Some(handled), 1) };
}
