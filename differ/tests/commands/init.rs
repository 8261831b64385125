//! `differ init`

use crate::sandbox::Sandbox;
use std::process::Output;
use tempfile::TempDir;

/// An empty folder, and the command in it.
struct Empty(TempDir);

impl Empty {
    fn new() -> Self {
        Empty(tempfile::tempdir().expect("a folder"))
    }

    fn run(&self, args: &[&str], passphrase: Option<&str>) -> Output {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_differ"));
        command.args(args).current_dir(self.0.path()).stdin(std::process::Stdio::null());
        command.env_remove("UPSTEP_PROJECT").env_remove("UPSTEP_PASSPHRASE");
        if let Some(passphrase) = passphrase {
            command.env("UPSTEP_PASSPHRASE", passphrase);
        }
        command.output().expect("the command starts")
    }

    /// Runs a command that must fail; what it says.
    fn fails(&self, args: &[&str], passphrase: Option<&str>) -> String {
        let output = self.run(args, passphrase);
        assert!(!output.status.success(), "{args:?} succeeded");
        assert_eq!(output.stdout, b"", "{args:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).expect(name)
    }

    /// Every file and folder, by its path.
    fn tree(&self) -> Vec<String> {
        let mut tree = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path.clone());
                }
                tree.push(path.strip_prefix(self.0.path()).expect("inside").to_str().expect("text").replace('\\', "/"));
            }
        }
        tree.sort();
        tree
    }
}

const TREE: [&str; 8] = [
    "keys",
    "keys/.gitignore",
    "keys/root.pem",
    "keys/snapshot.pem",
    "keys/targets.pem",
    "keys/timestamp.pem",
    "upstep.root.json",
    "upstep.toml",
];

#[test]
fn it_writes_the_project_and_prints_what_goes_into_main() {
    let empty = Empty::new();
    let output = empty.run(&["init", "--app", "hello"], None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    for line in [r#"upstep::app!("hello")"#, ".start();", "up.update_at_start();", "differ publish"] {
        assert!(text.contains(line), "{text} lacks {line}");
    }
    assert_eq!(empty.tree(), TREE);
    assert!(empty.read("keys/targets.pem").starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!(empty.read("keys/.gitignore"), "*\n");
    let root = upstep_trust::parse_root(empty.read("upstep.root.json").as_bytes()).expect("a root");
    assert_eq!(root.version, 1);
}

#[cfg(unix)]
#[test]
fn keys_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let empty = Empty::new();
    empty.run(&["init", "--app", "hello"], None);
    let mode = |name: &str| std::fs::metadata(empty.0.path().join(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!(mode("keys"), 0o700);
    for key in TREE.iter().filter(|name| name.ends_with(".pem")) {
        assert_eq!(mode(key), 0o600, "{key}");
    }
}

#[test]
fn it_overwrites_nothing_and_leaves_nothing_half_written() {
    for name in TREE.iter().filter(|name| name.ends_with(".pem") || name.starts_with("upstep")) {
        let empty = Empty::new();
        let path = empty.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, "mine").expect("written");
        let before = empty.tree();
        let error = empty.fails(&["init", "--app", "hello"], None);
        assert!(error.contains(name) && error.contains("exists already"), "{error}");
        assert_eq!((empty.tree(), empty.read(name).as_str()), (before, "mine"));
    }
}

#[test]
fn a_failure_at_the_last_file_takes_the_others_away_again() {
    let empty = Empty::new();
    let name = format!("{}.toml", "x".repeat(300));
    let error = empty.fails(&["init", "--app", "hello", "--project", &name], None);
    assert!(error.contains("can't create"), "{error}");
    assert_eq!(empty.tree(), Vec::<String>::new());
    // A file where the folder of the keys should be.
    std::fs::write(empty.0.path().join("keys"), "mine").expect("written");
    empty.fails(&["init", "--app", "hello"], None);
    assert_eq!(empty.tree(), ["keys"]);
}

#[test]
fn a_killed_first_try_is_noticed_and_not_overwritten() {
    let empty = Empty::new();
    std::fs::create_dir(empty.0.path().join("keys")).expect("made");
    std::fs::write(empty.0.path().join("keys/root.pem"), "half").expect("written");
    assert!(empty.fails(&["init", "--app", "hello"], None).contains("keys/root.pem"));
}

#[test]
fn a_passphrase_encrypts_every_key() {
    let empty = Empty::new();
    let output = empty.run(&["init", "--app", "hello"], Some("correct horse"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for key in TREE.iter().filter(|name| name.ends_with(".pem")) {
        assert!(empty.read(key).starts_with("-----BEGIN AGE ENCRYPTED FILE-----"), "{key}");
    }
    let empty = Empty::new();
    assert!(empty.fails(&["init", "--app", "hello"], Some("")).contains("empty passphrase"));
    let error = empty.fails(&["init", "--app", "hello", "--passphrase"], None);
    assert!(error.contains("UPSTEP_PASSPHRASE"), "{error}");
    assert_eq!(empty.tree(), Vec::<String>::new());
}

#[test]
fn lifetimes_are_options() {
    let empty = Empty::new();
    let output = empty.run(&["init", "--app", "hello", "--static", "--targets-lifetime", "36h"], None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let project = empty.read("upstep.toml");
    for line in ["root = \"730d\"", "targets = \"36h\"", "snapshot = \"45d\"", "timestamp = \"45d\""] {
        assert!(project.contains(line), "{project} lacks {line}");
    }
    let empty = Empty::new();
    let error = empty.fails(&["init", "--app", "hello", "--root-lifetime", "2 years"], None);
    assert!(error.contains("such as 45d"), "{error}");
    assert!(empty.fails(&["init", "--app", "hello", "--root-lifetime", "0d"], None).contains("lifetime"));
    assert_eq!(empty.tree(), Vec::<String>::new());
}

#[test]
fn names_that_can_not_be_are_wrong_usage() {
    let empty = Empty::new();
    for bad in ["Hello", "", "a/b", "v1", "../x"] {
        let output = empty.run(&["init", "--app", bad], None);
        assert_eq!(output.status.code(), Some(2), "{bad:?}");
    }
    assert_eq!(empty.run(&["init", "--app", "hello", "--channel", "Beta!"], None).status.code(), Some(2));
    assert_eq!(empty.tree(), Vec::<String>::new());
}

#[test]
fn without_a_project_every_command_says_how_to_begin() {
    let empty = Empty::new();
    for args in [&["keys", "status"][..], &["resign"], &["list"]] {
        let error = empty.fails(args, None);
        assert!(error.contains("upstep.toml") && error.contains("differ init"), "{error}");
    }
}

#[test]
fn a_project_in_another_folder_finds_its_store_and_keys() {
    let sandbox = Sandbox::new();
    let elsewhere = Empty::new();
    let project = sandbox.path("upstep.toml");
    let output = elsewhere.run(&["keys", "status", "--project", project.to_str().expect("text")], None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
