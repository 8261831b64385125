//! Jump tables of x86-64: where LEA takes the address of data that holds distances to code.

use super::super::field::Kind;
use super::Scanner;

/// Longest table where the next address that is taken does not tell.
const LONGEST: usize = 4096;

impl Scanner<'_, '_> {
    pub(super) fn jump_tables(&mut self, taken: &[u64]) {
        for (number, table) in taken.iter().enumerate() {
            if table & 3 != 0 || self.is_code(*table) {
                continue;
            }
            let Some(start) = self.layout.offset(*table) else { continue };
            let next = taken.get(number + 1).and_then(|next| self.layout.offset(*next));
            let end = next.filter(|next| *next > start).unwrap_or(start + LONGEST).min(self.image.size());
            let _ = self.jump_table(*table, start, end);
        }
    }

    fn jump_table(&mut self, table: u64, start: usize, end: usize) -> Option<()> {
        // One distance alone is most likely something else.
        let mut alone = None;
        let mut count = 0;
        for at in (start..end.saturating_sub(3)).step_by(4) {
            let target = self.read(at, Kind::Based32, 0, table)?;
            if !self.is_code(target) {
                break;
            }
            let Some(found) = self.pack(at, Kind::Based32, 0, target, table) else { continue };
            count += 1;
            if count == 1 {
                alone = Some(found);
                continue;
            }
            if let Some(first) = alone.take() {
                self.add(first)?;
            }
            self.add(found)?;
        }
        Some(())
    }
}
