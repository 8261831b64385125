//! Images for the matcher: files in which references to the same thing look the same.

use super::Files;
use crate::CodecError;
use crate::exe::field::Kind;
use crate::exe::image::FEW;
use crate::exe::layout::Layout;
use crate::exe::map::Map;
use crate::exe::memory::Budget;
use crate::exe::reference::Reference;
use crate::exe::scan;
use crate::exe::window::Window;
use crate::matched::Match;

/// The references of both files.
pub(super) struct References {
    old: Vec<Reference>,
    new: Vec<Reference>,
}

impl References {
    pub(super) fn of(files: &Files<'_>) -> Result<Self, CodecError> {
        let (old, new) = &files.layouts;
        Ok(References { old: all(files.old, old)?, new: all(files.new, new)? })
    }

    /// The old file, each field with its target.
    pub(super) fn old_image(&self, files: &Files<'_>) -> Vec<u8> {
        image(files.old, &self.old, |target| target)
    }

    /// The new file, each field with the target that it would have in the old one.
    pub(super) fn new_image(&self, files: &Files<'_>, matches: &[Match]) -> Vec<u8> {
        let back: Vec<Match> =
            matches.iter().map(|found| Match { old: found.new, new: found.old, length: found.length }).collect();
        let back = Map::new(&back, &files.layouts.1, &files.layouts.0);
        image(files.new, &self.new, |target| back.find(target).0)
    }
}

/// All references of a file, those of code too.
fn all(file: &[u8], layout: &Layout) -> Result<Vec<Reference>, CodecError> {
    let mut layout = layout.clone();
    layout.regions.retain(|region| region.length > 0);
    layout.regions.sort_unstable_by_key(|region| region.offset);
    let image = Files::image(&file);
    let (mut few, mut budget) = (image.again(FEW), Budget::new(u64::MAX));
    let in_code = scan::scan_code(image, &layout, budget.split());
    let (scanned, _, mut image) = scan::scan(&mut few, &layout, &mut budget, || in_code)?;
    let mut window = Window::default();
    let mut references = Vec::new();
    let mut at = 0;
    while at < file.len() {
        at += window.load::<true>(&mut image, &layout, &scanned, at, file.len() - at)?;
        references.extend(&window.references);
    }
    Ok(references)
}

fn image(file: &[u8], references: &[Reference], target: impl Fn(u64) -> u64) -> Vec<u8> {
    let mut image = file.to_vec();
    for found in references {
        // Short distances and lines are told better as they are.
        if matches!(found.kind, Kind::Branch19 | Kind::Near) || found.kind.is_line() {
            continue;
        }
        if let Some(field) = image.get_mut(found.start()..found.end()) {
            found.kind.write(found.shift, 0, field, 0, target(found.target));
        }
    }
    image
}
