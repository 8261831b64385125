//! The journal's document: the one record of an install (`docs/formats.md`, 'Journal').

use crate::{Content, Event, Quarantined, Target};
use serde::{Deserialize, Serialize};
use upstep_model::{Digest, Version};

/// The format that this code writes.
pub(crate) const VERSION: u32 = 1;
/// What this code is as a reader.
pub(crate) const READER: u32 = 1;
/// The file's name in the state folder.
pub(crate) const NAME: &str = "journal";
/// Longest journal in bytes.
pub(crate) const MAX: u64 = 256 << 10;
const MAGIC: &str = "upstep-journal ";
const MAX_QUARANTINE: usize = 64;
const MAX_OUTCOMES: usize = 8;
const MAX_REASON: usize = 500;

/// The journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Journal {
    version: u32,
    min_reader: u32,
    #[serde(default)]
    pub(crate) install_id: Option<String>,
    pub(crate) state: State,
    #[serde(default)]
    pub(crate) quarantine: Vec<Quarantined>,
    #[serde(default)]
    pub(crate) backup: Option<Backup>,
    #[serde(default)]
    pub(crate) outcomes: Vec<Outcome>,
    /// What a newer writer has put there: kept.
    #[serde(flatten)]
    other: serde_json::Map<String, serde_json::Value>,
}

/// What is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum State {
    Idle,
    Downloading {
        to: Target,
    },
    Staged {
        to: Target,
        base: Content,
        #[serde(default)]
        token: Option<String>,
    },
    Swapping {
        to: Target,
        base: Content,
        token: String,
    },
    Trial {
        to: Target,
        base: Content,
        n: u32,
        tokens: Vec<String>,
    },
    RollingBack {
        to: Target,
        base: Content,
        reason: String,
    },
}

/// The version before the installed one, kept for `rollback --exe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Backup {
    /// What is kept.
    pub(crate) content: Content,
    /// What has replaced it.
    pub(crate) replaced_by: Target,
}

/// How an update ended, not yet told to the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) kind: OutcomeKind,
    pub(crate) version: Version,
    pub(crate) digest: Digest,
    pub(crate) reason: String,
}

/// The kinds of [`Outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OutcomeKind {
    RolledBack,
    ProbeFailed,
    SwapFailed,
    #[serde(other)]
    Unknown,
}

/// Why bytes are no journal to act on.
#[derive(Debug, PartialEq)]
pub(crate) enum Unreadable {
    Damaged(&'static str),
    TooNew { min_reader: u32 },
}

impl Default for Journal {
    fn default() -> Self {
        Journal {
            version: VERSION,
            min_reader: READER,
            install_id: None,
            state: State::Idle,
            quarantine: Vec::new(),
            backup: None,
            outcomes: Vec::new(),
            other: serde_json::Map::new(),
        }
    }
}

impl Journal {
    /// The file's bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut journal = self.clone();
        (journal.version, journal.min_reader) = (VERSION, READER);
        let body = serde_json::to_vec(&journal).expect("a journal has only string keys");
        let mut bytes = format!("{MAGIC}{}\n", Digest::of(&body)).into_bytes();
        bytes.extend(body);
        bytes
    }

    /// Reads the file's bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Readers {
            min_reader: u32,
        }
        let damaged = Unreadable::Damaged;
        let end = bytes.iter().position(|&byte| byte == b'\n').ok_or(damaged("it has no first line"))?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| damaged("its first line is not text"))?;
        let digest = head.strip_prefix(MAGIC).ok_or(damaged("it does not begin as a journal"))?;
        let body = &bytes[end + 1..];
        if Digest::parse(digest) != Ok(Digest::of(body)) {
            return Err(damaged("its checksum is wrong"));
        }
        let Readers { min_reader } = serde_json::from_slice(body).map_err(|_| damaged("it names no reader"))?;
        if min_reader > READER {
            return Err(Unreadable::TooNew { min_reader });
        }
        serde_json::from_slice(body).map_err(|_| damaged("it lacks fields"))
    }

    /// Whether a release failed here.
    pub(crate) fn is_quarantined(&self, digest: &Digest) -> bool {
        self.quarantine.iter().any(|entry| entry.digest == *digest)
    }

    /// Puts a release into quarantine.
    pub(crate) fn put_into_quarantine(&mut self, to: &Target, reason: &str) {
        if !self.is_quarantined(&to.digest) {
            let reason = shorten(reason);
            self.quarantine.push(Quarantined { version: to.version.clone(), digest: to.digest, reason });
            let over = self.quarantine.len().saturating_sub(MAX_QUARANTINE);
            self.quarantine.drain(..over);
        }
    }

    /// Notes how an update ended, for the program's next start.
    pub(crate) fn note(&mut self, kind: OutcomeKind, to: &Target, reason: &str) {
        let outcome = Outcome { kind, version: to.version.clone(), digest: to.digest, reason: shorten(reason) };
        self.outcomes.retain(|other| (other.kind, other.digest) != (kind, to.digest));
        self.outcomes.push(outcome);
        let over = self.outcomes.len().saturating_sub(MAX_OUTCOMES);
        self.outcomes.drain(..over);
    }
}

