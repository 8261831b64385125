//! Unwind information of PE.

use super::field::word;

/// The length of the unwind information of an arm64 function, with its handler and that one's
/// first data. `bytes` begin with it.
pub(crate) fn unwind_size_arm64(bytes: &[u8]) -> usize {
    let head = word(bytes);
    let (mut epilogues, mut codes, mut size) = (head >> 22 & 31, head >> 27, 4);
    if bytes.len() < 8 {
        return 4;
    }
    if epilogues == 0 && codes == 0 {
        let second = word(&bytes[4..]);
        (epilogues, codes) = (second & 0xffff, second >> 16 & 0xff);
        size = 8;
    }
    let has_one_epilogue = head >> 21 & 1 == 1;
    let has_handler = head >> 20 & 1 == 1;
    let scopes = if has_one_epilogue { 0 } else { 4 * epilogues as usize };
    size + scopes + 4 * codes as usize + if has_handler { 8 } else { 0 }
}

/// Flags of the unwind information of an x86-64 function.
pub(crate) const HANDLER: u8 = 3;
pub(crate) const CHAINED: u8 = 4;

/// The same of an x86-64 function.
pub(crate) fn unwind_size_x86(bytes: &[u8]) -> usize {
    let Some([head, _, codes, _]) = bytes.first_chunk() else { return 4 };
    let flags = head >> 3;
    let more = match flags {
        _ if flags & CHAINED != 0 => 12,
        _ if flags & HANDLER != 0 => 8,
        _ => 0,
    };
    4 + 2 * usize::from(*codes).next_multiple_of(2) + more
}
