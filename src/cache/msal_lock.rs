//! The lock that MSAL's extensions take on a cache file: `FILE.lockfile`, made for the write and gone afterwards.
//!
//! Their libraries differ. Some take its existence for the lock, some a `flock` on it; all write who they are into it. So it is
//! made where it must not exist, locked as well, and removed at the end. One that a dead process left is taken over.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::time::Duration;

use crate::folder::Folder;

/// How long a file may be empty: between its making and the name of who made it.
const NAMELESS: Duration = Duration::from_secs(1);

/// The lock, held until dropped.
#[derive(Debug)]
pub(super) struct MsalLock<'f> {
    folder: &'f Folder,
    name: String,
    file: File,
}

/// Takes the lock on a file, if nobody has it. With `impatient`, a process that made the lock file and has no lock on it is not
/// waited for any longer, as MSAL's own extensions do after five seconds.
///
/// # Errors
///
/// Where the lock file cannot be made or is not one.
pub(super) fn try_lock<'f>(folder: &'f Folder, file_name: &str, impatient: bool) -> io::Result<Option<MsalLock<'f>>> {
    let name = name(file_name);
    let (file, is_new) = match folder.create_new(&name) {
        Ok(file) => (file, true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => (folder.lock_file(&name)?, false),
        Err(error) => return Err(error),
    };
    // Where the file system has no locks, its existence is the lock.
    let is_locked = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    if !is_locked || !folder.is_at(&file, &name) || !(is_new || impatient || is_left(&file)?) {
        return Ok(None);
    }
    own(folder, name, file).map(Some)
}

/// The lock file's name.
pub(super) fn name(file_name: &str) -> String {
    format!("{file_name}.lockfile")
}

/// The id of the process that a lock file names.
pub(super) fn id(who: &[u8]) -> Option<i32> {
    who.split(|byte| !byte.is_ascii_digit()).next().and_then(|id| str::from_utf8(id).ok()?.parse().ok())
}

fn own(folder: &Folder, name: String, mut file: File) -> io::Result<MsalLock<'_>> {
    file.set_len(0)?;
    file.rewind()?;
    let who = format!("{} {}", std::process::id(), env!("CARGO_PKG_NAME"));
    // Who reads it wants to name us; the lock is one without.
    let _ = file.write_all(who.as_bytes());
    Ok(MsalLock { folder, name, file })
}

/// Whether who made a lock file has gone.
fn is_left(file: &File) -> io::Result<bool> {
    let mut who = Vec::new();
    file.take(64).read_to_end(&mut who)?;
    if who.is_empty() {
        let age = file.metadata()?.modified()?.elapsed().unwrap_or_default();
        return Ok(age > NAMELESS);
    }
    // What says nothing that is understood may be anybody's.
    Ok(id(&who).is_some_and(|id| !crate::folder::is_running(id)))
}

impl Drop for MsalLock<'_> {
    fn drop(&mut self) {
        if self.folder.is_at(&self.file, &self.name) {
            // A leftover would be waited for by the next.
            let _ = self.folder.remove(&self.name);
        }
    }
}