impl State {
    /// The release that it is about.
    pub(crate) fn to(&self) -> Option<&Target> {
        match self {
            State::Idle => None,
            State::Downloading { to }
            | State::Staged { to, .. }
            | State::Swapping { to, .. }
            | State::Trial { to, .. }
            | State::RollingBack { to, .. } => Some(to),
        }
    }

    /// The base.
    pub(crate) fn base(&self) -> Option<&Content> {
        match self {
            State::Idle | State::Downloading { .. } => None,
            State::Staged { base, .. }
            | State::Swapping { base, .. }
            | State::Trial { base, .. }
            | State::RollingBack { base, .. } => Some(base),
        }
    }

    /// Whether an updater may still have to reach a verdict.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, State::Swapping { .. } | State::Trial { .. } | State::RollingBack { .. })
    }
}

impl From<Outcome> for Event {
    fn from(outcome: Outcome) -> Event {
        let Outcome { kind, version, digest, reason } = outcome;
        match kind {
            OutcomeKind::RolledBack => Event::RolledBack { version, digest, reason },
            OutcomeKind::ProbeFailed => Event::ProbeFailed { version, digest, reason },
            OutcomeKind::SwapFailed => Event::SwapFailed { version, reason },
            OutcomeKind::Unknown => Event::Recovered { reason },
        }
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target { version: Version::parse("1.2.0").expect("a version"), digest: Digest::of(b"new"), size: 3 }
    }

    fn sample() -> Journal {
        let base = Content { digest: Digest::of(b"old"), size: 3 };
        let state = State::Trial { to: target(), base, n: 2, tokens: vec!["a".repeat(32)] };
        Journal { state, ..Journal::default() }
    }

    #[test]
    fn what_was_written_is_read_and_every_flipped_byte_and_every_cut_is_noticed() {
        let bytes = sample().encode();
        assert_eq!(Journal::decode(&bytes), Ok(sample()));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(Journal::decode(&flipped).is_err(), "byte {at} flipped");
            assert!(Journal::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_journal_for_newer_readers_is_told_apart_from_a_damaged_one() {
        let text = String::from_utf8(sample().encode()).expect("text");
        let body = text.split_once('\n').expect("two parts").1;
        let body =
            body.replace("\"min_reader\":1", "\"min_reader\":2").replace("\"kind\":\"trial\"", "\"kind\":\"later\"");
        let bytes = format!("{MAGIC}{}\n{body}", Digest::of(body.as_bytes())).into_bytes();
        assert_eq!(Journal::decode(&bytes), Err(Unreadable::TooNew { min_reader: 2 }));
    }

    #[test]
    fn fields_of_a_newer_writer_survive_a_write() {
        let text = String::from_utf8(sample().encode()).expect("text");
        let body =
            text.split_once('\n').expect("two parts").1.replace("\"backup\":", "\"later\":{\"a\":1},\"backup\":");
        let bytes = format!("{MAGIC}{}\n{body}", Digest::of(body.as_bytes())).into_bytes();
        let journal = Journal::decode(&bytes).expect("readable");
        assert!(String::from_utf8(journal.encode()).expect("text").contains("\"later\":{\"a\":1}"));
    }

    #[test]
    fn journals_of_every_format_that_was_ever_written_are_read() {
        let fixtures: [(&[u8], &str); 7] = [
            (include_bytes!("../tests/fixtures/journal-1-idle"), "Idle"),
            (include_bytes!("../tests/fixtures/journal-1-downloading"), "Downloading"),
            (include_bytes!("../tests/fixtures/journal-1-staged"), "Staged"),
            (include_bytes!("../tests/fixtures/journal-1-swapping"), "Swapping"),
            (include_bytes!("../tests/fixtures/journal-1-trial"), "Trial"),
            (include_bytes!("../tests/fixtures/journal-1-rolling-back"), "RollingBack"),
            // What a later writer leaves to an older updater, or to an older program after a rollback.
            (include_bytes!("../tests/fixtures/journal-2-for-readers-of-1"), "Trial"),
        ];
        for (bytes, state) in fixtures {
            let journal = Journal::decode(bytes).expect(state);
            assert!(format!("{:?}", journal.state).starts_with(state), "{journal:?}");
            assert!(journal.is_quarantined(&Digest::of(b"bad")));
            assert_eq!(journal.backup.as_ref().map(|backup| backup.content.digest), Some(Digest::of(b"old")));
            assert_eq!(Journal::decode(&journal.encode()).map(|journal| journal.state), Ok(journal.state.clone()));
        }
    }

    #[test]
    fn quarantine_and_outcomes_stay_bounded() {
        let mut journal = Journal::default();
        for i in 0..200u32 {
            let to = Target { digest: Digest::of(&i.to_le_bytes()), ..target() };
            journal.put_into_quarantine(&to, &"x".repeat(10_000));
            journal.note(OutcomeKind::RolledBack, &to, &"x".repeat(10_000));
        }
        assert!(journal.is_quarantined(&Digest::of(&199u32.to_le_bytes())));
        assert!((journal.encode().len() as u64) < MAX);
    }
}
