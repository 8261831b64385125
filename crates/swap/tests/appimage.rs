//! AppImages: the file around the program is what is installed. `examples/swapped.rs` stands for
//! the runtime: no test needs a mount.
#![cfg(target_os = "linux")]

mod support;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{Install, await_some, kill, stdout, version_of, write_version};

/// An install whose program is an AppImage.
struct Image {
    install: Install,
    path: PathBuf,
}

fn mark(path: &Path) {
    let mut bytes = fs::read(path).expect("readable");
    bytes[8..11].copy_from_slice(b"AI\x02");
    fs::write(path, bytes).expect("written");
}

impl Image {
    fn new(behaviour: &str) -> Self {
        let install = Install::new("");
        let path = install.folder().join("Hello.AppImage");
        write_version(&path, "1.0.0", behaviour);
        mark(&path);
        fs::remove_file(install.program()).expect("removed");
        fs::create_dir(install.root.path().join("mounts")).expect("a folder");
        Image { install, path }
    }

    fn release(&self, version: &str, behaviour: &str) -> PathBuf {
        let release = self.install.release(version, behaviour);
        mark(&release);
        release
    }

    fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.install.command_of(&self.path, args);
        command.env("TESTEE_MOUNTS", self.install.root.path().join("mounts"));
        command
    }

    fn update(&self, release: &Path) -> Output {
        self.command([OsStr::new("--stage"), release.as_os_str()]).output().expect("it starts")
    }
}

#[test]
fn the_file_that_the_variable_names_is_swapped_and_nothing_in_the_mount() {
    let image = Image::new("");
    let release = image.release("1.1.0", "");
    let output = image.update(&release);
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.1.0\n", "{}", image.install.log());
    assert_eq!(fs::read(&image.path).expect("there"), fs::read(&release).expect("there"));
    let beside = |name: &str| image.install.folder().join(name);
    assert!(beside(".Hello.AppImage.upstep").is_dir());
    // The next start cleans up, and every mount has its program alone.
    let output = image.command([""; 0]).output().expect("it starts");
    assert_eq!(stdout(&output), "version 1.1.0\n", "{}", image.install.log());
    assert_eq!(fs::read_dir(image.install.folder()).expect("a folder").count(), 2);
    let mounts = fs::read_dir(image.install.root.path().join("mounts")).expect("a folder");
    let programs: Vec<usize> =
        mounts.map(|mount| fs::read_dir(mount.expect("an entry").path()).expect("a folder").count()).collect();
    assert!(programs.len() >= 4, "first process, updater, probe, new version: {}", programs.len());
    assert!(programs.iter().all(|count| *count == 1), "{programs:?}");
}

#[test]
fn an_appimage_that_crashes_in_its_trial_is_taken_back() {
    let image = Image::new("");
    let old = fs::read(&image.path).expect("there");
    let output = image.update(&image.release("1.1.0", r#""before_in_trial":["segv"]"#));
    assert_eq!(stdout(&output), "version 1.0.0\nversion 1.0.0\n", "{}", image.install.log());
    assert_eq!(fs::read(&image.path).expect("there"), old);
}

#[test]
fn the_updater_that_stays_keeps_its_mount_and_nothing_else_that_it_inherited() {
    let image = Image::new("");
    let release = image.release("1.1.0", r#""after":["confirm","hang"]"#);
    let mut first = image.command([OsStr::new("--stage"), release.as_os_str()]).spawn().expect("it starts");
    let program = image.install.await_line("hang");
    let open = |number: u32| Path::new(&format!("/proc/{}/fd/{number}", first.id())).symlink_metadata().is_ok();
    await_some("the updater lets go of what it inherited", || (!open(901)).then_some(()));
    assert!(open(900), "closing the pipe would unmount what the updater runs from");
    kill(program, libc::SIGKILL);
    first.wait().expect("it ends");
}

#[test]
fn variables_that_another_appimage_has_left_are_not_believed() {
    let install = Install::new("");
    let other = install.root.path().join("Other.AppImage");
    write_version(&other, "5.0.0", "");
    mark(&other);
    let before = fs::read(&other).expect("there");
    let release = install.release("1.1.0", "");
    let mut command = install.command([OsStr::new("--stage"), release.as_os_str()]);
    let output = command.env("APPIMAGE", &other).env("APPDIR", install.root.path().join("mounts")).output();
    assert_eq!(stdout(&output.expect("it starts")), "version 1.0.0\nversion 1.1.0\n", "{}", install.log());
    assert_eq!(version_of(&install.program()), "1.1.0");
    assert_eq!(fs::read(&other).expect("there"), before);
}

#[test]
fn a_program_that_was_unpacked_for_one_start_is_not_updated() {
    let install = Install::new("");
    let folder = install.root.path().join("appimage_extracted_0123456789abcdef");
    fs::create_dir(&folder).expect("a folder");
    let program = folder.join("hello");
    write_version(&program, "1.0.0", "");
    let release = install.release("1.1.0", "");
    let output = install.command_of(&program, [OsStr::new("--stage"), release.as_os_str()]).output();
    assert_eq!(stdout(&output.expect("it starts")), "version 1.0.0\n");
    assert!(install.log().contains("--appimage-extract-and-run"), "{}", install.log());
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
}
