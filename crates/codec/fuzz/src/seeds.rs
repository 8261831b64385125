//! Makes patches of pairs of files, by each level of the codec `exe` and by the plain one, and seeds of them.
//!
//! `cargo run --bin seeds -- PAIRS SEEDS`: PAIRS has files `NAME.old` and `NAME.new`.

use std::fs;
use std::path::Path;
use upstep_codec::{DiffOptions, Level, diff, read_header};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(pairs), Some(seeds)) = (arguments.next(), arguments.next()) else {
        return Err("usage: seeds PAIRS SEEDS".into());
    };
    let (pairs, seeds) = (Path::new(&pairs), Path::new(&seeds));
    fs::create_dir_all(seeds)?;
    let mut patches = Vec::new();
    for entry in fs::read_dir(pairs)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".old")) else { continue };
        let (old, new) = (fs::read(&path)?, fs::read(pairs.join(format!("{name}.new")))?);
        let exe = Level::ALL.map(|level| (level.name(), DiffOptions { codec: Some("exe".to_owned().into()), level }));
        let plain = ("plain", DiffOptions { codec: Some("bidiff".to_owned().into()), ..DiffOptions::default() });
        for (kind, options) in exe.into_iter().chain([plain]) {
            patches.push((format!("{name}.{kind}.patch"), diff(&old, &new, &options)?));
        }
    }
    patches.sort_unstable();
    for (number, (name, patch)) in patches.iter().enumerate() {
        fs::write(pairs.join(name), patch)?;
        let mut body = &patch[..];
        read_header(&mut body)?;
        fs::write(seeds.join(name), [&[u8::try_from(number)?], body].concat())?;
        println!("{name}: {} bytes", patch.len());
    }
    Ok(())
}
