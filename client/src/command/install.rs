//! The install that a command works on: which program, and where its updates come from.

use super::error::CommandError;
use super::output::Output;
use super::saved::Saved;
use crate::check::Subject;
use crate::engine::{self, Engine};
use crate::{Event, Patience, UpdateError};
use std::io::Read;
use std::path::{Path, PathBuf};
use upstep_model::executable::{HEAD, Header};
use upstep_model::marker::{self, LEN, Marker};
use upstep_model::{AppName, Channel, Limits, Platform, Version};
use upstep_swap::{Locked, Options, Place, Session};

/// How much of a program is looked at at once.
const CHUNK: u64 = 1 << 20;

/// Options of every command.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The program.
    #[arg(long, value_name = "PATH")]
    pub(super) exe: PathBuf,
    /// Where updates come from: a patch-server or a file host; several are tried in turn.
    #[arg(long, value_name = "URL")]
    pub(super) url: Vec<String>,
    /// The name under which the program is published; read off a program that links the library.
    #[arg(long, value_name = "NAME")]
    pub(super) app: Option<AppName>,
    /// The stream of releases [default: stable].
    #[arg(long)]
    pub(super) channel: Option<Channel>,
    /// The platform; read off the program's own header.
    #[arg(long, value_name = "TRIPLE")]
    pub(super) platform: Option<Platform>,
    /// The root of trust that the publisher gave away: upstep.root.json.
    #[arg(long, value_name = "FILE")]
    pub(super) root: Option<PathBuf>,
    /// Take updates over http from other machines too; signatures are checked all the same.
    #[arg(long)]
    pub(super) allow_http: bool,
    /// Take no release above this one.
    #[arg(long, value_name = "VERSION")]
    pub(super) pin: Option<Version>,
    /// Most memory in bytes that decoding may take [default: 268435456].
    #[arg(long, value_name = "BYTES")]
    pub(super) memory_limit: Option<u64>,
    /// The version of the program, where the publisher does not know its file.
    #[arg(long, value_name = "VERSION")]
    pub(super) current_version: Option<Version>,
}

/// The install of one program.
pub(super) struct Install {
    pub(super) session: Session,
    pub(super) saved: Saved,
    marker: Option<Marker>,
    current_version: Option<Version>,
    header: Option<Header>,
}

impl Install {
    /// Looks at the program; nothing is written and no request is made.
    pub(super) fn open(target: &Target) -> Result<Self, CommandError> {
        let (marker, header) = look_at(&target.exe)?;
        let session = upstep_swap::attach(&target.exe, &Options::default());
        let mut saved = match session.place() {
            Ok(place) => Saved::read(&place.state_folder()),
            Err(_) => Saved::default(),
        };
        saved.app = target.app.clone().or(saved.app).or_else(|| marker.as_ref().map(|marker| marker.app.clone()));
        saved.channel = target.channel.clone().or(saved.channel);
        saved.platform = target.platform.clone().or(saved.platform);
        saved.allow_http |= target.allow_http;
        saved.pin = target.pin.clone().or(saved.pin);
        saved.memory_limit = target.memory_limit.or(saved.memory_limit);
        if !target.url.is_empty() {
            saved.urls.clone_from(&target.url);
        }
        if let Some(path) = &target.root {
            let read = |source| CommandError::File { operation: "read", path: path.clone(), source };
            saved.root = Some(std::fs::read_to_string(path).map_err(read)?);
        }
        Ok(Install { session, saved, marker, current_version: target.current_version.clone(), header })
    }

    /// Tells what an interrupted update had left and was settled.
    pub(super) fn tell_events(&self, output: &Output) {
        self.session.events().into_iter().filter_map(Event::of_install).for_each(|event| output.event(&event));
    }

    /// The install place, or why there are no updates in it.
    pub(super) fn place(&self) -> Result<Place, CommandError> {
        Ok(engine::place(&self.session)?)
    }

    /// Takes the lock.
    pub(super) fn lock(&self) -> Result<Locked, CommandError> {
        Ok(engine::lock(&self.session)?)
    }

    /// What was asked for, as far as it is known.
    pub(super) fn subject(&self) -> Result<Subject, CommandError> {
        let needed = |what, hint| CommandError::Needed { what, found: "it is not known for this program".into(), hint };
        let app = self.saved.app.clone();
        Ok(Subject {
            app: app.ok_or_else(|| needed("the app's name", "name it with --app"))?,
            channel: self.saved.channel.clone().unwrap_or_else(Channel::stable),
            platform: self.platform().ok_or_else(|| needed("the platform", "name it with --platform"))?,
        })
    }

    fn platform(&self) -> Option<Platform> {
        let marked = || self.marker.as_ref().map(|marker| marker.platform.clone());
        self.saved.platform.clone().or_else(marked).or_else(|| self.header.as_ref().map(Header::platform))
    }

    /// Everything that an update needs.
    pub(super) fn engine(&self) -> Result<Engine, CommandError> {
        let root = self.saved.root.as_ref().ok_or_else(|| CommandError::Needed {
            what: "a root of trust",
            found: "none is known for this program".into(),
            hint: "name the publisher's upstep.root.json with --root",
        })?;
        let memory = self.saved.memory_limit.unwrap_or(Limits::default().memory);
        Ok(Engine {
            subject: self.subject()?,
            version: self.version(),
            root: root.clone().into_bytes(),
            addresses: Engine::addresses(&self.saved.urls, self.saved.allow_http)?,
            allow_http: self.saved.allow_http,
            limits: Limits { memory, ..Limits::default() },
            patience: Patience::default(),
            pin: self.saved.pin.clone(),
        })
    }

    /// The version that the program says it has, or its user.
    pub(super) fn version(&self) -> Option<Version> {
        self.current_version.clone().or_else(|| self.marker.as_ref().map(|marker| marker.version.clone()))
    }
}

/// Marker and header of a program, where it has them.
fn look_at(exe: &Path) -> Result<(Option<Marker>, Option<Header>), CommandError> {
    let failed = |source| CommandError::File { operation: "read", path: exe.to_owned(), source };
    let mut file = std::fs::File::open(exe).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is no regular file")));
    }
    let (mut header, mut is_first) = (None, true);
    let mut window = Vec::new();
    loop {
        // A marker may lie across two reads: the end of one is looked at again with the next.
        window.drain(..window.len().saturating_sub(LEN - 1));
        let read = Read::by_ref(&mut file).take(CHUNK).read_to_end(&mut window).map_err(failed)?;
        if is_first {
            header = Header::read(&window[..HEAD.min(window.len())]);
            is_first = false;
        }
        if let Some((_, marker)) = marker::find(&window).into_iter().next() {
            return Ok((Some(marker), header));
        }
        if read == 0 {
            return Ok((None, header));
        }
    }
}

/// Runs `work` to its end.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, UpdateError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| UpdateError::Thread { source: Some(source) })?;
    Ok(runtime.block_on(work)?)
}
