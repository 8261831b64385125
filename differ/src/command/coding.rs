//! How patches are coded: the options of the commands that make some.

use crate::work;
use clap::ValueEnum;
use upstep_codec::{DiffOptions, diff_memory};
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

/// How much memory diffs may take.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Memory {
    /// Most memory to use at once, in MB [default: half of the machine's]
    #[arg(long, value_name = "MB", long_help = memory_help())]
    memory: Option<u64>,
}

impl Memory {
    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.memory.map_or_else(work::default_memory, |megabytes| megabytes.saturating_mul(1 << 20))
    }
}

fn memory_help() -> String {
    let mb = 1_000_000;
    let [both, plain] = [None, Some(Codec::Bidiff)].map(|codec| DiffOptions { codec, ..DiffOptions::default() });
    let needs = diff_memory(25 * mb, 25 * mb, &both) / mb;
    let fixed = diff_memory(0, 0, &both).div_ceil(mb);
    let [each, each_plain] =
        [both, plain].map(|it| ((diff_memory(1000 * mb, 1000 * mb, &it) - diff_memory(0, 0, &it)) / mb).div_ceil(2000));
    format!(
        "Most memory to use at once, in MB [default: half of the machine's]\n\n\
         A diff takes up to {each} bytes for each byte of old and new together, and {fixed} MB beside:\n\
         a diff of two programs of 25 MB needs {needs} MB; by bidiff alone up to {each_plain} for each.\n\
         `publish` makes a patch that needs more by bidiff alone, and none where that needs more, too;\n\
         its diffs run side by side, one for each core, as far as the memory goes."
    )
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
