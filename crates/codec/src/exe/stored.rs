//! Bytes that are coded already, in the midst of the range-coded stream.

use super::coder::Coder;
use super::memory::Budget;
use super::number::Number;
use crate::CodecError;

/// How many of them follow.
pub(crate) fn length<C: Coder>(coder: &mut C, length: u64) -> u64 {
    Number::new(1).code(coder, 0, length)
}

/// Codes all of them.
pub(crate) fn code<C: Coder>(coder: &mut C, given: &[u8], budget: &mut Budget) -> Result<Vec<u8>, CodecError> {
    let length = length(coder, given.len() as u64);
    coder.check()?;
    budget.take(length)?;
    let mut bytes = Vec::new();
    for at in 0..length as usize {
        if bytes.len() == bytes.capacity() {
            // What a stream that was cut says is not believed for more than this.
            coder.check()?;
            bytes.reserve_exact((length as usize - at).min(PIECE.max(at)));
        }
        bytes.push(coder.byte(given.get(at).copied().unwrap_or(0)));
    }
    coder.account(super::coder::Stream::Literal);
    coder.check()?;
    Ok(bytes)
}

/// Bytes that are read before it is asked again whether the stream goes on.
const PIECE: usize = 64 << 10;
