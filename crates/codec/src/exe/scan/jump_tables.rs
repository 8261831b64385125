//! Jump tables of x86-64: where LEA takes the address of data that holds distances to code.

use super::super::field::Kind;
use super::Scanner;

/// Longest table where the next address that is taken does not tell.
const LONGEST: usize = 4096;

impl Scanner<'_, '_> {
    pub(super) fn jump_tables(&mut self, taken: &[u64]) {
        let tables = self.found.len();
        for (number, table) in taken.iter().enumerate() {
            if table & 3 != 0 || self.is_code(*table) {
                continue;
            }
            let Some(start) = self.layout.offset(*table) else { continue };
            let next = taken.get(number + 1).and_then(|next| self.layout.offset(*next));
            let end = next.filter(|next| *next > start).unwrap_or(start + LONGEST).min(self.image.size());
            let before = self.found.len();
            let mut at = start;
            while at + 4 <= end {
                let Some(target) = self.read(at, Kind::Based32, 0, *table) else { break };
                if !self.is_code(target) || self.put(at, Kind::Based32, 0, target, *table).is_none() {
                    break;
                }
                at += 4;
            }
            // One distance alone is most likely something else.
            if self.found.len() - before < 2 {
                self.found.truncate(before);
            }
        }
        if self.found.len() > tables {
            self.sort();
        }
    }
}
