//! The rows of docs/hazards.md that are Windows' own, with real processes.
#![cfg(windows)]

mod support;

use std::ffi::OsStr;
use std::fs::File;
use std::os::windows::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::windows::{Job, await_end, await_updater, hold, is_wine, make_gui, take_run_once, terminate};
use support::{Install, await_some, stdout, step};
use windows_sys::Win32::System::JobObjects::{JOB_OBJECT_LIMIT_BREAKAWAY_OK, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};

/// Times that are longer than a test waits for anything.
const PATIENT: &str = r#""probe_ms":60000,"confirm_ms":60000"#;

fn start(install: &Install, new: &str) -> Child {
    let release = install.release("1.1.0", new);
    install.spawn([OsStr::new("--stage"), release.as_os_str()])
}

/// The same with an updater process that waits, in the probe of the new version, until `hold` has taken what is to
/// be held.
fn start_held<T>(install: &Install, after: &str, hold: impl FnOnce() -> T) -> (Child, T) {
    let ready = install.root.path().join("ready");
    let child = start(install, &format!(r#"{PATIENT},"before":[{}],"after":[{after}]"#, step("await", &ready)));
    let held = hold();
    std::fs::write(ready, "").expect("written");
    (child, held)
}

/// The file of the staged release.
fn staged(install: &Install) -> std::path::PathBuf {
    install.await_state("staged");
    let digest = install.journal()["state"]["to"]["digest"].as_str().expect("a digest")[..16].to_owned();
    install.folder().join(format!(".hello.upstep.{digest}.exe"))
}

fn assert_settles(install: &Install, versions: &[&str]) {
    for _ in 0..2 {
        let output = install.run(["next"]);
        assert_eq!(output.status.code(), Some(0), "{}", install.log());
    }
    install.settle();
    assert!(versions.contains(&&*install.installed_version()), "{}", install.log());
    assert_eq!(install.journal_state(), "idle");
    assert_eq!(install.strays(), Vec::<String>::new());
}

#[test]
fn a_program_that_is_held_open_for_two_seconds_is_updated() {
    let install = Install::new(PATIENT);
    let (child, held) = start_held(&install, "", || hold(&install.program()));
    install.await_state("swapping");
    std::thread::sleep(Duration::from_secs(2));
    drop(held);
    let output = child.wait_with_output().expect("waited");
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.1.0\n", "{}", install.log());
    assert_settles(&install, &["1.1.0"]);
}

#[test]
fn a_program_that_is_held_open_for_ever_stays_old_and_is_updated_later() {
    let install = Install::new(PATIENT);
    let (child, held) = start_held(&install, "", || hold(&install.program()));
    let output = child.wait_with_output().expect("waited");
    assert_eq!(output.status.code(), Some(0), "{}", install.log());
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.0.0\n", "{}", install.log());
    assert_eq!(install.installed_version(), "1.0.0");
    drop(held);
    assert_settles(&install, &["1.1.0"]);
    assert_eq!(install.journal()["quarantine"].as_array().map_or(0, Vec::len), 0, "it is not the release's fault");
}

/// An update that is between its two renames: the first process, and what keeps it there.
fn between_renames(install: &Install) -> (Child, File) {
    let (child, held) = start_held(install, "", || hold(&staged(install)));
    await_some("the program is aside", || (!install.program().exists()).then_some(()));
    (child, held)
}

#[test]
fn the_first_process_finishes_a_swap_whose_updater_was_killed_between_its_renames() {
    let install = Install::new(PATIENT);
    let (mut child, held) = between_renames(&install);
    terminate(await_updater(child.id()));
    child.wait().expect("waited");
    assert_eq!(install.installed_version(), "1.0.0", "the path works");
    drop(held);
    take_run_once(&install.folder());
    assert_settles(&install, &["1.1.0"]);
}

#[test]
fn the_run_once_entry_finishes_a_swap_that_everybody_was_killed_in() {
    let install = Install::new(PATIENT);
    let (mut child, held) = between_renames(&install);
    let updater = await_updater(child.id());
    child.kill().expect("killed");
    child.wait().expect("waited");
    terminate(updater);
    drop(held);
    assert!(!install.program().exists());
    let commands = take_run_once(&install.folder());
    let [command] = &commands[..] else { panic!("one entry, found {commands:?}") };
    let (shell, arguments) = command.split_once(' ').expect("a command line");
    let done = Command::new(shell).raw_arg(arguments).stdin(Stdio::null()).output().expect("run");
    assert!(install.program().exists(), "{command}: {done:?}");
    assert_settles(&install, &["1.1.0"]);
    assert_eq!(take_run_once(&install.folder()), Vec::<String>::new());
}

/// Who is killed.
#[derive(Debug, Clone, Copy)]
enum Killed {
    Updater,
    All,
}

fn kill(killed: Killed, mut child: Child) {
    let updater = await_updater(child.id());
    if matches!(killed, Killed::All) {
        child.kill().expect("killed");
    }
    terminate(updater);
    child.wait().expect("waited");
}

#[test]
fn killed_in_any_state_of_the_journal_the_next_start_settles_it() {
    for killed in [Killed::Updater, Killed::All] {
        for state in ["staged", "swapping", "renamed", "trial", "rolling_back"] {
            let install = Install::new(PATIENT);
            let go = install.root.path().join("go");
            let crash = if state == "rolling_back" { r#","segv""# } else { "" };
            let after = format!("{}{crash}", step("await", &go));
            let journal = install.state().join("journal");
            // What is held keeps the updater from going on to the next state.
            let (child, held) = start_held(&install, &after, || match state {
                "staged" => {
                    // Wine never ends a process that is killed while it starts: this one has begun its probe.
                    install.await_line(&format!("1.1.0 await {}", install.root.path().join("ready").display()));
                    Some(hold(&journal))
                }
                "swapping" => Some(hold(&install.program())),
                "renamed" => Some(hold(&staged(&install))),
                _ => None,
            });
            let held = match state {
                "renamed" => {
                    await_some("the program is aside", || (!install.program().exists()).then_some(()));
                    let journal = hold(&journal);
                    drop(held);
                    await_some("the new program is there", || install.program().exists().then_some(()));
                    journal
                }
                "trial" => {
                    install.await_line("1.1.0 start in-trial");
                    hold(&journal)
                }
                "rolling_back" => {
                    install.await_line("1.1.0 start in-trial");
                    let program = hold(&install.program());
                    std::fs::write(&go, "").expect("written");
                    program
                }
                _ => held.expect("taken before"),
            };
            let expected = if state == "renamed" { "swapping" } else { state };
            install.await_state(expected);
            kill(killed, child);
            assert_eq!(install.journal_state(), expected, "{killed:?}: {}", install.log());
            drop(held);
            std::fs::write(&go, "").expect("written");
            take_run_once(&install.folder());
            let versions: &[&str] = if state == "rolling_back" { &["1.0.0"] } else { &["1.1.0"] };
            assert_settles(&install, versions);
        }
    }
}

#[test]
fn control_c_and_log_off_do_not_count_and_a_users_end_of_the_process_is_undecided() {
    for (code, n) in [(0xC000_013A_u32, 0), (0xC000_0142, 0), (1, 1)] {
        let install = Install::new("");
        let status = code.cast_signed();
        let output = start(&install, &format!(r#""after":["exit {status}"]"#)).wait_with_output().expect("waited");
        assert_eq!(output.status.code(), Some(status), "{}", install.log());
        assert_eq!((install.journal_state().as_str(), install.journal()["state"]["n"].as_u64()), ("trial", Some(n)));
    }
}

#[test]
fn folders_with_spaces_and_umlauts_are_nothing_special() {
    let install = Install::within("Prögramme für alle (x86)", "");
    let output = start(&install, "").wait_with_output().expect("waited");
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.1.0\n", "{}", install.log());
    assert_settles(&install, &["1.1.0"]);
}

#[test]
fn a_path_of_more_than_260_characters_is_nothing_special() {
    let long = "a folder with a long name/".repeat(11) + "bin";
    let install = Install::within(&long, "");
    assert!(install.program().as_os_str().len() > 260);
    if is_wine() {
        // It starts no program with such a path: when it does, this must be shown there too.
        let error = install.command(["x"]).spawn().expect_err("Wine starts no such program");
        use std::io::ErrorKind::{InvalidFilename, NotFound};
        assert!(matches!(error.kind(), NotFound | InvalidFilename), "{error}");
        return;
    }
    let output = start(&install, "").wait_with_output().expect("waited");
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.1.0\n", "{}", install.log());
    assert_settles(&install, &["1.1.0"]);
}

#[test]
fn a_program_without_a_console_is_updated_detached() {
    let install = Install::new("");
    make_gui(&install.program());
    let go = install.root.path().join("go");
    let release = install.release("1.1.0", &format!(r#""before":["console"],"after":[{}]"#, step("await", &go)));
    make_gui(&release);
    let mut command = install.command([OsStr::new("--stage"), release.as_os_str()]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let updater = await_updater(child.id());
    assert_eq!(child.wait().expect("waited").code(), Some(0), "the first process ends at once");
    install.await_line("1.1.0 start in-trial");
    assert_eq!(install.log().matches("console false").count(), 2, "probe and program: {}", install.log());
    install.await_state("idle");
    await_end(updater);
    std::fs::write(&go, "").expect("written");
    install.await_line("1.1.0 end");
    assert_eq!(install.installed_version(), "1.1.0");
}

#[test]
fn in_a_job_an_attached_updater_stays_and_a_detached_one_leaves_where_it_may() {
    let kill = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    let cases = [(false, kill, true), (true, kill | JOB_OBJECT_LIMIT_BREAKAWAY_OK, false), (true, kill, true)];
    for (detached, limits, stays) in cases {
        let job = Job::new(limits);
        let start = std::env::temp_dir().join(format!("upstep-{}-{detached}-{limits}", std::process::id()));
        let mode = format!(r#""detached":{detached},"before":[{}]"#, step("await", &start));
        let install = Install::new(&mode);
        let go = install.root.path().join("go");
        let release = install.release("1.1.0", &format!(r#""detached":{detached},"after":[{}]"#, step("await", &go)));
        let mut command = install.command([OsStr::new("--stage"), release.as_os_str()]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        job.add(&child);
        std::fs::write(&start, "").expect("written");
        let updater = await_updater(child.id());
        assert_eq!(job.has(updater), stays, "detached {detached}, limits {limits:#x}");
        install.await_line("1.1.0 start in-trial");
        std::fs::write(&go, "").expect("written");
        assert_eq!(child.wait().expect("waited").code(), Some(0), "{}", install.log());
        install.await_line("1.1.0 end");
        install.await_state("idle");
        assert_eq!(install.installed_version(), "1.1.0");
        let _ = std::fs::remove_file(&start);
    }
}

#[test]
fn both_old_files_go_at_a_later_start() {
    let install = Install::new("");
    let go = install.root.path().join("go");
    let child = start(&install, &format!(r#""after":[{}]"#, step("await", &go)));
    install.await_state("idle");
    // The first process runs from the file that was renamed aside, the updater from the base.
    let meanwhile = install.spawn(["meanwhile"]);
    install.await_line("1.1.0 start");
    let in_use = install.strays().into_iter().filter(|name| name.contains(".upstep.")).count();
    assert_eq!(in_use, 2, "{:?}", install.strays());
    std::fs::write(&go, "").expect("written");
    child.wait_with_output().expect("waited");
    meanwhile.wait_with_output().expect("waited");
    assert_settles(&install, &["1.1.0"]);
}
