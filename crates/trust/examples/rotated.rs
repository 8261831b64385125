//! Writes the metadata of an app whose keys were all replaced, role by role, to a folder: for
//! other implementations to refresh from, knowing the first root alone.
//!
//! `rotated FOLDER`

#[path = "../tests/support/mod.rs"]
mod support;

use jiff::Timestamp;
use std::path::Path;
use support::Author;
use upstep_trust::{Role, new_root};

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).ok_or_else(|| std::io::Error::other("usage: rotated FOLDER"))?;
    let now = Timestamp::now();
    let mut author = Author::new();
    // Now, and not when the stories of the tests begin: others judge expiry by the clock.
    author.root = new_root(&author.keys, &author.lifetimes, now).map_err(std::io::Error::other)?;
    author.files.insert("metadata/1.root.json".to_owned(), author.root.clone());
    author.publish(b"index 1", now);
    for role in Role::ALL {
        author.rotate(&[role], now);
        author.publish(role.as_str().as_bytes(), now);
    }
    author.resign(now);
    for (path, bytes) in &author.files {
        let path = Path::new(&folder).join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
        std::fs::write(path, bytes)?;
    }
    Ok(())
}
