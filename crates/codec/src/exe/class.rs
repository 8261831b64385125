//! What a byte of a program is: for x86-64 its part of an instruction, else its place in a word.

/// Set where a unit begins: an instruction, or a word.
pub(crate) const START: u8 = 0x80;

/// The class without [`START`].
pub(crate) const CLASS: u8 = 0x3f;

pub(crate) const OPCODE: u8 = 0;
pub(crate) const PREFIX: u8 = 1;
pub(crate) const OPCODE2: u8 = 2;
pub(crate) const OPCODE3: u8 = 3;
pub(crate) const MODRM: u8 = 4;
pub(crate) const SIB: u8 = 5;
pub(crate) const DISPLACEMENT8: u8 = 6;
/// The first of 4 bytes.
pub(crate) const DISPLACEMENT32: u8 = 8;
/// The first of 4 bytes, relative to the next instruction: data.
pub(crate) const RELATIVE_DATA: u8 = 12;
pub(crate) const JUMP8: u8 = 16;
pub(crate) const VEX: u8 = 17;
pub(crate) const IMMEDIATE8: u8 = 18;
/// The first of 4 bytes, relative to the next instruction: code.
pub(crate) const JUMP32: u8 = 20;
/// The first of up to 8 bytes.
pub(crate) const IMMEDIATE: u8 = 24;
/// Of data; the place in the word is added.
pub(crate) const DATA: u8 = 32;
/// Of arm64 code; the place in the word is added.
pub(crate) const ARM64: u8 = 48;

/// Whether a byte belongs to a field that holds an address.
#[inline(always)]
pub(crate) fn is_reference(class: u8) -> bool {
    (RELATIVE_DATA..RELATIVE_DATA + 4).contains(&class) || (JUMP32..JUMP32 + 4).contains(&class)
}
