//! Programs that a package manager owns: nothing is asked of the server, and the user is told what
//! updates them.

use crate::support::author::Author;
use crate::support::host::Host;
use crate::support::script::{Installed, script};
use crate::support::testee::{Testee, author, testee};
use crate::support::{ends_with, stderr, stdout};
use std::env::consts::EXE_SUFFIX;
use std::path::Path;

/// Where each manager puts a program, what it leaves beside it, and the command that updates it.
const MANAGERS: [(&str, &str, &str, &str); 4] = [
    (
        "bin/NAME",
        ".crates2.json",
        r#"{"installs":{"pack 1.0.0 (registry+x)":{"bins":["NAME.EXE"]}}}"#,
        "cargo install pack",
    ),
    ("Cellar/pack/1.0/bin/NAME", "Cellar/pack/1.0/INSTALL_RECEIPT.json", "{}", "brew upgrade pack"),
    ("lib/node_modules/pack/bin/NAME", "lib/node_modules/pack/package.json", "{}", "npm update -g pack"),
    WHEEL,
];

#[cfg(unix)]
const WHEEL: (&str, &str, &str, &str) = (
    "bin/NAME",
    "lib/python3.11/site-packages/pack-1.0.dist-info/RECORD",
    "../../../bin/NAME.EXE,sha256=x,1\n",
    "pip install --upgrade pack",
);
#[cfg(windows)]
const WHEEL: (&str, &str, &str, &str) = (
    "Scripts/NAME",
    "Lib/site-packages/pack-1.0.dist-info/RECORD",
    "../../Scripts/NAME.EXE,sha256=x,1\n",
    "pip install --upgrade pack",
);

fn write(folder: &Path, path: &str, text: &str, program: &str) {
    let text = text.replace("NAME.EXE", &format!("{program}{EXE_SUFFIX}"));
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("written");
}

#[test]
fn a_packaged_program_is_known_before_any_request_and_its_user_is_told_the_command() {
    let author = author();
    let host = Host::of_folder(author.store());
    for (program, file, text, command) in MANAGERS {
        let program = program.replace("NAME", "testee");
        let installed = Testee::new_at(&author, &testee("1.0.0", "{}"), &program);
        write(installed.folder.path(), file, text, "testee");
        let output = installed.run(&host.url());
        ends_with(&output, 0);
        let text = stdout(&output);
        assert_eq!(text.matches("event No update: ").count(), 1, "{text}");
        assert!(text.contains(&format!("update it with `{command}`")), "{text}");
        assert!(text.ends_with("end of 1.0.0\n"), "{text}");
        let beside = std::fs::read_dir(installed.program.parent().expect("a folder")).expect("a folder").count();
        assert_eq!(beside, 1, "nothing is written");
    }
    assert!(host.take_requests().is_empty());
}

#[test]
fn the_command_refuses_a_packaged_program_and_the_doctor_names_what_updates_it() {
    let author = Author::new("tool");
    author.publish("1.1.0", &script("1.1.0"));
    let host = Host::of_folder(author.store());
    for (program, file, text, command) in MANAGERS {
        let installed = Installed::new_at(&author, &script("1.0.0"), &program.replace("NAME", "tool"));
        write(installed.folder.path(), file, text, "tool");
        let output = installed.update(&host.url());
        ends_with(&output, 22);
        assert!(stderr(&output).contains(&format!("hint: update it with `{command}`")), "{}", stderr(&output));
        let doctor = installed.upstep_alone("doctor").output().expect("it runs");
        ends_with(&doctor, 0);
        assert!(stdout(&doctor).contains(&format!("hint: update it with `{command}`")), "{}", stdout(&doctor));
        assert_eq!(installed.version(), "1.0.0");
    }
    assert!(host.take_requests().is_empty());
}

#[cfg(unix)]
#[test]
fn a_place_that_cannot_be_written_is_reported_with_what_to_do() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;
    let author = Author::new("tool");
    author.publish("1.1.0", &script("1.1.0"));
    let host = Host::of_folder(author.store());
    let installed = Installed::new(&author, &script("1.0.0"));
    // A copy of the command and of the root, for a user who may not read where they are built.
    let elsewhere = tempfile::TempDir::new().expect("a temporary folder");
    let (command, root) = (elsewhere.path().join("upstep"), elsewhere.path().join("root.json"));
    let built = std::fs::read(env!("CARGO_BIN_EXE_upstep")).expect("built");
    crate::support::program::write(&command, &built);
    std::fs::copy(author.root(), &root).expect("copied");
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    mode(elsewhere.path(), 0o755);
    mode(&root, 0o644);
    mode(installed.folder.path(), 0o555);
    let run = |verb: &str| {
        let mut run = Command::new(&command);
        run.arg(verb).arg("--exe").arg(&installed.program).args(["--url", &host.url(), "--app", "tool"]);
        run.args(["--platform", crate::support::author::PLATFORM]).arg("--root").arg(&root);
        crate::support::plain(&mut run);
        if std::fs::metadata(installed.folder.path()).is_ok_and(|metadata| metadata.uid() == 0) {
            // Root may write anywhere.
            run.uid(65_534).gid(65_534);
        }
        run.output().expect("it runs")
    };
    let (update, doctor) = (run("update"), run("doctor"));
    mode(installed.folder.path(), 0o755);
    ends_with(&update, 22);
    ends_with(&doctor, 0);
    for text in [stderr(&update), stdout(&doctor)] {
        assert!(text.contains("can't be written"), "{text}");
        assert!(text.contains("hint: update it as a user who may write there"), "{text}");
    }
    assert!(host.take_requests().is_empty());
}
