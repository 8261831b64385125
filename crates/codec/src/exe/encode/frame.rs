//! A zstd frame of raw blocks (RFC 8878, section 3.1.1), around a stream that is coded already.

use crate::exe::decode::FRAME_LOG;

const MAGIC: u32 = 0xfd2f_b528;
const BLOCK: usize = 1 << FRAME_LOG;

pub(super) fn raw(stream: &[u8]) -> Vec<u8> {
    let blocks = stream.len().div_ceil(BLOCK).max(1);
    let mut frame = Vec::with_capacity(stream.len() + 6 + 3 * blocks);
    frame.extend(MAGIC.to_le_bytes());
    // No checksum, no dictionary, no content size; then the window.
    frame.push(0);
    frame.push(((FRAME_LOG - 10) << 3) as u8);
    for number in 0..blocks {
        let block = &stream[number * BLOCK..stream.len().min((number + 1) * BLOCK)];
        let is_last = u32::from(number + 1 == blocks);
        let head = is_last | (block.len() as u32) << 3;
        frame.extend(&head.to_le_bytes()[..3]);
        frame.extend(block);
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zstd_reads_it() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let stream: Vec<u8> = (0..length).map(|at| (at * 31 / 7) as u8).collect();
            let frame = raw(&stream);
            assert!(zstd::decode_all(&frame[..]).expect("a frame") == stream, "{length}");
        }
    }
}
