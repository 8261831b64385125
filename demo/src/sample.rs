//! The versions of the sample program: `client/examples/hello.rs`, to which each version adds
//! real code of its own.

use crate::Outcome;
use crate::cargo::Cargo;
use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};

/// What each version adds: its module and the module's source.
const PARTS: [(&str, &str, &str); 4] = [
    ("1.0.0", "words", include_str!("../sample/words.rs")),
    ("1.1.0", "calculator", include_str!("../sample/calculator.rs")),
    ("1.2.0", "similarity", include_str!("../sample/similarity.rs")),
    ("1.3.0", "matrix", include_str!("../sample/matrix.rs")),
];

/// The place in the sample where a version's own code goes.
const WORK: &str = "// demo: work";

/// The end of the first library call: a program that dies here has passed the probe.
const FIRST_CALL: &str = ".start();";

/// A version of the sample program.
pub struct Sample {
    /// Its version.
    pub version: &'static str,
    /// How many of [`PARTS`] it has.
    parts: usize,
    /// Whether it crashes right after its first library call.
    crashes: bool,
}

impl Sample {
    /// The four good versions.
    pub fn good() -> [Sample; 4] {
        std::array::from_fn(|at| Sample { version: PARTS[at].0, parts: at + 1, crashes: false })
    }

    /// 1.4.0, which does not work.
    pub fn broken() -> Sample {
        Sample { version: "1.4.0", parts: 4, crashes: true }
    }

    /// 1.4.1, which works again.
    pub fn mended() -> Sample {
        Sample { version: "1.4.1", parts: 4, crashes: false }
    }

    /// Writes the version as a package of its own and builds it; the program's path.
    pub fn build(&self, cargo: &Cargo, root_json: &Path) -> Outcome<PathBuf> {
        let package = cargo.output().join("src").join(format!("hello-{}", self.version));
        fs::create_dir_all(package.join("src"))?;
        fs::write(package.join("Cargo.toml"), self.manifest(cargo.workspace()))?;
        fs::copy(cargo.workspace().join("Cargo.lock"), package.join("Cargo.lock"))?;
        fs::copy(root_json, package.join("upstep.root.json"))?;
        for (_, module, source) in &PARTS[..self.parts] {
            fs::write(package.join("src").join(format!("{module}.rs")), source)?;
        }
        let hello = fs::read_to_string(cargo.workspace().join("client/examples/hello.rs"))?;
        fs::write(package.join("src/main.rs"), self.main(&hello)?)?;
        let built = cargo.build(&package, "hello")?;
        let program = cargo.output().join(format!("hello-{}{}", self.version, EXE_SUFFIX));
        fs::copy(&built, &program)?;
        Ok(program)
    }

    fn manifest(&self, workspace: &Path) -> String {
        // The same dependencies as the workspace's, so that what is built for one serves the other.
        let (client, globset) = (workspace.join("client"), workspace.join("crates/globset"));
        format!(
            "[package]\nname = \"hello\"\nversion = \"{}\"\nedition = \"2024\"\n\n[dependencies]\nupstep = {{ path = {:?}, default-features = false }}\n\n\
             [profile.release]\ndebug = false\nstrip = \"symbols\"\n\n[patch.crates-io]\nglobset = {{ path = {:?} }}\n\n[workspace]\n",
            self.version, client, globset
        )
    }

    fn main(&self, hello: &str) -> Outcome<String> {
        for mark in [WORK, FIRST_CALL] {
            if hello.matches(mark).count() != 1 {
                return Err(format!("client/examples/hello.rs must contain {mark:?} once").into());
            }
        }
        let modules: String = PARTS[..self.parts].iter().map(|(_, module, _)| format!("mod {module};\n")).collect();
        let calls: String =
            PARTS[..self.parts].iter().map(|(_, module, _)| format!("{module}::work();\n    ")).collect();
        let mut source = hello.replace(WORK, calls.trim_end());
        if self.crashes {
            source = source.replace(FIRST_CALL, &format!("{FIRST_CALL}\n    std::process::abort();"));
            source.insert_str(0, "#![allow(unreachable_code, unused_variables)]\n");
        }
        // Inner documentation stays first.
        let at = source
            .lines()
            .take_while(|line| line.starts_with("//!") || line.starts_with("#!"))
            .map(|line| line.len() + 1)
            .sum();
        source.insert_str(at, &format!("#![allow(dead_code)]\n{modules}"));
        Ok(source)
    }
}
