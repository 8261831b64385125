//! How much time a patch may take to make and to apply, for how few bytes.

/// Chosen when a patch is made; whoever applies it reads it from the patch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Level {
    /// Quick to make and to apply.
    Fast,
    /// Small, and applied in about the time that `xz -d` of the full takes, at most some twice that.
    #[default]
    Balanced,
    /// As small as it gets.
    Small,
}

impl Level {
    /// All of them, the quickest first.
    pub const ALL: [Level; 3] = [Level::Fast, Level::Balanced, Level::Small];

    /// Its name, as on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Level::Fast => "fast",
            Level::Balanced => "balanced",
            Level::Small => "small",
        }
    }

    /// The level of zstd that goes with it.
    #[cfg(feature = "encode")]
    pub(crate) fn zstd(self) -> i32 {
        match self {
            Level::Fast => 9,
            Level::Balanced | Level::Small => 19,
        }
    }
}
