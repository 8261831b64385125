//! A job in a terminal: Ctrl-Z, fg and Ctrl-C, with a real shell.
#![cfg(target_os = "linux")]

mod support;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use support::{Install, await_some};

/// A terminal: the side of its keyboard and screen, and the side of the programs.
fn open_terminal() -> (File, OwnedFd) {
    let (mut keyboard, mut programs) = (-1, -1);
    // SAFETY: both numbers are written to; the optional arguments are null.
    let opened = unsafe {
        libc::openpty(&mut keyboard, &mut programs, std::ptr::null_mut(), std::ptr::null(), std::ptr::null())
    };
    assert_eq!(opened, 0, "a terminal is opened");
    for fd in [keyboard, programs] {
        // SAFETY: the descriptor is open.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    // SAFETY: both are open, and nothing else owns them.
    unsafe { (File::from_raw_fd(keyboard), OwnedFd::from_raw_fd(programs)) }
}

#[test]
fn the_job_stops_at_ctrl_z_goes_on_at_fg_and_ends_at_ctrl_c() {
    let install = Install::new(r#""confirm_ms":60000"#);
    let release = install.release("1.1.0", r#""confirm_ms":60000,"after":["hang"]"#);
    let (mut keyboard, programs) = open_terminal();
    let script = format!("set -m; {} --stage {}; echo stopped-$?; fg", install.program().display(), release.display());
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env("TESTEE_LOG", install.log_path()).env_remove("UPSTEP_ROLE");
    shell.stdin(programs.try_clone().expect("a descriptor")).stdout(programs.try_clone().expect("a descriptor"));
    shell.stderr(Stdio::from(programs));
    // SAFETY: both calls may be made between fork and exec.
    unsafe {
        shell.pre_exec(|| {
            libc::setsid();
            libc::ioctl(0, libc::TIOCSCTTY, 0);
            Ok(())
        });
    }
    let mut shell = shell.spawn().expect("sh");
    let mut screen = keyboard.try_clone().expect("a descriptor");
    let shown = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let reader = std::thread::spawn({
        let shown = std::sync::Arc::clone(&shown);
        move || {
            let mut bytes = [0; 1024];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                shown.lock().expect("no panics").push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        }
    });
    let shows = |text: &str| shown.lock().expect("no panics").contains(text).then_some(());
    let new = install.await_line("1.1.0 hang");
    keyboard.write_all(b"\x1a").expect("Ctrl-Z");
    // 128 + SIGTSTP or SIGSTOP, as the shell sees the first process.
    await_some("the shell sees a stopped job", || shows("stopped-1"));
    let state = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
    };
    await_some("the new program goes on", || (state(new) == Some('S')).then_some(()));
    keyboard.write_all(b"\x03").expect("Ctrl-C");
    // A shell that runs a script ends as its job does, when that is by Ctrl-C.
    await_some("the shell has its end", || shell.try_wait().expect("waited"));
    await_some("the new program is gone", || state(new).is_none().then_some(()));
    drop(keyboard);
    drop(reader);
    assert_eq!(install.journal()["state"]["n"], 0, "Ctrl-C does not count: {}", install.log());
}
