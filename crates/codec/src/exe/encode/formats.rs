//! Layouts of ELF, PE and Mach-O programs of 64 bits.

use super::sections::{self, Section};
use crate::exe::layout::{Content, Layout, Region, Segment};
use object::read::elf::FileHeader;
use object::{Architecture, BinaryFormat, Object, ObjectSection, ObjectSegment};

/// Pseudo addresses of what is not loaded begin at a multiple of this.
const ALIGNED: u64 = 1 << 20;

/// ELF's section of relocations that are told by the place alone.
pub(super) const PACKED: &str = ".relr.dyn";

/// The layouts of two programs of the same form, their regions paired.
pub(super) fn layouts(old: &[u8], new: &[u8]) -> Option<(Layout, Layout)> {
    let (old_file, new_file) = (object::File::parse(old).ok()?, object::File::parse(new).ok()?);
    let form = |file: &object::File<'_>| (file.format(), file.architecture());
    let is_known = matches!(old_file.architecture(), Architecture::X86_64 | Architecture::Aarch64);
    if form(&old_file) != form(&new_file) || !is_known {
        return None;
    }
    let (mut old_layout, mut new_layout) = (Described::of(&old_file, old)?, Described::of(&new_file, new)?);
    pair(&mut old_layout, &mut new_layout);
    Some((old_layout.layout, new_layout.layout))
}

/// The layouts for a program that the old file has nothing like.
pub(super) fn alone(new: &[u8]) -> Option<(Layout, Layout)> {
    let mut new = Described::of(&object::File::parse(new).ok()?, new)?;
    let mut old = Described { layout: Layout::default(), regions: Vec::new() };
    pair(&mut old, &mut new);
    Some((old.layout, new.layout))
}

/// How many bytes belong to a program; all, if it is none that is known.
pub(super) fn length(bytes: &[u8]) -> usize {
    let Ok(file) = object::File::parse(bytes) else { return bytes.len() };
    let segments = file.segments().map(|segment| segment.file_range());
    let sections = file.sections().filter_map(|section| section.file_range());
    let headers = match &file {
        object::File::Elf64(file) => {
            let header = file.elf_header();
            let (offset, count) = (header.e_shoff(file.endian()), file.elf_section_table().len());
            (offset, count as u64 * u64::from(header.e_shentsize(file.endian())))
        }
        _ => (0, 0),
    };
    let ends = segments.chain(sections).chain([headers]).map(|(offset, length)| offset.saturating_add(length));
    let end = ends.max().filter(|end| *end > 0).unwrap_or(u64::MAX);
    usize::try_from(end).unwrap_or(usize::MAX).min(bytes.len())
}

/// A layout whose regions have names.
pub(super) struct Described {
    pub(super) layout: Layout,
    pub(super) regions: Vec<(String, Region)>,
}

impl Described {
    fn of(file: &object::File<'_>, bytes: &[u8]) -> Option<Described> {
        let mut layout = Layout::default();
        for segment in file.segments() {
            let (offset, length) = segment.file_range();
            let length = length.min((bytes.len() as u64).saturating_sub(offset));
            if length > 0 {
                layout.segments.push(Segment { offset, address: segment.address(), length });
            }
            if segment.size() > length {
                layout.zeroed.push((segment.address().checked_add(length)?, segment.size() - length));
            }
        }
        layout.segments.sort_unstable_by_key(|segment| segment.offset);
        layout.image_base = match file.format() {
            BinaryFormat::Pe => file.relative_address_base(),
            BinaryFormat::MachO => layout.segments.first().map_or(0, |segment| segment.address),
            _ => 0,
        };
        let mut described = Described { layout, regions: Vec::new() };
        described.sections(file, bytes);
        described.frame_index();
        described.linked(bytes);
        described.go(bytes);
        described.disjoint();
        Some(described)
    }

