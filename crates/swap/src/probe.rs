//! The probe: a staged program is started once, and must say who it is. What can't load is never
//! swapped in.

use crate::held::{Held, Install};
use crate::journal::State;
use crate::role::{Kind, Role, new_token};
use crate::{Content, Place, Program, Target, Timing, launch::Launch, sys};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use upstep_model::{Digest, Version};

const WORD: &str = "upstep-probe";
/// Most bytes that a program may print before its answer.
const MAX_OUTPUT: u64 = 64 << 10;
/// For how long another thread's fork may hold the written file open.
const BUSY_FOR: Duration = Duration::from_secs(2);

/// What a program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The version that it says it is.
    pub version: Version,
    /// The digest of the file that it runs from.
    pub digest: Digest,
}

/// Why a program did not pass its probe.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The system does not start it.
    #[error("it can't be started: {0}")]
    Start(#[source] io::Error),
    /// It ended without an answer.
    #[error("it ended without answering the probe ({status}); its first library call must come before anything else")]
    NoAnswer {
        /// Its status.
        status: String,
    },
    /// It neither answered nor ended.
    #[error("it did not answer the probe within {} s; its first library call must come before anything else", .0.as_secs_f32())]
    Silent(Duration),
    /// It says that it is another program.
    #[error("it answered the probe as {found}, not as {expected}")]
    Other {
        /// What was to be probed: version and digest.
        expected: String,
        /// What it says.
        found: String,
    },
    /// A program that does not link the library did not end with 0 in time.
    #[error("started with {args}, {found}")]
    Foreign {
        /// Its arguments.
        args: String,
        /// What it did instead.
        found: String,
    },
    /// The probe itself could not be prepared.
    #[error("the probe can't be prepared: {0}")]
    Prepare(String),
}

impl ProbeError {
    /// Whether it speaks against the program, not against this moment.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            ProbeError::Start(error) => !matches!(
                error.kind(),
                io::ErrorKind::ExecutableFileBusy
                    | io::ErrorKind::OutOfMemory
                    | io::ErrorKind::WouldBlock
                    | io::ErrorKind::Interrupted
                    | io::ErrorKind::ResourceBusy
            ),
            ProbeError::Prepare(_) => false,
            ProbeError::NoAnswer { .. }
            | ProbeError::Silent(_)
            | ProbeError::Other { .. }
            | ProbeError::Foreign { .. } => true,
        }
    }
}

/// Starts the marked program at `path` once as a probe. No install is needed or touched: the
/// program is linked or copied into a new folder beside it, or where that can't be in the system's
/// temporary one.
pub fn probe(path: &Path, timing: &Timing) -> Result<Answer, ProbeError> {
    let prepare = |error: &dyn std::fmt::Display| ProbeError::Prepare(format!("{}: {error}", path.display()));
    let path = path.canonicalize().map_err(|error| prepare(&error))?;
    let content = Content::of_file(&path).map_err(|error| prepare(&error))?;
    let beside = path.parent().map(Path::to_owned);
    let folder = beside
        .into_iter()
        .chain([std::env::temp_dir()])
        .find_map(|parent| TemporaryFolder::new(&parent).ok())
        .ok_or_else(|| prepare(&"no folder can be made for it"))?;
    let program = folder.path.join(format!("probed{}", std::env::consts::EXE_SUFFIX));
    link_or_copy(&path, &program).map_err(|error| prepare(&error))?;
    let place = Place::of(&program).map_err(|error| prepare(&error))?;
    let staged = place.kept(&content.digest);
    link_or_copy(&path, &staged).map_err(|error| prepare(&error))?;
    let token = new_token().map_err(|error| prepare(&error))?;
    let install = Arc::new(Install::create(&place).map_err(|error| prepare(&error))?);
    let mut held = Held::try_take(&install).ok().flatten().ok_or_else(|| prepare(&"its lock can't be taken"))?;
    let version = Version::parse("0.0.0").map_err(|error| prepare(&error))?;
    let to = Target { version, digest: content.digest, size: content.size };
    let state = State::Staged { to, base: content, token: Some(token.clone()) };
    held.enter(state).map_err(|error| prepare(&error))?;
    let role = Role::new(Kind::Probe, &token, place.program());
    let answer = ask(&staged, role.value(), &token, timing.probe_within)?;
    if answer.digest != content.digest {
        let (expected, found) = (content.digest.to_string(), answer.digest.to_string());
        return Err(ProbeError::Other { expected, found });
    }
    Ok(answer)
}

