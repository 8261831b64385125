//! The command, as a process, on real files and stores. One binary: linking takes longer than
//! the tests.

mod bad_input;
mod careless;
mod change;
mod coding;
mod damage;
mod init;
mod keys;
mod killed;
mod probe;
mod publish;
mod races;
mod resign;
mod s3;
mod sandbox;
mod tools;

#[expect(dead_code, reason = "the store's own tests use all of it")]
#[path = "../../../crates/store/tests/support/layer.rs"]
mod layer;
