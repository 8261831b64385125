//! Small programs in the forms that the codec `exe` knows, made from a seed: functions that call
//! each other and name data, tables of pointers, and headers that say where they are.
#![allow(dead_code, reason = "each test file uses its part")]

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    ElfX86,
    ElfArm64,
    PeX86,
    PeArm64,
    MachX86,
    MachArm64,
}

pub const FORMS: [Form; 6] = [Form::ElfX86, Form::ElfArm64, Form::PeX86, Form::PeArm64, Form::MachX86, Form::MachArm64];

impl Form {
    fn is_arm64(self) -> bool {
        matches!(self, Form::ElfArm64 | Form::PeArm64 | Form::MachArm64)
    }
}

/// A function: its length in units of filler, and which functions and data it names.
#[derive(Debug, Clone)]
pub struct Function {
    pub seed: u64,
    pub names: Vec<usize>,
}

const BASE: u64 = 0x1_4000_0000;
const TEXT: usize = 0x1000;

pub fn noise(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Functions of a program with this seed.
pub fn functions(seed: u64, count: usize) -> Vec<Function> {
    let mut state = seed | 1;
    (0..count)
        .map(|_| {
            let names = (0..1 + noise(&mut state) % 6).map(|_| noise(&mut state) as usize % count).collect();
            Function { seed: noise(&mut state), names }
        })
        .collect()
}

/// The program of these functions.
pub fn program(form: Form, functions: &[Function]) -> Vec<u8> {
    let sizes: Vec<usize> = functions.iter().map(|function| code(form, function, 0, &[], 0).len()).collect();
    let starts: Vec<u64> = sizes
        .iter()
        .scan(BASE + TEXT as u64, |at, size| {
            let start = *at;
            *at += *size as u64;
            Some(start)
        })
        .collect();
    let text_size: usize = sizes.iter().sum();
    let data_at = (TEXT + text_size).next_multiple_of(0x1000);
    let mut file = vec![0; TEXT];
    for (function, start) in functions.iter().zip(&starts) {
        file.extend(code(form, function, *start, &starts, BASE + data_at as u64));
    }
    file.resize(data_at, 0);
    for (number, start) in starts.iter().enumerate() {
        file.extend(start.to_le_bytes());
        file.extend((number as u64 * 77).to_le_bytes());
    }
    let data_size = file.len() - data_at;
    let sections = [(TEXT, text_size, true), (data_at, data_size, false)];
    match form {
        Form::ElfX86 | Form::ElfArm64 => elf(form, &mut file, sections),
        Form::PeX86 | Form::PeArm64 => pe(form, &mut file, sections),
        Form::MachX86 | Form::MachArm64 => macho(form, &mut file, sections),
    }
    file
}

fn code(form: Form, function: &Function, start: u64, starts: &[u64], data: u64) -> Vec<u8> {
    let mut code: Vec<u8> = Vec::new();
    let mut state = function.seed | 1;
    for (number, name) in function.names.iter().enumerate() {
        for _ in 0..noise(&mut state) % 12 {
            let immediate = noise(&mut state) as u8;
            if form.is_arm64() {
                code.extend((0x5280_0000 | u32::from(immediate) << 5 | (number as u32 & 7)).to_le_bytes());
            } else {
                code.extend([0x48, 0x83, 0xc0 | (number as u8 & 7), immediate]);
            }
        }
        let target = starts.get(name % starts.len().max(1)).copied().unwrap_or(start);
        let here = start + code.len() as u64;
        let table = data + 16 * *name as u64;
        match (form.is_arm64(), number % 2) {
            (false, 0) => {
                code.push(0xe8);
                code.extend((target.wrapping_sub(here + 5) as u32).to_le_bytes());
            }
            (false, _) => {
                code.extend([0x48, 0x8d, 0x05]);
                code.extend((table.wrapping_sub(here + 7) as u32).to_le_bytes());
            }
            (true, 0) => {
                code.extend((0x9400_0000 | (target.wrapping_sub(here) >> 2) as u32 & 0x03ff_ffff).to_le_bytes())
            }
            (true, _) => {
                let page = ((table >> 12).wrapping_sub(here >> 12)) as u32;
                code.extend((0x9000_0000 | (page & 3) << 29 | (page >> 2 & 0x7_ffff) << 5).to_le_bytes());
                code.extend((0x9100_0000 | (table as u32 & 0xfff) << 10).to_le_bytes());
            }
        }
    }
    code.extend(if form.is_arm64() { 0xd65f_03c0u32.to_le_bytes() } else { [0xc3, 0x0f, 0x1f, 0x00] });
    code
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn put32(file: &mut [u8], at: usize, value: usize) {
    put(file, at, &(value as u32).to_le_bytes());
}

fn put64(file: &mut [u8], at: usize, value: u64) {
    put(file, at, &value.to_le_bytes());
}

fn elf(form: Form, file: &mut Vec<u8>, sections: [(usize, usize, bool); 2]) {
    let names = b"\0.text\0.data\0.shstrtab\0";
    let names_at = file.len();
    file.extend(names);
    let table = file.len().next_multiple_of(8);
    file.resize(table + 4 * 64, 0);
    put(file, 0, &[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    put(file, 16, &2u16.to_le_bytes());
    put(file, 18, &if form.is_arm64() { 183u16 } else { 62 }.to_le_bytes());
    put32(file, 20, 1);
    put64(file, 32, 64);
    put64(file, 40, table as u64);
    for (at, value) in [(52, 64u16), (54, 56), (56, 1), (58, 64), (60, 4), (62, 3)] {
        put(file, at, &value.to_le_bytes());
    }
    let loaded = names_at as u64;
    put32(file, 64, 1);
    put32(file, 68, 7);
    for (at, value) in [(72, 0), (80, BASE), (88, BASE), (96, loaded), (104, loaded), (112, 0x1000)] {
        put64(file, at, value);
    }
    for (number, (offset, size, is_text)) in sections.into_iter().enumerate() {
        let at = table + 64 * (number + 1);
        put32(file, at, if is_text { 1 } else { 7 });
        put32(file, at + 4, 1);
        put64(file, at + 8, if is_text { 6 } else { 3 });
        put64(file, at + 16, BASE + offset as u64);
        put64(file, at + 24, offset as u64);
        put64(file, at + 32, size as u64);
    }
    let at = table + 64 * 3;
    put32(file, at, 13);
    put32(file, at + 4, 3);
    put64(file, at + 24, names_at as u64);
    put64(file, at + 32, names.len() as u64);
}

fn pe(form: Form, file: &mut [u8], sections: [(usize, usize, bool); 2]) {
    put(file, 0, b"MZ");
    put32(file, 0x3c, 0x80);
    put(file, 0x80, b"PE\0\0");
    put(file, 0x84, &if form.is_arm64() { 0xaa64u16 } else { 0x8664 }.to_le_bytes());
    put(file, 0x86, &2u16.to_le_bytes());
    put(file, 0x94, &240u16.to_le_bytes());
    put(file, 0x96, &0x22u16.to_le_bytes());
    put(file, 0x98, &0x20bu16.to_le_bytes());
    put64(file, 0x98 + 24, BASE);
    put32(file, 0x98 + 32, 0x1000);
    put32(file, 0x98 + 36, 0x200);
    put32(file, 0x98 + 56, file.len());
    put32(file, 0x98 + 60, TEXT);
    put32(file, 0x98 + 108, 16);
    for (number, (offset, size, is_text)) in sections.into_iter().enumerate() {
        let at = 0x98 + 240 + 40 * number;
        put(file, at, if is_text { b".text\0\0\0" } else { b".rdata\0\0" });
        for (place, value) in [(8, size), (12, offset), (16, size), (20, offset)] {
            put32(file, at + place, value);
        }
        put32(file, at + 36, if is_text { 0x6000_0020 } else { 0x4000_0040 });
    }
}

fn macho(form: Form, file: &mut [u8], sections: [(usize, usize, bool); 2]) {
    put32(file, 0, 0xfeed_facf);
    put32(file, 4, if form.is_arm64() { 0x0100_000c } else { 0x0100_0007 });
    put32(file, 12, 2);
    put32(file, 16, 2);
    put32(file, 20, 2 * 152);
    for (number, (offset, size, is_text)) in sections.into_iter().enumerate() {
        let at = 32 + 152 * number;
        let name: &[u8] = if is_text { b"__TEXT" } else { b"__DATA" };
        // The first segment holds the headers too.
        let start = if number == 0 { 0 } else { offset };
        put32(file, at, 0x19);
        put32(file, at + 4, 152);
        put(file, at + 8, name);
        put64(file, at + 24, BASE + start as u64);
        put64(file, at + 32, (offset + size - start) as u64);
        put64(file, at + 40, start as u64);
        put64(file, at + 48, (offset + size - start) as u64);
        put32(file, at + 64, 1);
        put(file, at + 72, if is_text { b"__text" } else { b"__data" });
        put(file, at + 88, name);
        put64(file, at + 104, BASE + offset as u64);
        put64(file, at + 112, size as u64);
        put32(file, at + 120, offset);
        put32(file, at + 136, if is_text { 0x8000_0400 } else { 0 });
    }
}

/// A program, and the same with one function more in its midst: nothing changes but addresses.
pub fn with_one_more(form: Form, seed: u64) -> (Vec<u8>, Vec<u8>) {
    let old = functions(seed, 3000);
    let mut new = old.clone();
    new.splice(1000..1000, functions(7, 1));
    // What was named by its number is named by its number again.
    for function in &mut new {
        for name in function.names.iter_mut().filter(|name| **name >= 1000) {
            *name += 1;
        }
    }
    (program(form, &old), program(form, &new))
}

/// Chains the addresses in the data of a program of macOS, as newer linkers do.
pub fn chained(program: &mut [u8]) {
    const COMMAND: usize = 32 + 2 * 152;
    let number = |at: usize| u32::from_le_bytes(*program[at..].first_chunk().expect("a header")) as usize;
    let (data, size) = (number(32 + 152 + 120), number(32 + 152 + 112));
    for (at, value) in [(16, 3), (20, 2 * 152 + 16), (COMMAND, 0x8000_0034), (COMMAND + 4, 16)] {
        put32(program, at, value);
    }
    for at in (data..data + size).step_by(16) {
        let address = u64::from_le_bytes(*program[at..].first_chunk().expect("an address"));
        // The next one is four times four bytes behind.
        put64(program, at, (address - BASE) | 4 << 51);
    }
}

/// How a universal program of macOS says where its programs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offsets {
    Of4Bytes,
    Of8Bytes,
}

/// The universal program of macOS that holds these.
pub fn universal(programs: &[Vec<u8>], offsets: Offsets) -> Vec<u8> {
    const ALIGNED: usize = 0x4000;
    let is_long = offsets == Offsets::Of8Bytes;
    let magic = if is_long { 0xcafe_babf } else { 0xcafe_babe };
    let mut head = [magic, programs.len() as u32].map(u32::to_be_bytes).concat();
    let mut file = vec![0; ALIGNED];
    for program in programs {
        let number = |at: usize| u32::from_le_bytes(*program[at..].first_chunk().expect("a header"));
        let (start, size) = (file.len() as u32, program.len() as u32);
        let fields: &[u32] = if is_long { &[0, start, 0, size, 14, 0] } else { &[start, size, 14] };
        head.extend([number(4), number(8)].iter().chain(fields).flat_map(|field| field.to_be_bytes()));
        file.extend(program);
        file.resize(file.len().next_multiple_of(ALIGNED), 0);
    }
    put(&mut file, 0, &head);
    file
}
