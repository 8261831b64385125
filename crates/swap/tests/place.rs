//! The install place: links, plants, hands of others, full disks.

mod support;

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsStr;
use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
#[cfg(unix)]
use std::path::Path;
#[cfg(unix)]
use support::kill;
use support::{Install, stdout, version_of, write_version};

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

fn assert_settled(install: &Install, version: &str) {
    assert_eq!(install.installed_version(), version, "{}", install.log());
    install.settle();
    assert_eq!(install.journal_state(), "idle");
    assert_eq!(install.strays(), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn through_links_the_real_file_is_updated_and_the_links_stay() {
    for target in ["../bin/hello", "ABSOLUTE", "second"] {
        let install = Install::new("");
        let links = install.root.path().join("links");
        fs::create_dir(&links).expect("a folder");
        symlink("../bin/hello", links.join("second")).expect("a link");
        let target = if target == "ABSOLUTE" { install.program() } else { target.into() };
        let link = links.join("hello");
        symlink(target, &link).expect("a link");
        let release = install.release("1.1.0", "");
        let output = install.command_of(&link, [OsStr::new("--stage"), release.as_os_str()]).output().expect("run");
        assert_eq!(stdout(&output), "version 1.0.0\nversion 1.1.0\n", "{}", install.log());
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(&links).expect("readable").count(), 2, "nothing is left beside the links");
        assert_settled(&install, "1.1.0");
    }
}

#[test]
fn a_renamed_program_has_a_state_of_its_own() {
    let install = Install::new("");
    install.update(&install.release("1.1.0", ""));
    let renamed = install.folder().join(format!("other{EXE_SUFFIX}"));
    fs::rename(install.program(), &renamed).expect("renamed");
    let release = install.release("1.2.0", "");
    let output = install.command_of(&renamed, [OsStr::new("--stage"), release.as_os_str()]).output().expect("run");
    assert_eq!(stdout(&output), "version 1.1.0\nversion 1.2.0\n", "{}", install.log());
    assert_eq!(version_of(&renamed), "1.2.0");
    assert!(install.folder().join(".other.upstep").is_dir());
}

#[cfg(unix)]
#[test]
fn mode_and_attributes_stay() {
    let install = Install::new("");
    set_mode(&install.program(), 0o751);
    let has_attributes = xattr::set(install.program(), "user.upstep.test", b"kept").is_ok();
    install.update(&install.release("1.1.0", ""));
    assert_eq!(install.installed_version(), "1.1.0", "{}", install.log());
    let metadata = fs::metadata(install.program()).expect("there");
    assert_eq!(metadata.mode() & 0o7777, 0o751);
    if has_attributes {
        assert_eq!(xattr::get(install.program(), "user.upstep.test").expect("read"), Some(b"kept".to_vec()));
    }
}

#[cfg(unix)]
#[test]
fn a_state_folder_that_others_can_write_is_not_used_and_nothing_in_it_is_run() {
    let install = Install::new("");
    let release = install.release("6.6.6", "");
    // A journal that would swap in what somebody has planted.
    let victim = Install::new(r#""after":["hang"]"#);
    write_version(&victim.program(), "1.0.0", "");
    fs::create_dir(install.state()).expect("a folder");
    set_mode(&install.state(), 0o777);
    fs::write(install.state().join("journal"), "upstep-journal planted\n{}").expect("written");
    let output = install.update(&release);
    assert_eq!(stdout(&output), "version 1.0.0\n");
    assert!(install.log().contains("Refused"), "{}", install.log());
    assert!(install.log().contains("others can write it"), "{}", install.log());
    assert_eq!(install.installed_version(), "1.0.0");
}

#[cfg(unix)]
#[test]
fn a_state_folder_or_a_journal_that_is_a_link_is_not_used() {
    let install = Install::new("");
    let release = install.release("1.1.0", "");
    let elsewhere = install.root.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    symlink(&elsewhere, install.state()).expect("a link");
    assert_eq!(stdout(&install.update(&release)), "version 1.0.0\n");
    assert!(install.log().contains("it is not a folder"), "{}", install.log());
    fs::remove_file(install.state()).expect("removed");
    fs::create_dir(install.state()).expect("a folder");
    set_mode(&install.state(), 0o700);
    fs::write(elsewhere.join("journal"), "").expect("written");
    symlink(elsewhere.join("journal"), install.state().join("journal")).expect("a link");
    assert_eq!(stdout(&install.update(&release)), "version 1.0.0\n");
    assert!(install.log().contains("it is a link"), "{}", install.log());
}

#[cfg(unix)]
#[test]
fn a_file_planted_under_the_staged_name_is_replaced_not_followed() {
    let install = Install::new("");
    let release = install.release("1.1.0", "");
    let digest = upstep_model::Digest::of(&fs::read(&release).expect("read"));
    let precious = install.root.path().join("precious");
    fs::write(&precious, "precious").expect("written");
    symlink(&precious, install.folder().join(format!(".hello.upstep.{}", digest.short()))).expect("a link");
    install.update(&release);
    assert_eq!(fs::read_to_string(&precious).expect("there"), "precious");
    assert_settled(&install, "1.1.0");
}

#[cfg(unix)]
#[test]
fn a_folder_that_cant_be_written_is_found_before_anything_is_done() {
    let install = Install::new("");
    let release = install.release("1.1.0", "");
    set_mode(&install.folder(), 0o555);
    let mut command = install.command([OsStr::new("--stage"), release.as_os_str()]);
    if rustix::process::geteuid().is_root() {
        // Root can write everywhere: somebody else runs it.
        use std::os::unix::process::CommandExt as _;
        set_mode(install.root.path(), 0o755);
        fs::write(install.log_path(), "").expect("written");
        set_mode(&install.log_path(), 0o666);
        command.uid(65534).gid(65534);
    }
    let output = command.output().expect("run");
    set_mode(&install.folder(), 0o755);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "version 1.0.0\n"));
    assert!(install.log().contains("Refused"), "{}", install.log());
    assert!(!install.state().exists());
}