/// Refuses an answer that is not the release's.
pub(crate) fn must_be(answer: &Answer, to: &Target) -> Result<(), ProbeError> {
    if (&answer.version, answer.digest) == (&to.version, to.digest) {
        return Ok(());
    }
    let expected = format!("{} ({})", to.version, to.digest);
    Err(ProbeError::Other { expected, found: format!("{} ({})", answer.version, answer.digest) })
}

/// Starts the staged file in the role of probe, and reads its answer.
pub(crate) fn ask(staged: &Path, role: OsString, token: &str, within: Duration) -> Result<Answer, ProbeError> {
    let mut command = Launch::program(staged, Some(role)).command();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = start(&mut command)?;
    let until = Instant::now() + within;
    let found = child.stdout.take().map(|output| read_answer(output, token.to_owned()));
    if let Some(Ok(answer)) = found.map(|found| found.recv_timeout(within)) {
        end(&mut child, Instant::now() + Duration::from_secs(1));
        return Ok(answer);
    }
    // Either it has ended, or closed its output, or the time is over.
    let status = end(&mut child, until);
    Err(status.map_or(ProbeError::Silent(within), |status| ProbeError::NoAnswer { status: status.to_string() }))
}

/// Starts a program that does not link the library with `args`: it must end with 0 in time.
pub(crate) fn ask_foreign(staged: &Path, args: &[OsString], within: Duration) -> Result<(), ProbeError> {
    let mut command = Launch::foreign(staged, args).command();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = start(&mut command)?;
    let found = match end(&mut child, Instant::now() + within) {
        Some(status) if status.success() => return Ok(()),
        Some(status) => format!("it ended with {status}"),
        None => format!("it did not end within {} s", within.as_secs_f32()),
    };
    Err(ProbeError::Foreign { args: format!("{args:?}"), found })
}

fn start(command: &mut Command) -> Result<Child, ProbeError> {
    let until = Instant::now() + BUSY_FOR;
    loop {
        match command.spawn() {
            // Another thread's fork has the file open for writing until its exec.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(20));
            }
            started => return started.map_err(ProbeError::Start),
        }
    }
}

/// Reads on a thread of its own: a program may stay silent with its output open.
fn read_answer(output: impl io::Read + Send + 'static, token: String) -> mpsc::Receiver<Answer> {
    let (answers, found) = mpsc::channel();
    // Where no thread can be had, the channel closes, as for a program that ends.
    let reader = std::thread::Builder::new().name("upstep-probe".to_owned());
    let _ = reader.spawn(move || {
        for line in BufReader::new(output.take(MAX_OUTPUT)).split(b'\n').map_while(Result::ok) {
            if let Some(answer) = parse(&line, &token) {
                let _ = answers.send(answer);
                return;
            }
        }
    });
    found
}

fn parse(line: &[u8], token: &str) -> Option<Answer> {
    let mut words = std::str::from_utf8(line).ok()?.trim_end().split(' ');
    if words.next() != Some(WORD) || words.next() != Some(token) {
        return None;
    }
    let (version, digest) = (words.next()?, words.next()?);
    Some(Answer { version: Version::parse(version).ok()?, digest: Digest::parse(digest).ok()? })
}

/// Waits for the child's end and kills it at `until`; its status if it ended by itself and can be told.
fn end(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

/// The answering side: one line, and the process ends.
pub(crate) fn answer(program: &Program, token: &str) -> ! {
    let answered = sys::running_file().and_then(File::open).and_then(Content::of);
    let code = match answered {
        Ok(content) => {
            // On a line of its own, whatever the program has printed before.
            let line = format!("\n{WORD} {token} {} {}\n", program.version, content.digest);
            let mut output = io::stdout();
            i32::from(output.write_all(line.as_bytes()).and_then(|()| output.flush()).is_err())
        }
        Err(_) => 1,
    };
    sys::exit(code)
}

fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(|_| ()))
}

/// A new folder that is deleted with everything in it.
struct TemporaryFolder {
    path: std::path::PathBuf,
}

impl TemporaryFolder {
    fn new(parent: &Path) -> io::Result<Self> {
        let path = parent.join(format!(".upstep-probe.{}", crate::random_hex::<8>()?));
        std::fs::create_dir(&path)?;
        Ok(TemporaryFolder { path: path.canonicalize()? })
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
