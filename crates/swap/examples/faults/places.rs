//! Install places that only root can set up: other users' files, file capabilities, a full disk.

use crate::support::{Install, stdout};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};

const USER: u32 = 65_534;
const OTHER: u32 = 65_533;

/// Plays all of them; panics where one does not hold.
pub fn check() {
    assert!(rustix::process::geteuid().is_root(), "this suite sets up files of other users: run it as root");
    roots_update_of_a_users_program_leaves_its_files_to_the_user();
    a_state_folder_of_another_user_is_not_used();
    a_program_of_another_user_is_not_updated();
    a_program_with_capabilities_is_not_updated();
    a_disk_that_runs_full_leaves_the_old_program();
    println!("places: 5 hold");
}

/// The program and its folder belong to a user.
fn owned_install() -> Install {
    let install = Install::new("");
    fs::set_permissions(install.root.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
    for path in [install.folder(), install.program()] {
        chown(path, Some(USER), Some(USER)).expect("an owner");
    }
    install
}

fn update_as(install: &Install, user: u32, release: &Path) -> Output {
    let mut command = install.command([OsStr::new("--stage"), release.as_os_str()]);
    command.uid(user).gid(user).output().expect("run")
}

fn assert_refused(install: &Install, output: &Output, reason: &str) {
    assert_eq!((output.status.code(), stdout(output).as_str()), (Some(0), "version 1.0.0\n"), "{}", install.log());
    assert!(install.log().contains(reason), "{reason}: {}", install.log());
    assert_eq!(install.installed_version(), "1.0.0");
}

fn roots_update_of_a_users_program_leaves_its_files_to_the_user() {
    let install = owned_install();
    let output = install.update(&install.release("1.1.0", ""));
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.1.0\n", "{}", install.log());
    let state = install.state();
    for path in [install.program(), state.clone(), state.join("journal"), state.join("lock"), state.join("downloads")] {
        assert_eq!(fs::metadata(&path).expect("there").uid(), USER, "{}", path.display());
    }
    // The user's own start reads what root has written.
    let _ = fs::remove_file(install.log_path());
    let output = update_as(&install, USER, &install.release("1.2.0", ""));
    assert_eq!(stdout(&output), "version 1.1.0\nversion 1.2.0\n", "{}", install.log());
}

fn a_state_folder_of_another_user_is_not_used() {
    let install = owned_install();
    fs::create_dir(install.state()).expect("a folder");
    fs::set_permissions(install.state(), fs::Permissions::from_mode(0o755)).expect("a mode");
    chown(install.state(), Some(OTHER), Some(OTHER)).expect("an owner");
    let release = install.release("1.1.0", "");
    let output = update_as(&install, USER, &release);
    assert_refused(&install, &output, "it belongs to user 65533");
}

fn a_program_of_another_user_is_not_updated() {
    let install = owned_install();
    chown(install.program(), Some(OTHER), Some(OTHER)).expect("an owner");
    let release = install.release("1.1.0", "");
    let output = update_as(&install, USER, &release);
    assert_refused(&install, &output, "belongs to user 65533, this process runs as user 65534");
}

fn a_program_with_capabilities_is_not_updated() {
    let install = Install::new("");
    // VFS_CAP_REVISION_2, CAP_NET_BIND_SERVICE permitted and effective.
    let mut value = [0u8; 20];
    value[..4].copy_from_slice(&0x0200_0001u32.to_le_bytes());
    value[4..8].copy_from_slice(&(1u32 << 10).to_le_bytes());
    xattr::set(install.program(), "security.capability", &value).expect("capabilities");
    let release = install.release("1.1.0", "");
    let output = install.update(&release);
    assert_refused(&install, &output, "file capabilities");
}

fn a_disk_that_runs_full_leaves_the_old_program() {
    let install = Install::new("");
    let program = fs::read(install.program()).expect("read");
    let size = program.len() + program.len() / 2;
    let mount = |arguments: &[&OsStr]| Command::new("mount").args(arguments).status().expect("mount").success();
    let options = format!("size={size},mode=755");
    let folder = install.folder();
    let words = ["-t", "tmpfs", "-o", &options, "tmpfs"].map(OsStr::new);
    let mounted = mount(&[&words[..], &[folder.as_os_str()]].concat());
    assert!(mounted, "a small disk is mounted");
    crate::support::program::write(&install.program(), &program);
    let release = install.release("1.1.0", "");
    let output = install.update(&release);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "version 1.0.0\n"), "{}", install.log());
    assert!(install.log().contains("No space left"), "{}", install.log());
    install.settle();
    assert_eq!(install.strays(), Vec::<String>::new());
    assert!(mount(&[OsStr::new("-o"), OsStr::new("remount,size=10%"), folder.as_os_str()]), "the disk has room again");
    let output = install.update(&release);
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.1.0\n", "{}", install.log());
    assert!(Command::new("umount").arg(&folder).status().expect("umount").success());
}