    fn sections(&mut self, file: &object::File<'_>, bytes: &[u8]) {
        let (low, _) = self.layout.range();
        let mut symbols = None;
        // Packed relocations have no addends: the data holds the addresses.
        let is_packed = file.section_by_name(PACKED).is_some();
        for section in file.sections() {
            let Some((offset, length)) = section.file_range() else { continue };
            let length = length.min(section.size()).min((bytes.len() as u64).saturating_sub(offset));
            let Ok(name) = section.name() else { continue };
            if length == 0 {
                continue;
            }
            let described = Section {
                name,
                is_text: section.kind() == object::SectionKind::Text,
                format: file.format(),
                architecture: file.architecture(),
                is_fixed: low >= 0x1000 || is_packed,
            };
            let (offset, length) = (offset as usize, length as usize);
            let mut content = sections::content(&described);
            match (file.format(), name) {
                (BinaryFormat::Elf, ".symtab") => {
                    content = Content::Symbols24;
                    self.pretend(offset, length);
                }
                (BinaryFormat::Elf, ".strtab") => symbols = Some(self.pretend(offset, length)),
                _ => {}
            }
            self.regions.push((name.to_owned(), Region { content, offset, length }));
        }
        if let Some(symbols) = symbols {
            self.layout.bases.push(symbols);
        }
        self.layout.segments.sort_unstable_by_key(|segment| segment.offset);
    }

    /// Gives an address to what is not loaded.
    fn pretend(&mut self, offset: usize, length: usize) -> u64 {
        let address = self.layout.range().1.next_multiple_of(ALIGNED);
        self.layout.segments.push(Segment { offset: offset as u64, address, length: length as u64 });
        address
    }

    /// The index of frames is relative to itself.
    fn frame_index(&mut self) {
        let index = self.regions.iter().find(|(_, region)| region.content == Content::FrameIndex);
        if let Some(address) = index.and_then(|(_, region)| self.layout.address(region.offset)) {
            // The last base is that of the symbols' names.
            self.layout.bases.insert(0, address);
        }
    }

    /// Makes a region of its own of a part of others.
    pub(super) fn carve(&mut self, name: &str, part: Region) {
        let mut regions = Vec::new();
        for (name, region) in self.regions.drain(..) {
            let before = Region { length: part.offset.saturating_sub(region.offset).min(region.length), ..region };
            let from = region.offset.max(part.end()).min(region.end());
            let behind = Region { offset: from, length: region.end() - from, ..region };
            if region.end() <= part.offset || region.offset >= part.end() {
                regions.push((name, region));
            } else {
                regions.extend([(name.clone(), before), (name + " again", behind)]);
            }
        }
        regions.push((name.to_owned(), part));
        regions.retain(|(_, region)| region.length > 0);
        self.regions = regions;
    }

    /// Sorts the regions and drops what overlaps.
    fn disjoint(&mut self) {
        self.regions.sort_by_key(|(_, region)| region.offset);
        let mut end = 0;
        self.regions.retain(|(_, region)| {
            let is_free = region.offset >= end;
            if is_free {
                end = region.end();
            }
            is_free
        });
    }
}

/// Makes regions of the same name pairs; what one file lacks is empty there.
fn pair(old: &mut Described, new: &mut Described) {
    let empty = |region: Region| Region { length: 0, ..region };
    let mut left = std::mem::take(&mut new.regions);
    let mut next = 0;
    for (name, region) in old.regions.drain(..) {
        let found = left[next.min(left.len())..]
            .iter()
            .position(|(other, found)| *other == name && found.content == region.content);
        let Some(place) = found.map(|place| place + next) else {
            old.layout.regions.push(region);
            new.layout.regions.push(empty(region));
            continue;
        };
        for (_, only) in left[next..place].iter() {
            old.layout.regions.push(empty(Region { offset: region.offset, ..*only }));
            new.layout.regions.push(*only);
        }
        old.layout.regions.push(region);
        new.layout.regions.push(left[place].1);
        next = place + 1;
    }
    for (_, only) in left.drain(next..) {
        let offset = old.layout.regions.last().map_or(0, Region::end);
        old.layout.regions.push(empty(Region { offset, ..only }));
        new.layout.regions.push(only);
    }
}
