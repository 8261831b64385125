//! How patches are coded: the options of the commands that make some.

use clap::ValueEnum;
use upstep_codec::DiffOptions;
use upstep_model::Codec;

/// The options.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Coding {
    /// How patches are coded
    #[arg(long, value_enum, default_value_t)]
    codec: Choice,
    /// How much time a patch may take, to make and to apply, for how few bytes
    #[arg(long, value_enum, default_value_t)]
    level: Level,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Choice {
    /// Each codec that fits the files is tried, and the smallest patch is taken
    #[default]
    Auto,
    /// For any files: quick to make and to apply
    Bidiff,
    /// For programs: smaller, and slower; other files get bidiff
    Exe,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Level {
    /// Quick to make and to apply
    Fast,
    /// Small, and applied in about the time that `xz -d` of the full takes, at most some twice that
    #[default]
    Balanced,
    /// As small as it gets
    Small,
}

impl From<Coding> for DiffOptions {
    fn from(coding: Coding) -> Self {
        let codec = match coding.codec {
            Choice::Auto => None,
            Choice::Bidiff => Some(Codec::Bidiff),
            Choice::Exe => Some(Codec::Exe),
        };
        let level = match coding.level {
            Level::Fast => upstep_codec::Level::Fast,
            Level::Balanced => upstep_codec::Level::Balanced,
            Level::Small => upstep_codec::Level::Small,
        };
        DiffOptions { level, codec }
    }
}