#[cfg(unix)]
#[test]
fn a_program_with_the_setuid_or_setgid_bit_is_not_updated() {
    for mode in [0o4755, 0o2755] {
        let install = Install::new("");
        let release = install.release("1.1.0", "");
        set_mode(&install.program(), mode);
        assert_eq!(stdout(&install.update(&release)), "version 1.0.0\n");
        assert!(install.log().contains("such programs are not updated"), "{}", install.log());
        assert!(!install.state().exists());
    }
}

#[test]
fn a_base_or_a_staged_file_that_is_started_by_hand_updates_nothing() {
    let install = Install::new("");
    let release = install.release("1.1.0", "");
    let kept = install.folder().join(format!(".hello.upstep.0123456789abcdef{EXE_SUFFIX}"));
    fs::copy(install.program(), &kept).expect("copied");
    let output = install.command_of(&kept, [OsStr::new("--stage"), release.as_os_str()]).output().expect("run");
    assert_eq!(stdout(&output), "version 1.0.0\n");
    assert!(install.log().contains("is a copy that an update keeps"), "{}", install.log());
}

#[test]
fn a_role_of_somebody_elses_making_is_ignored() {
    let install = Install::new("");
    let token = "0".repeat(32);
    for kind in ["updater", "probe", "trial"] {
        let role = format!("{kind}:{token}:{}:{}", std::process::id(), install.program().display());
        let output = install.command(["x"]).env("UPSTEP_ROLE", role).output().expect("run");
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "version 1.0.0\n"), "{kind}");
    }
}

/// An install whose journal says Staged: the update was cut off before its hand-over.
#[cfg(unix)]
fn staged(install: &Install, release: &Path) {
    let mut child = install.command([OsStr::new("--stage"), release.as_os_str()]).spawn().expect("started");
    install.await_state("staged");
    let _ = child.kill();
    child.wait().expect("waited");
}

