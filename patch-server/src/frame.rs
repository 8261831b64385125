//! What the beginning of a zstd frame says (RFC 8878, section 3.1.1).

/// The largest window that the content coding `zstd` may use (RFC 9659): browsers refuse more.
const MAX_CODING_WINDOW: u64 = 8 << 20;

/// Whether a frame that begins like this may be sent as `Content-Encoding: zstd`.
pub fn is_content_coding(beginning: &[u8]) -> bool {
    window(beginning).is_some_and(|window| window <= MAX_CODING_WINDOW)
}

/// The window that decoding needs; `None` if these bytes do not say it.
fn window(bytes: &[u8]) -> Option<u64> {
    let rest = bytes.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd])?;
    let (&descriptor, rest) = rest.split_first()?;
    let is_single_segment = descriptor & 0x20 != 0;
    if !is_single_segment {
        let window = *rest.first()?;
        let base = 1u64 << (10 + (window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // Without a window of its own the frame is decoded into one buffer: its content's length.
    let dictionary_id = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let length = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let field = rest.get(dictionary_id..dictionary_id + length)?;
    let mut bytes = [0; 8];
    bytes[..length].copy_from_slice(field);
    let value = u64::from_le_bytes(bytes);
    Some(if length == 2 { value + 256 } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn compressed(length: usize, log: u32, single: bool) -> Vec<u8> {
        let content: Vec<u8> = (0..length).map(|at| (at / 7 % 251) as u8).collect();
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        encoder.window_log(log).expect("a window");
        encoder.include_contentsize(single).expect("a flag");
        if single {
            encoder.set_pledged_src_size(Some(length as u64)).expect("a length");
        }
        encoder.write_all(&content).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn a_window_above_eight_megabytes_is_no_content_coding() {
        assert!(is_content_coding(&compressed(1000, 20, false)));
        assert!(is_content_coding(&compressed(9 << 20, 23, false)));
        assert!(!is_content_coding(&compressed(17 << 20, 24, false)));
        for length in [10, 200, 255, 256, 300, 70_000] {
            let bytes = zstd::bulk::compress(&vec![7; length], 1).expect("memory");
            assert_eq!(window(&bytes), Some(length as u64), "a short frame is one segment");
        }
    }

    #[test]
    fn cut_off_or_foreign_beginnings_say_nothing() {
        let whole = compressed(70_000, 17, true);
        for end in 0..5 {
            assert!(!is_content_coding(&whole[..end]), "{end} bytes");
        }
        assert!(!is_content_coding(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    }
}
