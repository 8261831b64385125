//! Unwind information of PE.

use super::image::Image;

/// The length of the unwind information of an arm64 function, its handler and that one's data
/// included.
pub(crate) fn unwind_size_arm64(image: &mut Image<'_>, at: usize) -> Option<usize> {
    let head = image.u32(at)?;
    let (mut epilogues, mut codes, mut size) = (head >> 22 & 31, head >> 27, 4);
    if epilogues == 0 && codes == 0 {
        let second = image.u32(at + 4)?;
        (epilogues, codes) = (second & 0xffff, second >> 16 & 0xff);
        size = 8;
    }
    let has_one_epilogue = head >> 21 & 1 == 1;
    let has_handler = head >> 20 & 1 == 1;
    let scopes = if has_one_epilogue { 0 } else { 4 * epilogues as usize };
    Some(size + scopes + 4 * codes as usize + if has_handler { 8 } else { 0 })
}
