//! What an executable's own header says about the platform that it is for.

use crate::platform::Os;
use crate::{Invalid, Platform};
use object::read::elf::ProgramHeader as _;
use object::read::macho::{FatArch as _, MachHeader as _};
use object::{Endianness, FileKind, elf, macho, pe};

/// How much of a file's beginning [`Header::read`] needs.
pub const HEAD: usize = 64 * 1024;

/// What a header tells: it can't tell everything that a triple says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The operating system.
    pub os: Os,
    /// The architecture as in a triple; `universal` for a fat Mach-O.
    pub arch: &'static str,
    /// The C library, where the header names a loader (ELF).
    pub libc: Option<&'static str>,
    /// Windows: whether the program brings no console (subsystem GUI).
    pub is_gui: bool,
}

impl Header {
    /// Reads the header from the beginning of a file; `None` if it is no executable that is known.
    pub fn read(head: &[u8]) -> Option<Header> {
        match FileKind::parse(head).ok()? {
            FileKind::Elf64 => elf::<elf::FileHeader64<Endianness>>(head),
            FileKind::Elf32 => elf::<elf::FileHeader32<Endianness>>(head),
            FileKind::Pe64 => pe::<pe::ImageNtHeaders64>(head),
            FileKind::Pe32 => pe::<pe::ImageNtHeaders32>(head),
            FileKind::MachO64 => {
                let header = macho::MachHeader64::<Endianness>::parse(head, 0).ok()?;
                let endian = header.endian().ok()?;
                darwin(macho_arch(header.cputype(endian))?)
            }
            FileKind::MachOFat32 => {
                let fat = object::read::macho::MachOFatFile32::parse(head).ok()?;
                fat.arches().iter().all(|arch| macho_arch(arch.cputype()).is_some()).then(|| darwin("universal"))?
            }
            FileKind::MachOFat64 => {
                let fat = object::read::macho::MachOFatFile64::parse(head).ok()?;
                fat.arches().iter().all(|arch| macho_arch(arch.cputype()).is_some()).then(|| darwin("universal"))?
            }
            _ => None,
        }
    }

    /// The platform where nobody says more: gnu on Linux unless the loader is musl's, msvc on Windows.
    pub fn platform(&self) -> Platform {
        let arch = self.arch;
        let triple = match self.os {
            Os::Linux => format!("{arch}-unknown-linux-{}", self.libc.unwrap_or("gnu")),
            Os::Darwin => format!("{arch}-apple-darwin"),
            Os::Windows => format!("{arch}-pc-windows-msvc"),
        };
        Platform::parse(&triple).expect("parts are constants of the right form")
    }

    /// Refuses a platform that this header contradicts.
    pub fn admits(&self, platform: &Platform) -> Result<(), Invalid> {
        let same_libc = match self.libc {
            Some(libc) => platform.as_str().ends_with(libc),
            None => true,
        };
        if platform.os() == Some(self.os) && platform.arch() == self.arch && same_libc {
            return Ok(());
        }
        Err(Invalid::new(
            "platform",
            "the one that the file's own header names",
            &format!("{platform}, header says {}", self.platform()),
        ))
    }
}

fn elf<H: object::read::elf::FileHeader<Endian = Endianness>>(head: &[u8]) -> Option<Header> {
    let header = H::parse(head).ok()?;
    let endian = header.endian().ok()?;
    let little = header.is_little_endian();
    let arch = match (header.e_machine(endian), header.is_class_64(), little) {
        (elf::EM_X86_64, true, _) => "x86_64",
        (elf::EM_386, ..) => "i686",
        (elf::EM_AARCH64, _, true) => "aarch64",
        (elf::EM_ARM, _, true) => "armv7",
        (elf::EM_RISCV, true, _) => "riscv64gc",
        (elf::EM_PPC64, _, true) => "powerpc64le",
        (elf::EM_S390, true, _) => "s390x",
        (elf::EM_LOONGARCH, true, _) => "loongarch64",
        _ => return None,
    };
    if !matches!(header.e_ident().os_abi, elf::ELFOSABI_SYSV | elf::ELFOSABI_GNU) {
        return None;
    }
    let loader = header
        .program_headers(endian, head)
        .ok()
        .and_then(|headers| headers.iter().find_map(|header| header.interpreter(endian, head).ok().flatten()));
    let libc = loader.map(|path| if contains(path, b"musl") { "musl" } else { "gnu" });
    Some(Header { os: Os::Linux, arch, libc, is_gui: false })
}

