//! The four roles that sign.

use std::fmt;
use tough::schema::RoleType;

/// Who signs what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Says which keys the roles have. Used when keys change, and kept offline.
    Root,
    /// Signs releases.
    Targets,
    /// Says which versions of the metadata belong together.
    Snapshot,
    /// Says which snapshot is the newest; short-lived, so that a freeze shows.
    Timestamp,
}

impl Role {
    /// All roles, the most powerful first.
    pub const ALL: [Role; 4] = [Role::Root, Role::Targets, Role::Snapshot, Role::Timestamp];

    /// The name as in file names: `root`, `targets`, `snapshot`, `timestamp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Root => "root",
            Role::Targets => "targets",
            Role::Snapshot => "snapshot",
            Role::Timestamp => "timestamp",
        }
    }

    pub(crate) fn of(role: RoleType) -> Role {
        match role {
            RoleType::Root => Role::Root,
            RoleType::Snapshot => Role::Snapshot,
            RoleType::Timestamp => Role::Timestamp,
            RoleType::Targets | RoleType::DelegatedTargets => Role::Targets,
        }
    }

    pub(crate) fn tuf(self) -> RoleType {
        match self {
            Role::Root => RoleType::Root,
            Role::Targets => RoleType::Targets,
            Role::Snapshot => RoleType::Snapshot,
            Role::Timestamp => RoleType::Timestamp,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
