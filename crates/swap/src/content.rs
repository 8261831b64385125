//! What files hold: hashed by streaming.

use crate::error::Context as _;
use crate::{Content, SwapError};
use std::io::{self, Read};
use std::path::Path;
use upstep_model::Digester;

impl Content {
    /// Reads to the end.
    pub(crate) fn of(mut reader: impl Read) -> io::Result<Self> {
        let mut digester = Digester::new();
        let mut buffer = vec![0; 128 << 10];
        let mut size = 0;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(Content { digest: digester.finish(), size }),
                Ok(count) => {
                    digester.update(&buffer[..count]);
                    size += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Refuses a file that holds something else.
    pub(crate) fn must_be(self, expected: Content, path: &Path) -> Result<(), SwapError> {
        if self == expected {
            return Ok(());
        }
        Err(SwapError::Content { path: path.to_owned(), expected: expected.digest, found: self.digest })
    }

    /// What a file holds.
    pub(crate) fn of_file(path: &Path) -> Result<Self, SwapError> {
        let file = std::fs::File::open(path).context("open", path)?;
        Content::of(file).context("read", path)
    }
}