fn pe<H: object::read::pe::ImageNtHeaders>(head: &[u8]) -> Option<Header> {
    use object::LittleEndian as LE;
    use object::read::pe::ImageOptionalHeader as _;
    let dos = pe::ImageDosHeader::parse(head).ok()?;
    let mut offset = dos.nt_headers_offset().into();
    let (headers, _) = H::parse(head, &mut offset).ok()?;
    let arch = match headers.file_header().machine.get(LE) {
        pe::IMAGE_FILE_MACHINE_AMD64 => "x86_64",
        pe::IMAGE_FILE_MACHINE_ARM64 => "aarch64",
        pe::IMAGE_FILE_MACHINE_I386 => "i686",
        _ => return None,
    };
    let is_gui = headers.optional_header().subsystem() == pe::IMAGE_SUBSYSTEM_WINDOWS_GUI;
    Some(Header { os: Os::Windows, arch, libc: None, is_gui })
}

fn macho_arch(cputype: macho::CpuType) -> Option<&'static str> {
    match cputype {
        macho::CPU_TYPE_X86_64 => Some("x86_64"),
        macho::CPU_TYPE_ARM64 => Some("aarch64"),
        _ => None,
    }
}

fn darwin(arch: &'static str) -> Option<Header> {
    Some(Header { os: Os::Darwin, arch, libc: None, is_gui: false })
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn this_very_program_is_recognised() {
        let bytes = std::fs::read(std::env::current_exe().expect("a path")).expect("readable");
        let header = Header::read(&bytes[..HEAD.min(bytes.len())]).expect("an ELF header");
        assert_eq!((header.os, header.libc), (Os::Linux, Some("gnu")));
        // Triples say which x86 it is.
        let arch = std::env::consts::ARCH;
        assert_eq!(header.arch, if arch == "x86" { "i686" } else { arch });
        assert!(header.admits(&Platform::parse("x86_64-pc-windows-msvc").expect("a triple")).is_err());
        assert!(header.admits(&header.platform()).is_ok());
    }

    #[test]
    fn a_portable_executable_tells_arch_and_subsystem() {
        let mut bytes = vec![0u8; 512];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[0x3c] = 0x80;
        bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
        bytes[0x84..0x86].copy_from_slice(&0x8664u16.to_le_bytes());
        bytes[0x94..0x96].copy_from_slice(&240u16.to_le_bytes());
        bytes[0x98..0x9a].copy_from_slice(&0x20bu16.to_le_bytes());
        bytes[0x98 + 68] = 2;
        bytes[0x98 + 108] = 16;
        let header = Header::read(&bytes).expect("a PE header");
        assert_eq!(header, Header { os: Os::Windows, arch: "x86_64", libc: None, is_gui: true });
        assert_eq!(header.platform().as_str(), "x86_64-pc-windows-msvc");
        assert!(header.admits(&Platform::parse("x86_64-pc-windows-gnu").expect("a triple")).is_ok());
    }

    #[test]
    fn scripts_stubs_and_cut_headers_are_no_executables() {
        for bytes in [&b"#!/bin/sh\n"[..], b"", b"MZ", b"\x7fELF", b"\x7fELF\x02\x01\x01\0\0\0\0\0"] {
            assert_eq!(Header::read(bytes), None, "{bytes:?}");
        }
    }
}
