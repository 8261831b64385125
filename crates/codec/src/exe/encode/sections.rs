//! What the sections of a program hold, by their names.

use crate::exe::layout::Content;
use object::{Architecture, BinaryFormat};

/// What a section's place in a program says.
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    pub(super) is_text: bool,
    pub(super) format: BinaryFormat,
    pub(super) architecture: Architecture,
    /// Its data holds addresses as they are: it is loaded where it was linked, or its relocations have
    /// no addends.
    pub(super) is_fixed: bool,
}

pub(super) fn content(section: &Section<'_>) -> Content {
    let is_arm64 = section.architecture == Architecture::Aarch64;
    let is_elf = section.format == BinaryFormat::Elf;
    let data = if is_elf && !section.is_fixed { Content::Data } else { Content::Pointers };
    match section.name {
        _ if section.is_text => {
            if is_arm64 {
                Content::Arm64
            } else {
                Content::X86
            }
        }
        ".gcc_except_table" | "__gcc_except_tab" => Content::Exceptions,
        ".rela.dyn" => Content::Relocations,
        super::formats::PACKED => Content::Pointers,
        ".eh_frame" => Content::Frames32,
        "__eh_frame" => Content::Frames64,
        ".eh_frame_hdr" => Content::FrameIndex,
        ".pdata" => {
            if is_arm64 {
                Content::Functions8
            } else {
                Content::Functions12
            }
        }
        "__unwind_info" => Content::Unwind,
        ".gopclntab" | "__gopclntab" => Content::GoLines,
        ".rdata" => Content::UnwindData,
        ".reloc" if section.format == BinaryFormat::Pe => Content::BaseRelocations,
        ".data" | ".data.rel.ro" | ".rodata" | ".itablink" | ".noptrdata" => data,
        "__const" | "__data" | "__got" | "__la_symbol_ptr" | "__mod_init_func" | "__thread_vars" => Content::Pointers,
        "__rodata" | "__noptrdata" | "__itablink" => Content::Pointers,
        ".go.buildinfo" => Content::Other,
        name if name.starts_with(".go.") => data,
        name if name.starts_with("__go_") => Content::Pointers,
        "__cstring" => Content::Data,
        _ => Content::Other,
    }
}
