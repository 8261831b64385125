//! Names in the store; a path in the store is the path of the URL.

use crate::{AppName, Channel, Digest, Invalid, Platform};

/// The TUF target of one (channel, platform): `{channel}.{platform}.index.zst`.
pub fn index_target(channel: &Channel, platform: &Platform) -> String {
    format!("{channel}.{platform}.index.zst")
}

/// Reads a target's name back: the reverse of [`index_target`].
pub fn parse_index_target(name: &str) -> Result<(Channel, Platform), Invalid> {
    let invalid = || Invalid::new("target name", "{channel}.{platform}.index.zst", name);
    let (channel, platform) =
        name.strip_suffix(".index.zst").and_then(|rest| rest.split_once('.')).ok_or_else(invalid)?;
    Ok((Channel::parse(channel)?, Platform::parse(platform)?))
}

/// Where the bytes of a target are: `{app}/targets/{digest}.{target}` (consistent snapshots).
pub fn target(app: &AppName, digest: &Digest, target: &str) -> String {
    format!("{app}/targets/{digest}.{target}")
}

/// Where a file of the signed metadata is: `{app}/metadata/{file}`.
pub fn metadata(app: &AppName, file: &str) -> String {
    format!("{app}/metadata/{file}")
}

/// Where a full or a patch is: `{app}/blobs/{digest}`, the digest that of the blob itself.
pub fn blob(app: &AppName, digest: &Digest) -> String {
    format!("{app}/blobs/{digest}")
}

/// Where commit `number` is: `{app}/commits/00000001.json`.
pub fn commit(app: &AppName, number: u64) -> String {
    format!("{app}/commits/{number:08}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_name_can_be_read_back() {
        let channel = Channel::parse("stable").expect("a name");
        let platform = Platform::parse("x86_64-unknown-linux-gnu").expect("a triple");
        let name = index_target(&channel, &platform);
        assert_eq!(parse_index_target(&name), Ok((channel, platform)));
        for bad in ["stable.index.zst", "stable.x86_64-unknown-linux-gnu.zst", "../a.b-c.index.zst"] {
            assert!(parse_index_target(bad).is_err(), "{bad}");
        }
    }
}
