//! AppImages: one file that mounts its own content and becomes a program in there. What is
//! installed, and what is swapped, is that file.
//!
//! Its runtime names the file and the mount in the environment, and what a program starts inherits
//! both: they are believed only by a program that runs from inside of that mount.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The AppImage that this process runs from; `running` is its executable.
pub(crate) fn image_of(running: &Path) -> Option<PathBuf> {
    image_in(running, std::env::var_os("APPIMAGE")?, std::env::var_os("APPDIR")?)
}

fn image_in(running: &Path, image: OsString, mount: OsString) -> Option<PathBuf> {
    let (image, mount) = (PathBuf::from(image), PathBuf::from(mount));
    if !image.is_absolute() || !mount.is_absolute() || is_unpacked(running) {
        return None;
    }
    let (running, mount) = (running.canonicalize().ok()?, mount.canonicalize().ok()?);
    let is_inside = mount.parent().is_some() && running.starts_with(&mount) && !image.starts_with(&mount);
    (is_inside && is_image(&image)).then_some(image)
}

/// Whether the runtime could not mount, and has unpacked the content for this start. Its process
/// stays between the two then, and deletes the copy.
pub(crate) fn is_unpacked(running: &Path) -> bool {
    running.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"appimage_extracted_"))
}

/// An ELF program with the mark of the format, version 1 or 2.
fn is_image(path: &Path) -> bool {
    let mut head = [0; 11];
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    is_file
        && File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && head.starts_with(b"\x7fELF")
        && matches!(&head[8..], b"AI\x01" | b"AI\x02")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_inside_of_the_mount_believes_the_variables() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        let (image, mount) = (root.join("Hello.AppImage"), root.join("mount"));
        let (inside, outside) = (mount.join("usr/hello"), root.join("mounted"));
        std::fs::create_dir_all(mount.join("usr")).expect("a folder");
        for program in [&inside, &outside] {
            std::fs::write(program, "program").expect("written");
        }
        let of = |running: &Path, image: &Path, mount: &Path| image_in(running, image.into(), mount.into());
        std::fs::write(&image, b"\x7fELF\x02\x01\x01\x00AI\x02rest").expect("written");
        assert_eq!(of(&inside, &image, &mount), Some(image.clone()));
        assert_eq!(of(&outside, &image, &mount), None);
        assert_eq!(of(&inside, &image, &root.join("other")), None);
        assert_eq!(of(&inside, &image, Path::new("/")), None);
        assert_eq!(of(&inside, Path::new("Hello.AppImage"), &mount), None);
        assert_eq!(of(&inside, &inside, &mount), None);
        for no_image in [&b"\x7fELF\x02\x01\x01\x00\x00\x00\x00"[..], b"#!/bin/sh\nAI\x02", b""] {
            std::fs::write(&image, no_image).expect("written");
            assert_eq!(of(&inside, &image, &mount), None, "{no_image:?}");
        }
    }
}