#[cfg(unix)]
#[test]
fn a_file_copied_over_the_idle_program_and_through_its_link_the_base_is_noticed() {
    let install = Install::new("");
    let release = install.release("1.1.0", r#""before":["sleep 3000"]"#);
    staged(&install, &release);
    if install.journal_state() != "staged" {
        return assert_settled(&install, "1.1.0");
    }
    let other = install.release("1.5.0", "");
    let base_links = fs::metadata(install.program()).expect("there").nlink();
    assert_eq!(base_links, 2, "the base is a link");
    support::program::write(&install.program(), &fs::read(other).expect("read"));
    assert_eq!(stdout(&install.run(["x"])), "version 1.5.0\n", "{}", install.log());
    assert!(install.log().contains("changed by somebody else"), "{}", install.log());
    assert_settled(&install, "1.5.0");
}

#[cfg(unix)]
#[test]
fn a_program_that_a_package_manager_has_replaced_during_the_trial_is_left_alone() {
    let install = Install::new(r#""confirm_ms":60000"#);
    let release = install.release("1.1.0", r#""confirm_ms":60000,"after":["hang"]"#);
    let mut child = install.command([OsStr::new("--stage"), release.as_os_str()]).spawn().expect("started");
    let new = install.await_line("1.1.0 hang");
    let replaced = install.folder().join("replacing");
    write_version(&replaced, "2.0.0", "");
    fs::rename(&replaced, install.program()).expect("renamed");
    kill(new, libc::SIGILL);
    child.wait().expect("waited");
    assert_eq!(install.installed_version(), "2.0.0", "no rollback over somebody's file");
    assert_eq!(stdout(&install.run(["x"])), "version 2.0.0\n");
    assert_settled(&install, "2.0.0");
}

#[test]
fn a_downgrade_by_hand_is_taken_as_it_is_and_updated_again() {
    let install = Install::new("");
    let release = install.release("1.1.0", "");
    install.update(&release);
    write_version(&install.root.path().join("old"), "1.0.0", "");
    fs::rename(install.root.path().join("old"), install.program()).expect("renamed");
    assert_eq!(stdout(&install.run(["x"])), "version 1.0.0\n");
    assert_eq!(stdout(&install.update(&release)), "version 1.0.0\nversion 1.1.0\n", "{}", install.log());
    assert_settled(&install, "1.1.0");
}

#[cfg(unix)]
#[test]
fn a_staged_file_that_another_process_still_has_open_for_writing_is_probed_again() {
    let install = Install::new(r#""hold_ms":400"#);
    let release = install.release("1.1.0", "");
    assert_eq!(stdout(&install.update(&release)), "version 1.0.0\nversion 1.1.0\n", "{}", install.log());
    assert_settled(&install, "1.1.0");
}

#[cfg(unix)]
#[test]
fn with_a_full_disk_the_old_program_runs_and_a_later_start_updates() {
    let install = Install::new("");
    let release = install.release("1.1.0", "");
    // A write past the limit fails as on a full disk: nothing at all, or the staged file not whole.
    for blocks in ["0", "64"] {
        let script = format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec {} --stage {}",
            install.program().display(),
            release.display()
        );
        let output =
            std::process::Command::new("sh").args(["-c", &script]).env_remove("UPSTEP_ROLE").output().expect("run");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(install.installed_version(), "1.0.0");
    }
    install.settle();
    assert_eq!(stdout(&install.update(&release)), "version 1.0.0\nversion 1.1.0\n", "{}", install.log());
    assert_settled(&install, "1.1.0");
}

#[test]
fn a_damaged_journal_is_set_aside_and_one_of_a_newer_version_is_left_alone() {
    let install = Install::new("");
    install.update(&install.release("1.1.0", ""));
    let journal = install.state().join("journal");
    fs::write(&journal, "upstep-journal nonsense").expect("written");
    assert_eq!(stdout(&install.run(["x"])), "version 1.1.0\n");
    assert!(install.log().contains("the journal was damaged"), "{}", install.log());
    assert!(install.state().join("journal.damaged").exists());
    let body = r#"{"version":9,"min_reader":9,"state":{"kind":"moon"}}"#;
    let newer = format!("upstep-journal {}\n{body}", upstep_model::Digest::of(body.as_bytes()));
    fs::write(&journal, &newer).expect("written");
    install.clear_log();
    assert_eq!(stdout(&install.update(&install.release("1.2.0", ""))), "version 1.1.0\n");
    assert!(install.log().contains("needs a reader of version 9"), "{}", install.log());
    assert_eq!(fs::read_to_string(&journal).expect("there"), newer);
}
