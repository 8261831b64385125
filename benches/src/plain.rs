//! What anybody can build of the crates bidiff, bipatch and zstd in ten lines: the ground that our
//! codecs are measured against.

use std::io::{self, Read as _, Write as _};

/// Level and window (2^27 bytes, 128 MiB) of zstd, those of the other tools' calls.
const LEVEL: i32 = 22;
const WINDOW_LOG: u32 = 27;

/// bidiff's stream, compressed.
pub fn diff(old: &[u8], new: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = Vec::new();
    bidiff::simple_diff(old, new, &mut stream)?;
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.long_distance_matching(true)?;
    encoder.window_log(WINDOW_LOG)?;
    encoder.write_all(&stream)?;
    encoder.finish()
}

/// The new file, of a patch that [`diff`] made.
pub fn apply(old: &[u8], patch: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = zstd::Decoder::new(patch)?;
    stream.window_log_max(WINDOW_LOG)?;
    let mut new = Vec::new();
    bipatch::Reader::new(stream, io::Cursor::new(old)).map_err(io::Error::other)?.read_to_end(&mut new)?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_patches_give_the_new_file() {
        let old: Vec<u8> = (0..10_000u32).flat_map(u32::to_le_bytes).collect();
        let mut new = old.clone();
        new.splice(5_000..5_100, [7; 300]);
        let patch = diff(&old, &new).expect("a patch");
        assert!(patch.len() < 500, "{}", patch.len());
        assert_eq!(apply(&old, &patch).expect("its own patch"), new);
    }
}
