//! A folder, held by its descriptor: what is checked there is what is used, whatever happens to its path meanwhile.
//!
//! Files are read only where they are plain, our own, and have no other name; they are replaced whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::secret::Wiped;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// Ending of the names of files that are being written.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Where files are.
#[derive(Debug)]
pub(crate) struct Folder {
    descriptor: OwnedFd,
    path: PathBuf,
    keeping: Keeping,
}

/// What is asked of a folder before anything in it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// It is ours alone: others lose what rights they have there, and who could swap it must not exist.
    Private,
    /// It is ours or the administrator's, and not every user can put files of ours out of it.
    Shared,
    /// Nothing: the person named it, and a new file is put there and nothing read.
    Any,
}

/// For owner and nobody else.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER_MODE: Mode = Mode::RWXU;
const OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);

impl Folder {
    /// Opens a folder, or gives none where there is none.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened, and where it is not kept as asked.
    pub(crate) fn open(path: &Path, keeping: Keeping) -> io::Result<Option<Folder>> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let link = if keeping == Keeping::Any { OFlags::empty() } else { OFlags::NOFOLLOW };
        let descriptor = match rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY | link, Mode::empty()) {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) if path.is_symlink() => return Err(refused("its folder is a symbolic link")),
            Err(Errno::NOTDIR) => return Err(refused("its folder is not one")),
            Err(error) => return Err(error.into()),
        };
        let folder = Folder { descriptor, path: path.to_owned(), keeping };
        folder.check_keeping(keeping)?;
        Ok(Some(folder))
    }

    /// Opens a folder, and makes it where it is missing, with the folders that lead to it; all of them for nobody else.
    ///
    /// # Errors
    ///
    /// As `open`, and where it cannot be made.
    pub(crate) fn create(path: &Path, keeping: Keeping) -> io::Result<Folder> {
        if let Some(folder) = Folder::open(path, keeping)? {
            return Ok(folder);
        }
        let above = path.ancestors().skip(1).find(|above| above.as_os_str().is_empty() || above.exists()).unwrap_or(Path::new("."));
        let above = Folder::open(&above.canonicalize().unwrap_or(PathBuf::from(".")), Keeping::Any)?;
        if let Some(above) = above {
            // Where it is another's, what is made would be left to them: so with `sudo`, which keeps HOME.
            check_shared(&rustix::fs::fstat(&above.descriptor)?, "the folder that it would be made in")?;
        }
        make(path)?;
        Folder::open(path, keeping)?.ok_or_else(|| refused("its folder is gone again"))
    }

    fn check_keeping(&self, keeping: Keeping) -> io::Result<()> {
        let stat = rustix::fs::fstat(&self.descriptor)?;
        match keeping {
            Keeping::Any => Ok(()),
            Keeping::Shared => check_shared(&stat, "its folder"),
            Keeping::Private => {
                if stat.st_uid != rustix::process::geteuid().as_raw() {
                    return Err(refused("its folder belongs to another user"));
                }
                let above = rustix::fs::statat(&self.descriptor, "..", AtFlags::empty())?;
                if is_open_to_all(&above) {
                    return Err(refused("every user can replace its folder"));
                }
                if Mode::from_raw_mode(stat.st_mode).intersects(OTHERS) {
                    rustix::fs::fchmod(&self.descriptor, FOLDER_MODE)?;
                }
                Ok(())
            }
        }
    }

    /// The path that the folder was opened by.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content of a file, or none where there is none. Rights that others have are taken away.
    ///
    /// # Errors
    ///
    /// Where it is not a plain file of our own with one name, larger than the limit, or cannot be read.
    pub(crate) fn read(&self, name: &str, limit: usize) -> io::Result<Option<Wiped>> {
        let Some((file, stat)) = self.open_own(name, OFlags::RDONLY)? else { return Ok(None) };
        let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
        if size > limit {
            return Err(refused(&format!("it is larger than {limit} bytes")));
        }
        let content = Wiped::read(file.take(limit as u64 + 1), size)?;
        if content.len() > limit {
            return Err(refused(&format!("it is larger than {limit} bytes")));
        }
        Ok(Some(content))
    }

    /// Opens a file that is there, if it is what a file of ours is.
    fn open_own(&self, name: impl AsRef<OsStr>, access: OFlags) -> io::Result<Option<(File, Stat)>> {
        loop {
            match self.open_once(name.as_ref(), access)? {
                // Another file took its name while it was opened.
                Some((_, stat)) if stat.st_nlink == 0 => {}
                opened => return Ok(opened),
            }
        }
    }

    fn open_once(&self, name: &OsStr, access: OFlags) -> io::Result<Option<(File, Stat)>> {
        // Without waiting: a pipe that nobody writes to would never open.
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let descriptor = match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::MLINK) => return Err(refused("it is a symbolic link")),
            Err(Errno::ISDIR) => return Err(refused("it is a folder")),
            Err(Errno::NXIO | Errno::NODEV) => return Err(refused("it is not a plain file")),
            Err(error) => return Err(error.into()),
        };
        let stat = rustix::fs::fstat(&descriptor)?;
        if stat.st_nlink == 0 {
            return Ok(Some((File::from(descriptor), stat)));
        }
        check_own(&stat)?;
        if Mode::from_raw_mode(stat.st_mode).intersects(OTHERS) {
            rustix::fs::fchmod(&descriptor, FILE_MODE)?;
        }
        Ok(Some((File::from(descriptor), stat)))
    }

    /// What tells a file from the one that had its name before; none where there is none.
    pub(crate) fn version(&self, name: &str) -> Option<String> {
        let stat = rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(format!("{} {} {}", stat.st_ino, stat.st_mtime, stat.st_mtime_nsec))
    }

    /// When a file was last changed; none where there is none.
    #[allow(clippy::useless_conversion, reason = "the type of the field differs between systems")]
    pub(crate) fn modified(&self, name: &str) -> Option<SystemTime> {
        let stat = rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let seconds = Duration::from_secs(u64::try_from(stat.st_mtime).ok()?);
        Some(SystemTime::UNIX_EPOCH + seconds + Duration::from_nanos(u64::try_from(stat.st_mtime_nsec).ok()?))
    }

    /// Puts a content in the place of a file, whole or not at all, also when the machine stops in between. A file of another
    /// kind that has the name is not replaced.
    ///
    /// # Errors
    ///
    /// Where it cannot be written, or what has the name is not ours to replace. What was there is still there then.
    pub(crate) fn replace(&self, name: impl AsRef<OsStr>, content: &[u8]) -> io::Result<()> {
        let name = name.as_ref();
        match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            // A result goes where the person says; a cache is nobody else's.
            Ok(stat) if self.keeping == Keeping::Any => check_plain(&stat)?,
            Ok(stat) => check_own(&stat)?,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let (mut file, temporary) = self.temporary(name)?;
        let written = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| {
            rustix::fs::renameat(&self.descriptor, &temporary, &self.descriptor, name)?;
            Ok(())
        });
        if written.is_err() {
            // What fails here is told by what failed before.
            let _ = rustix::fs::unlinkat(&self.descriptor, &temporary, AtFlags::empty());
        }
        written?;
        // The rename is on disk only when the folder is. Not every file system can do that.
        let _ = rustix::fs::fsync(&self.descriptor);
        Ok(())
    }

    /// Whether a file of so many bytes could be put there, told by making one and taking it away.
    ///
    /// # Errors
    ///
    /// Why it could not.
    pub(crate) fn try_out(&self, name: impl AsRef<OsStr>, size: usize) -> io::Result<()> {
        let (mut file, temporary) = self.temporary(name.as_ref())?;
        let written = file.write_all(&vec![0; size]);
        rustix::fs::unlinkat(&self.descriptor, temporary, AtFlags::empty())?;
        written
    }

    /// A new file beside another, and its name. Whoever holds the lock on such a file is writing it; one that nobody holds was
    /// left behind by a process that was killed, and goes.
    fn temporary(&self, name: &OsStr) -> io::Result<(File, OsString)> {
        const MOST_WRITERS: u32 = 1_000;
        for slot in 0..MOST_WRITERS {
            let mut temporary = OsString::from(".");
            temporary.push(name);
            temporary.push(format!(".{slot}{TEMPORARY}"));
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = match rustix::fs::openat(&self.descriptor, &temporary, flags, FILE_MODE) {
                Ok(descriptor) => File::from(descriptor),
                Err(Errno::EXIST) => match self.reclaim(&temporary, flags)? {
                    Some(file) => file,
                    None => continue,
                },
                Err(error) => return Err(error.into()),
            };
            // It was somebody else's leftover for a moment, and may be gone. Where the file system has no locks, the name is all.
            let is_free = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            if is_free && self.is_at(&file, &temporary) {
                if let Err(error) = give_owner_rights(&file) {
                    // What fails here is told by what failed before.
                    let _ = self.remove_os(&temporary);
                    return Err(error);
                }
                return Ok((file, temporary));
            }
        }
        Err(refused("too many processes are writing it"))
    }

    fn reclaim(&self, temporary: &OsStr, flags: OFlags) -> io::Result<Option<File>> {
        let Ok(Some((left, _))) = self.open_own(temporary, OFlags::WRONLY) else { return Ok(None) };
        if left.try_lock().is_err() || !self.is_at(&left, temporary) {
            return Ok(None);
        }
        rustix::fs::unlinkat(&self.descriptor, temporary, AtFlags::empty())?;
        match rustix::fs::openat(&self.descriptor, temporary, flags, FILE_MODE) {
            Ok(descriptor) => Ok(Some(File::from(descriptor))),
            Err(Errno::EXIST) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the file that a lock is on, and makes it where it is missing. It holds no secret.
    ///
    /// # Errors
    ///
    /// Where it cannot be made, or is not a file of ours.
    pub(crate) fn lock_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        loop {
            let descriptor = rustix::fs::openat(&self.descriptor, name, flags, FILE_MODE)?;
            let stat = rustix::fs::fstat(&descriptor)?;
            // Who had it has removed it while it was opened.
            if stat.st_nlink > 0 {
                check_own(&stat)?;
                give_owner_rights(&descriptor)?;
                return Ok(File::from(descriptor));
            }
        }
    }

    /// Makes a file that must not be there yet.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, and where it cannot be made.
    pub(crate) fn create_new(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = rustix::fs::openat(&self.descriptor, name, flags, FILE_MODE)?;
        if let Err(error) = give_owner_rights(&descriptor) {
            // What fails here is told by what failed before.
            let _ = self.remove(name);
            return Err(error);
        }
        Ok(File::from(descriptor))
    }

    /// Whether an open file is the one that has a name.
    pub(crate) fn is_at(&self, file: &File, name: impl AsRef<OsStr>) -> bool {
        let here = rustix::fs::statat(&self.descriptor, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW);
        let open = rustix::fs::fstat(file.as_fd());
        matches!((here, open), (Ok(here), Ok(open)) if here.st_ino == open.st_ino && here.st_dev == open.st_dev)
    }

    /// Whether a file that has the name is one of ours; none is as good.
    ///
    /// # Errors
    ///
    /// What it is instead.
    pub(crate) fn check(&self, name: &str) -> io::Result<()> {
        match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => check_own(&stat),
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a file another name.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.descriptor, from, &self.descriptor, to)?)
    }

    /// Takes a file away, whatever it is; none is as good.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        self.remove_os(name.as_ref())
    }

    fn remove_os(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of what is in it, in order; those that are not UTF-8 are none of ours.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.descriptor)? {
            names.extend(entry?.file_name().to_str().map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Makes a folder and those that lead to it, each for the owner alone whatever the umask.
fn make(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), make)?;
    match rustix::fs::mkdir(path, FOLDER_MODE) {
        Ok(()) if Mode::from_raw_mode(rustix::fs::lstat(path)?.st_mode).contains(FOLDER_MODE) => Ok(()),
        Ok(()) => Ok(rustix::fs::chmod(path, FOLDER_MODE)?),
        // Another process was faster.
        Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Gives the owner the rights that the umask may have taken, and takes those of others.
fn give_owner_rights(file: impl AsFd) -> io::Result<()> {
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) & (Mode::RWXU | OTHERS);
    if mode != FILE_MODE {
        rustix::fs::fchmod(file, FILE_MODE)?;
    }
    Ok(())
}

fn check_own(stat: &Stat) -> io::Result<()> {
    if stat.st_uid != rustix::process::geteuid().as_raw() && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        return Err(refused("it belongs to another user"));
    }
    check_plain(stat)
}

fn check_plain(stat: &Stat) -> io::Result<()> {
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        return Err(refused("it is a symbolic link"));
    }
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(refused("it is not a plain file"));
    }
    if stat.st_nlink != 1 {
        return Err(refused("it has another name (a hard link)"));
    }
    Ok(())
}

fn check_shared(stat: &Stat, what: &str) -> io::Result<()> {
    const ROOT: u32 = 0;
    if stat.st_uid != rustix::process::geteuid().as_raw() && stat.st_uid != ROOT {
        return Err(refused(&format!("{what} belongs to another user")));
    }
    if is_open_to_all(stat) {
        return Err(refused(&format!("every user can replace files in {what}")));
    }
    Ok(())
}

/// Whether every user can remove what others have put there.
fn is_open_to_all(stat: &Stat) -> bool {
    let mode = Mode::from_raw_mode(stat.st_mode);
    mode.contains(Mode::WOTH) && !mode.contains(Mode::SVTX)
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.to_owned())
}

/// Whether there is a process with that id.
pub(crate) fn is_running(id: i32) -> bool {
    let Some(id) = rustix::process::Pid::from_raw(id) else { return false };
    // Another user's process is one too.
    !matches!(rustix::process::test_kill_process(id), Err(Errno::SRCH))
}
