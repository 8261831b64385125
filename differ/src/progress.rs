//! How far a command is: told to whoever wants to show it.

/// What takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Compressing the fulls; counted in bytes of the programs.
    Compress,
    /// Fetching older programs; counted in bytes of the programs.
    Fetch,
    /// Making patches and applying them again; counted in bytes of the programs.
    Diff,
    /// Writing to the store; counted in bytes.
    Store,
    /// Checking what is in the store; counted in bytes.
    Verify,
}

impl Stage {
    /// What is being done, for a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Compress => "compressing",
            Stage::Fetch => "fetching",
            Stage::Diff => "diffing",
            Stage::Store => "storing",
            Stage::Verify => "verifying",
        }
    }
}

/// Who is told. The calls come from several threads.
pub trait Progress: Sync {
    /// A stage begins that has `total` bytes to do.
    fn begin(&self, stage: Stage, total: u64) {
        let _ = (stage, total);
    }

    /// That many bytes more are done.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// The stage is over.
    fn end(&self) {}
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {}
