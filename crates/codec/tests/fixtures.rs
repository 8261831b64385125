//! Files of earlier versions stay readable.

use upstep_codec::{ApplyLimits, DiffOptions, Level, Prefix, apply, diff, full, read_header};
use upstep_model::{Codec, Digest};

const OLD: &[u8] = include_bytes!("fixtures/old.bin");
const NEW: &[u8] = include_bytes!("fixtures/new.bin");
const PATCH: &[u8] = include_bytes!("fixtures/format-1.bidiff.patch");
const FULL: &[u8] = include_bytes!("fixtures/format-1.full");

#[test]
fn a_patch_of_format_1_is_read() {
    let header = read_header(&mut &PATCH[..]).expect("a header");
    assert_eq!(header.codec, Codec::Bidiff);
    assert_eq!((header.from, header.from_size), (Prefix::of(&Digest::of(OLD)), OLD.len() as u64));
    assert_eq!((header.to, header.to_size), (Prefix::of(&Digest::of(NEW)), NEW.len() as u64));
    let mut new = Vec::new();
    apply(PATCH, OLD, &mut new, &ApplyLimits { memory: header.memory }).expect("a good patch");
    assert!(new == NEW);
}

#[test]
fn a_full_of_the_first_release_is_read() {
    let mut new = Vec::new();
    let digest = full::decompress(FULL, &mut new, NEW.len() as u64, 4 << 20).expect("a good full");
    assert!(new == NEW && digest == Digest::of(NEW));
}

/// Two versions of a program, and a patch of each level.
struct Program {
    old: &'static [u8],
    new: &'static [u8],
    patches: [&'static [u8]; 3],
}

/// Programs of the codec `exe`: what the C compiler made of a few functions, and a made-up one.
const PROGRAMS: [Program; 2] = [
    Program {
        old: include_bytes!("fixtures/old.elf"),
        new: include_bytes!("fixtures/new.elf"),
        patches: [
            include_bytes!("fixtures/format-1.exe.elf.fast.patch"),
            include_bytes!("fixtures/format-1.exe.elf.balanced.patch"),
            include_bytes!("fixtures/format-1.exe.elf.small.patch"),
        ],
    },
    Program {
        old: include_bytes!("fixtures/old.macho"),
        new: include_bytes!("fixtures/new.macho"),
        patches: [
            include_bytes!("fixtures/format-1.exe.macho.fast.patch"),
            include_bytes!("fixtures/format-1.exe.macho.balanced.patch"),
            include_bytes!("fixtures/format-1.exe.macho.small.patch"),
        ],
    },
];

#[test]
fn patches_of_programs_are_read() {
    for Program { old, new, patches } in PROGRAMS {
        for patch in patches {
            let header = read_header(&mut &patch[..]).expect("a header");
            assert_eq!(header.codec, Codec::Exe);
            let mut made = Vec::new();
            apply(patch, old, &mut made, &ApplyLimits { memory: header.memory }).expect("a good patch");
            assert!(made == new);
        }
    }
}

/// Of these patches as this version makes them: on every processor the same, whoever decodes them. What changes
/// the encoder changes it.
const MADE: &str = "56918426039b511c1be6c11f204347b6b9d8793fa01fd957841755f8550fe29c";

#[test]
fn every_platform_makes_the_same_patches() {
    let mut patches = Vec::new();
    for Program { old, new, .. } in PROGRAMS {
        for level in Level::ALL {
            for codec in [Codec::Exe, Codec::Bidiff] {
                let options = DiffOptions { level, codec: Some(codec) };
                patches.extend(diff(old, new, &options).expect("a patch"));
            }
        }
    }
    assert_eq!(Digest::of(&patches).to_string(), MADE);
}
