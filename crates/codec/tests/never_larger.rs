//! Whatever the files are, a patch is no larger than that of the plain codec.

mod programs;

use programs::{FORMS, Form, Offsets, chained, functions, noise, program, universal};
use upstep_codec::{ApplyLimits, DiffOptions, Diffed, Level, apply, compare, read_header};
use upstep_model::Codec;

/// The patch by the better codec, which is checked, and the length of the one by the plain codec.
fn patches(old: &[u8], new: &[u8]) -> (Vec<u8>, usize) {
    patches_at(Level::Fast, old, new);
    patches_at(Level::default(), old, new)
}

fn patches_at(level: Level, old: &[u8], new: &[u8]) -> (Vec<u8>, usize) {
    let Diffed { patch, tried } = compare(old, new, &DiffOptions { level, codec: None }).expect("a patch");
    assert_eq!(tried[0], (codec(&patch), patch.len() as u64));
    let memory = read_header(&mut &patch[..]).expect("a header").memory;
    let mut out = Vec::new();
    apply(&patch[..], old, &mut out, &ApplyLimits { memory }).expect("its own patch");
    assert!(out == new, "{} to {} bytes", old.len(), new.len());
    let plain = tried.iter().find(|(codec, _)| *codec == Codec::Bidiff).expect("it always applies").1 as usize;
    assert!(patch.len() <= plain, "{} bytes, {plain} by the plain codec", patch.len());
    (patch, plain)
}

fn codec(mut patch: &[u8]) -> Codec {
    read_header(&mut patch).expect("a header").codec
}

fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| noise(&mut state) as u8).take(length).collect()
}

/// Lines like those of a script that was bundled.
fn script(seed: u64, lines: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut word = || ["value", "name", "list", "index", "result", "count"][noise(&mut state) as usize % 6];
    (0..lines)
        .flat_map(|at| format!("  let {}{at} = {}({}, {});\n", word(), word(), word(), word()).into_bytes())
        .collect()
}

/// Two versions of a program: the second has a function more.
fn versions(form: Form, count: usize) -> (Vec<u8>, Vec<u8>) {
    let old = functions(1, count);
    let mut new = old.clone();
    new.splice(count / 2..count / 2, functions(7, 1));
    (program(form, &old), program(form, &new))
}

#[test]
fn files_that_are_no_programs() {
    let (one, other) = (random(1, 30_000), random(2, 40_000));
    let text = script(1, 1000);
    for (old, new) in [
        (&[][..], &[][..]),
        (&[], b"a"),
        (b"a", &[]),
        (b"a", b"b"),
        (&one, &one),
        (&one, &other),
        (&text, &script(2, 900)),
        (&one, &text),
    ] {
        assert_eq!(codec(&patches(old, new).0), Codec::Bidiff);
    }
}

#[test]
fn programs_against_themselves_and_each_other_and_nothing() {
    for form in FORMS {
        let (old, new) = versions(form, 100);
        patches(&old, &old);
        patches(&new, &old);
        patches(&old, &[]);
        patches(&[], &new);
        patches(&old, &new[..1]);
        patches(&random(1, old.len()), &new);
        for other in FORMS {
            patches(&old, &versions(other, 90).1);
        }
    }
}

#[test]
fn programs_that_end_in_their_headers() {
    for form in FORMS {
        let (old, new) = versions(form, 20);
        for length in [1, 4, 16, 20, 31, 32, 63, 64, 100, 0x80, 0x98, 0x100, 0x188, 0x1000, new.len() - 60] {
            patches(&old[..length], &new);
            patches(&old, &new[..length]);
            patches(&old[..length], &new[..length]);
        }
    }
}

/// Counts, offsets and lengths that are far too large, in every place of the headers that holds any.
#[test]
fn programs_with_senseless_headers() {
    for form in FORMS {
        let (old, new) = versions(form, 12);
        // ELF has a table at the end.
        let end = old.len().min(new.len());
        let places = (0..0x200).chain(end - 4 * 64..end).step_by(4);
        for at in places.filter(|at| new[*at..at + 4] != [0; 4]) {
            let with = |file: &[u8], value: u32| [&file[..at], &value.to_le_bytes(), &file[at + 4..]].concat();
            patches_at(Level::Balanced, &old, &with(&new, u32::MAX));
            patches_at(Level::Balanced, &with(&old, u32::MAX), &new);
            patches_at(Level::Fast, &old, &with(&new, if at % 8 == 0 { i32::MAX as u32 } else { 0 }));
        }
    }
}

#[test]
fn chains_that_lead_nowhere() {
    for form in [Form::MachX86, Form::MachArm64] {
        let (mut old, mut new) = versions(form, 40);
        chained(&mut old);
        chained(&mut new);
        let end = new.len();
        for at in (0..10).map(|step| end - 16 - 48 * step) {
            for value in [u64::MAX, 1 << 63 | 0xfff << 51, 0xfff << 51, 2 << 51 | 0x1000, 0] {
                new[at..at + 8].copy_from_slice(&value.to_le_bytes());
                patches(&old, &new);
                patches(&new, &old);
            }
        }
    }
}

#[test]
fn what_is_appended_to_a_program_goes_by_the_plain_codec_where_that_is_smaller() {
    let (old, new) = versions(Form::ElfX86, 4000);
    let (alone, alone_plain) = patches(&old, &new);
    assert_eq!(codec(&alone), Codec::Exe);
    // An archive that was there before, one that is new and has the same file twice, and a
    // script with a line more.
    let archive = random(3, 100_000);
    let lines = script(5, 4000);
    let longer = [&lines[..70_000], b"  let more = 1;\n", &lines[70_000..]].concat();
    for (before, after) in [
        (random(4, 100_000), archive.clone()),
        (Vec::new(), [&archive[..], &archive[..]].concat()),
        (script(5, 10), script(6, 8000)),
        (lines, longer),
    ] {
        let (patch, _) = patches(&[&old[..], &before].concat(), &[&new[..], &after].concat());
        let (appended, _) = patches(&before, &after);
        assert_eq!(codec(&patch), Codec::Exe);
        // Less than both apart, and a header less than that.
        let most = alone.len() + appended.len();
        assert!(patch.len() < most, "{} of {most} bytes", patch.len());
        assert!(most + 1000 < alone_plain + appended.len());
    }
}

#[test]
fn what_is_appended_to_a_universal_program_or_is_gone_has_a_patch() {
    for (form, tail) in [(Form::MachArm64, 100_000), (Form::PeX86, 70_000), (Form::PeArm64, 1), (Form::MachX86, 0)] {
        let (mut old, mut new) = versions(form, 300);
        if tail == 0 {
            old = universal(&[old.clone(), old], Offsets::Of8Bytes);
            new = universal(&[new.clone(), new], Offsets::Of4Bytes);
        }
        let (before, after) = (random(8, 70_000), random(9, tail));
        patches(&[&old[..], &before].concat(), &[&new[..], &after].concat());
        patches(&[&old[..], &after].concat(), &[&new[..], &before].concat());
    }
}
