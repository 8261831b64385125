//! The store of releases over a folder, memory or S3.
//!
//! A path in the store is the path of the URL, so that any file host can serve it. Blobs and
//! metadata files are written once and never changed; what makes a publish visible is the one
//! create-only object `commits/NNNNNNNN.json`. Sections "Store layout" and "Commit" of
//! `docs/formats.md` describe both.
//!
//! Times are passed in, so that a test can let days go by. They are compared with the times of
//! objects, which are the store's own: the two clocks should agree to within hours.

#![forbid(unsafe_code)]

mod blob;
mod commit;
mod error;
mod location;
mod lock;
mod objects;
mod probe;
mod prune;

pub use blob::{REWRITE_AFTER, Written};
pub use commit::{Commit, Committed, MAX_TIMESTAMP};
pub use error::StoreError;
pub use location::Location;
pub use objects::{Download, Entry, Put, Store};
pub use prune::{Keep, Pruned, RETENTION};

/// What the store is built over: for callers that bring their own, such as tests that cut it off.
pub use object_store;
