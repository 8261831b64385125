//! References in new code. The model of literals leaves them out, and goes on as if they were zero: they are
//! told by target, which takes what was learned of others, in their turn.

use super::body::Shared;
use super::coder::{Coder, Stream};
use super::destinations::Reach;
use super::field::Kind;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Hole {
    /// Bytes behind the beginning of its gap.
    pub(crate) at: u32,
    pub(crate) kind: Kind,
    pub(crate) reach: Reach,
    /// Of x86-64; for arm64 it tells nothing more.
    pub(crate) opcode: u16,
    pub(crate) shift: i8,
}

impl Hole {
    /// Codes where it points to, and writes it into the gap that begins at `gap`.
    pub(crate) fn fill<C: Coder>(&self, shared: &mut Shared<'_, C>, gap: usize) {
        let at = gap + self.at as usize;
        let Some(address) = shared.plan.new.address(at) else { return };
        let (from, unit) = match self.kind {
            Kind::Relative32 => (address, 0),
            Kind::Page => (address & !0xfff, 12),
            _ => (address, 2),
        };
        let mut wanted = [0; 4];
        wanted.iter_mut().zip(shared.plan.wanted_from(at)).for_each(|(byte, wanted)| *byte = *wanted);
        let target = self.kind.read(self.shift, 0, &wanted, address);
        let target = shared.destinations.code(&mut shared.coder, self.reach, from, self.opcode.into(), target, unit);
        if let Some(bytes) = shared.out.tail_mut(at).get_mut(..4) {
            self.kind.write(self.shift, 0, bytes, address, target);
        }
        shared.coder.account(Stream::LiteralReference);
    }
}
