//! What the tests of several stores share.

pub mod layer;
pub mod suite;
