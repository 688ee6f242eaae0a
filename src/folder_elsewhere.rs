//! A folder where the system has no descriptors to work relative to: the same promises by paths, with the rights that a user's
//! own folders have there.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::secret::Wiped;

/// Ending of the names of files that are being written.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Where files are.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// What is asked of a folder; here its owner's rights are the system's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    Private,
    Shared,
    Any,
}

impl Folder {
    /// Opens a folder, or gives none where there is none.
    ///
    /// # Errors
    ///
    /// Where it is none, and where a link leads to it.
    pub(crate) fn open(path: &Path, keeping: Keeping) -> io::Result<Option<Folder>> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let looked_at = if keeping == Keeping::Any { path.metadata() } else { path.symlink_metadata() };
        match looked_at {
            Ok(metadata) if metadata.is_dir() => Ok(Some(Folder { path: path.to_owned() })),
            Ok(_) => Err(refused("its folder is a symbolic link, or no folder")),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a folder, and makes it where it is missing, with the folders that lead to it.
    ///
    /// # Errors
    ///
    /// As `open`, and where it cannot be made.
    pub(crate) fn create(path: &Path, keeping: Keeping) -> io::Result<Folder> {
        if !path.as_os_str().is_empty() {
            std::fs::create_dir_all(path)?;
        }
        Folder::open(path, keeping)?.ok_or_else(|| refused("its folder is gone again"))
    }

    /// The path that the folder was opened by.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content of a file, or none where there is none.
    ///
    /// # Errors
    ///
    /// Where it is not a plain file, larger than the limit, or cannot be read.
    pub(crate) fn read(&self, name: &str, limit: usize) -> io::Result<Option<Wiped>> {
        let path = self.path.join(name);
        let size = match path.symlink_metadata() {
            Ok(metadata) if !metadata.is_file() => return Err(refused("it is not a plain file")),
            Ok(metadata) => usize::try_from(metadata.len()).unwrap_or(usize::MAX),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if size > limit {
            return Err(refused(&format!("it is larger than {limit} bytes")));
        }
        Wiped::read(File::open(path)?.take(limit as u64 + 1), size).map(Some)
    }

    /// What tells a file from the one that had its name before; none where there is none.
    pub(crate) fn version(&self, name: &str) -> Option<String> {
        let metadata = self.path.join(name).symlink_metadata().ok()?;
        Some(format!("{} {:?}", metadata.len(), metadata.modified().ok()?))
    }

    /// When a file was last changed; none where there is none.
    pub(crate) fn modified(&self, name: &str) -> Option<std::time::SystemTime> {
        self.path.join(name).symlink_metadata().ok()?.modified().ok()
    }

    /// Puts a content in the place of a file, whole or not at all.
    ///
    /// # Errors
    ///
    /// Where it cannot be written. What was there is still there then.
    pub(crate) fn replace(&self, name: impl AsRef<OsStr>, content: &[u8]) -> io::Result<()> {
        let path = self.path.join(name.as_ref());
        if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(refused("it is not a plain file"));
        }
        let (mut file, temporary) = self.temporary(name.as_ref())?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        // Held until it has its name: who could lock it now would write into it.
        let written = written.and_then(|()| std::fs::rename(&temporary, &path));
        drop(file);
        if written.is_err() {
            // What fails here is told by what failed before.
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }

    /// Whether a file could be put there, told by making one and taking it away.
    ///
    /// # Errors
    ///
    /// Why it could not.
    pub(crate) fn try_out(&self, name: impl AsRef<OsStr>, size: usize) -> io::Result<()> {
        let (mut file, temporary) = self.temporary(name.as_ref())?;
        let written = file.write_all(&vec![0; size]);
        std::fs::remove_file(temporary)?;
        written
    }

    /// A new file beside another. One that nobody has locked was left behind by a process that was killed.
    fn temporary(&self, name: &OsStr) -> io::Result<(File, PathBuf)> {
        const MOST_WRITERS: u32 = 1_000;
        for slot in 0..MOST_WRITERS {
            let mut temporary = OsString::from(".");
            temporary.push(name);
            temporary.push(format!(".{slot}{TEMPORARY}"));
            let temporary = self.path.join(temporary);
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&temporary)?;
            if file.try_lock().is_ok() {
                file.set_len(0)?;
                return Ok((file, temporary));
            }
        }
        Err(refused("too many processes are writing it"))
    }

    /// Opens the file that a lock is on, and makes it where it is missing.
    ///
    /// # Errors
    ///
    /// Where it cannot be made.
    pub(crate) fn lock_file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.path.join(name))
    }

    /// Makes a file that must not be there yet.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, and where it cannot be made.
    pub(crate) fn create_new(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.path.join(name))
    }

    /// Whether an open file is the one that has a name: one that is open cannot lose it here.
    pub(crate) fn is_at(&self, _file: &File, name: impl AsRef<OsStr>) -> bool {
        self.path.join(name.as_ref()).exists()
    }

    /// Whether a file that has the name is a plain one; none is as good.
    ///
    /// # Errors
    ///
    /// What it is instead.
    pub(crate) fn check(&self, name: &str) -> io::Result<()> {
        match self.path.join(name).symlink_metadata() {
            Ok(metadata) if !metadata.is_file() => Err(refused("it is not a plain file")),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Gives a file another name.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    /// Takes a file away; none is as good.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The names of what is in it, in order.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().to_str().map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Whether there is a process with that id. Nobody can tell here without more rights, so it is taken to be there.
pub(crate) fn is_running(_id: i32) -> bool {
    true
}

fn refused(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, why.to_owned())
}
