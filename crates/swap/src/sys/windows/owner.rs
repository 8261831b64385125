//! Whom files belong to: security identifiers as bytes.

use super::wide;
use std::io;
use std::path::Path;
use windows_sys::Win32::Foundation::{CloseHandle, HANDLE};
use windows_sys::Win32::Security::{
    GetFileSecurityW, GetLengthSid, GetSecurityDescriptorOwner, GetTokenInformation, OWNER_SECURITY_INFORMATION,
    TOKEN_OWNER, TOKEN_QUERY, TOKEN_USER, TokenOwner, TokenUser,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// Longest security identifier (SECURITY_MAX_SID_SIZE).
const MAX_SID: usize = 68;

/// Whom the program belongs to: an identifier, padded with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner([u8; MAX_SID]);

impl Owner {
    /// The owner of a file.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let path = wide(path);
        let mut needed = 0;
        // SAFETY: a null buffer of length 0 asks for the length.
        unsafe {
            GetFileSecurityW(path.as_ptr(), OWNER_SECURITY_INFORMATION, std::ptr::null_mut(), 0, &mut needed);
        }
        // u64, so that the descriptor is aligned.
        let mut descriptor = vec![0u64; (needed as usize).div_ceil(8).max(1)];
        let length = u32::try_from(descriptor.len() * 8).unwrap_or(u32::MAX);
        let pointer = descriptor.as_mut_ptr().cast();
        // SAFETY: the buffer is as long as is said, and lives past the use of the owner in it.
        unsafe {
            if GetFileSecurityW(path.as_ptr(), OWNER_SECURITY_INFORMATION, pointer, length, &mut needed) == 0 {
                return Err(io::Error::last_os_error());
            }
            let (mut owner, mut defaulted) = (std::ptr::null_mut(), 0);
            if GetSecurityDescriptorOwner(pointer, &mut owner, &mut defaulted) == 0 || owner.is_null() {
                return Err(io::Error::last_os_error());
            }
            Ok(of_sid(owner))
        }
    }

    /// Whether a file belongs to this owner or to the user of this process.
    pub(crate) fn owns(self, path: &Path) -> io::Result<bool> {
        let owner = Owner::of(path)?;
        Ok(owner == self || own_identifiers()?.contains(&owner))
    }
}

/// The user of this process, and the group that its new files belong to when it is elevated.
fn own_identifiers() -> io::Result<Vec<Owner>> {
    let mut token: HANDLE = std::ptr::null_mut();
    // SAFETY: the token is written to, and closed below.
    if unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let read = |class| {
        let mut buffer = [0u64; 32];
        let length = u32::try_from(size_of_val(&buffer)).unwrap_or(u32::MAX);
        let mut written = 0;
        // SAFETY: the buffer is as long as is said; both structures begin with the pointer to the
        // identifier, which lies in the same buffer.
        unsafe {
            let pointer = buffer.as_mut_ptr();
            if GetTokenInformation(token, class, pointer.cast(), length, &mut written) == 0 {
                return None;
            }
            let sid = if class == TokenUser {
                (*pointer.cast::<TOKEN_USER>()).User.Sid
            } else {
                (*pointer.cast::<TOKEN_OWNER>()).Owner
            };
            Some(of_sid(sid))
        }
    };
    let identifiers = [TokenUser, TokenOwner].into_iter().filter_map(read).collect();
    // SAFETY: the token is open and not used any more.
    unsafe { CloseHandle(token) };
    Ok(identifiers)
}

/// # Safety
/// `sid` points to a valid identifier.
unsafe fn of_sid(sid: *mut core::ffi::c_void) -> Owner {
    let mut padded = [0; MAX_SID];
    // SAFETY: the identifier is as long as the system says.
    let bytes = unsafe { std::slice::from_raw_parts(sid.cast::<u8>(), (GetLengthSid(sid) as usize).min(MAX_SID)) };
    padded[..bytes.len()].copy_from_slice(bytes);
    Owner(padded)
}
