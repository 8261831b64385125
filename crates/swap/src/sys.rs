//! What differs between systems.
use crate::Mode;
pub(crate) fn default_mode() -> Mode {
    Mode::Attached
}
