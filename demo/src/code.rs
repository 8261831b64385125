//! How much of a program's code changes from one version to the next.

use crate::Outcome;
use object::{Object, ObjectSection, SectionKind};
use std::collections::HashSet;
use std::path::Path;

/// Bytes that are compared at a time.
const BLOCK: usize = 32;

/// The share of the new program's code, in percent: blocks of 32 bytes that are nowhere in the old
/// program's code, at whatever offset.
pub fn changed_percent(old: &Path, new: &Path) -> Outcome<f64> {
    let (old, new) = (code(old)?, code(new)?);
    let known: HashSet<&[u8]> = old.windows(BLOCK).collect();
    let blocks = new.chunks_exact(BLOCK);
    let count = blocks.len().max(1);
    let changed = blocks.filter(|block| !known.contains(block)).count();
    Ok(100.0 * changed as f64 / count as f64)
}

fn code(program: &Path) -> Outcome<Vec<u8>> {
    let bytes = std::fs::read(program)?;
    let file = object::File::parse(&*bytes).map_err(|error| format!("{}: {error}", program.display()))?;
    let mut code = Vec::new();
    for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
        code.extend_from_slice(section.data().map_err(|error| format!("{}: {error}", program.display()))?);
    }
    Ok(code)
}
