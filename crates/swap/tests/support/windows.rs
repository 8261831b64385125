//! What tests on Windows need of the system: holding files, finding and ending processes, jobs.

use super::await_some;
use std::fs::{self, File, OpenOptions};
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::Path;
use std::process::Child;
use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::Storage::FileSystem::{FILE_SHARE_READ, FILE_SHARE_WRITE};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, IsProcessInJob, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectExtendedLimitInformation, SetInformationJobObject,
};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Threading::{
    OpenProcess, PROCESS_QUERY_INFORMATION, PROCESS_TERMINATE, TerminateProcess,
};

/// Whether this is Wine and not Windows.
pub fn is_wine() -> bool {
    let library: Vec<u16> = "ntdll.dll".encode_utf16().chain([0]).collect();
    // SAFETY: both names end with NUL; the library stays loaded.
    unsafe { GetProcAddress(GetModuleHandleW(library.as_ptr()), c"wine_get_version".as_ptr().cast()).is_some() }
}

/// Opens a file as an antivirus does: others can read it, and neither rename nor delete it.
pub fn hold(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options.read(true).share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE);
    await_some(&format!("{} can be held", path.display()), || options.open(path).ok())
}

/// A process and its parent, by the system's list.
struct Entry {
    pid: u32,
    parent: u32,
    file_name: String,
}

fn processes() -> Vec<Entry> {
    let mut entries = Vec::new();
    // SAFETY: the snapshot is owned; the entry says its own size and is only written to.
    unsafe {
        let snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
        assert_ne!(snapshot, INVALID_HANDLE_VALUE, "a list of processes");
        let snapshot = OwnedHandle::from_raw_handle(snapshot);
        let mut entry: PROCESSENTRY32W = std::mem::zeroed();
        entry.dwSize = size_of::<PROCESSENTRY32W>().try_into().expect("small");
        let mut more = Process32FirstW(snapshot.as_raw_handle(), &mut entry);
        while more != 0 {
            let name: Vec<u16> = entry.szExeFile.iter().copied().take_while(|&unit| unit != 0).collect();
            let (pid, parent) = (entry.th32ProcessID, entry.th32ParentProcessID);
            entries.push(Entry { pid, parent, file_name: String::from_utf16_lossy(&name) });
            more = Process32NextW(snapshot.as_raw_handle(), &mut entry);
        }
    }
    entries
}

/// Waits for the updater process of a first process; its pid.
pub fn await_updater(first: u32) -> u32 {
    await_some("an updater process", || {
        let is_updater = |entry: &Entry| entry.parent == first && entry.file_name.contains(".upstep.");
        processes().into_iter().find(is_updater).map(|entry| entry.pid)
    })
}

/// Waits until a process is gone.
pub fn await_end(pid: u32) {
    await_some("the process ends", || processes().iter().all(|entry| entry.pid != pid).then_some(()));
}

fn open(pid: u32, rights: u32) -> OwnedHandle {
    // SAFETY: the handle is new and owned.
    unsafe {
        let handle = OpenProcess(rights, 0, pid);
        assert!(!handle.is_null(), "process {pid}: {}", std::io::Error::last_os_error());
        OwnedHandle::from_raw_handle(handle)
    }
}

/// Ends a process at once, as the task manager does.
pub fn terminate(pid: u32) {
    let process = open(pid, PROCESS_TERMINATE);
    // SAFETY: the handle is open.
    unsafe { TerminateProcess(process.as_raw_handle(), 1) };
    await_end(pid);
}

/// A job whose processes end with it.
pub struct Job(OwnedHandle);

impl Job {
    pub fn new(limits: u32) -> Job {
        // SAFETY: the structure is plain data, and as long as is said.
        unsafe {
            let job = CreateJobObjectW(std::ptr::null(), std::ptr::null());
            assert!(!job.is_null(), "a job");
            let job = OwnedHandle::from_raw_handle(job);
            let mut information: JOBOBJECT_EXTENDED_LIMIT_INFORMATION = std::mem::zeroed();
            information.BasicLimitInformation.LimitFlags = limits;
            let pointer = (&raw const information).cast();
            let length = size_of_val(&information).try_into().expect("small");
            let set = SetInformationJobObject(job.as_raw_handle(), JobObjectExtendedLimitInformation, pointer, length);
            assert_ne!(set, 0, "{}", std::io::Error::last_os_error());
            Job(job)
        }
    }

    pub fn add(&self, child: &Child) {
        // SAFETY: both handles are open.
        let added = unsafe { AssignProcessToJobObject(self.0.as_raw_handle(), child.as_raw_handle()) };
        assert_ne!(added, 0, "{}", std::io::Error::last_os_error());
    }

    pub fn has(&self, pid: u32) -> bool {
        let process = open(pid, PROCESS_QUERY_INFORMATION);
        let mut found = 0;
        // SAFETY: both handles are open.
        let asked = unsafe { IsProcessInJob(process.as_raw_handle(), self.0.as_raw_handle(), &mut found) };
        assert_ne!(asked, 0, "{}", std::io::Error::last_os_error());
        found != 0
    }
}

/// Makes a program one without a console: the subsystem in its header (PE format, 'Optional
/// Header Windows-Specific Fields').
pub fn make_gui(program: &Path) {
    const E_LFANEW: usize = 0x3c;
    /// Signature, COFF header, and the field's place in the optional header.
    const SUBSYSTEM: usize = 4 + 20 + 68;
    let mut bytes = fs::read(program).expect("a program");
    let header = u32::from_le_bytes(bytes[E_LFANEW..E_LFANEW + 4].try_into().expect("four")) as usize;
    let field = header + SUBSYSTEM;
    assert_eq!(bytes[field..field + 2], [3, 0], "a console program");
    bytes[field] = 2;
    fs::write(program, bytes).expect("written");
}

/// The commands that the system would run at the next log-on for programs in `folder`, taken out
/// of the registry as it does.
pub fn take_run_once(folder: &Path) -> Vec<String> {
    const KEY: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\RunOnce";
    let query = std::process::Command::new("reg").args(["query", KEY]).output().expect("reg");
    let text = String::from_utf8_lossy(&query.stdout).into_owned();
    let name = folder.parent().and_then(Path::file_name).expect("a name").to_string_lossy().into_owned();
    let mut commands = Vec::new();
    for line in text.lines() {
        let Some((entry, command)) = line.trim().split_once("REG_SZ") else { continue };
        if command.contains(&name) {
            let delete = ["delete", KEY, "/v", entry.trim(), "/f"];
            assert!(std::process::Command::new("reg").args(delete).output().expect("reg").status.success());
            commands.push(command.trim().to_owned());
        }
    }
    commands
}
