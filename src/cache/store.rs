//! The cache's files: reading without a lock, changing under one. Every answer says what is the matter instead of failing: a
//! command works without a cache too.

mod memory;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::document::Document;
use super::msal_lock::{self, MsalLock};
use super::partition::Partition;
use super::place::Place;
use super::schema::{Broken, Kind};
use crate::crypto;
use crate::folder::{Folder, Keeping, TEMPORARY};
use crate::secret::Wiped;

/// The largest cache file, in bytes.
const LIMIT: usize = 64 << 20;
/// What the name of a file that was no cache ends with, before the time.
const ASIDE: &str = ".corrupt-";

/// Why the cache cannot be used, or could not be changed.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    path: PathBuf,
    why: String,
}

impl Trouble {
    /// What is the matter, without the place.
    pub(crate) fn why(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", crate::redact::foreign(&self.path.to_string_lossy()), self.why)
    }
}

/// A cache's files.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    place: Place,
}

/// The text of a cache, wiped when dropped.
pub(crate) type Content = Wiped;

/// What tells one version of a file from the next.
pub(crate) type Version = Option<String>;

/// The right to ask for a partition's token, held until dropped.
#[derive(Debug)]
pub(crate) struct Flight {
    file: Option<File>,
}

/// The right to change a file with tokens.
#[derive(Debug)]
pub(crate) struct Writing<'f> {
    folder: &'f Folder,
    name: String,
    /// For a file that is shared; the partition's own lock is enough for the others.
    _lock: Option<MsalLock<'f>>,
}

/// What came of a change.
#[derive(Debug)]
pub(crate) struct Changed<T> {
    /// What the change itself gave.
    pub(crate) result: T,
    /// Where a file that was no cache has been put.
    pub(crate) moved: Option<(PathBuf, Broken)>,
}

impl Flight {
    /// Says that its process is at work: who waits can tell it from one that stands still.
    pub(crate) fn beat(&self) {
        if let Some(file) = &self.file {
            // Where that cannot be said, those who wait give up sooner.
            let _ = file.set_modified(SystemTime::now());
        }
    }
}

impl Store {
    pub(crate) fn new(place: Place) -> Store {
        Store { place }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether it is one file that other programs use too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.place, Place::File { .. })
    }

    /// The file with a partition's tokens.
    pub(crate) fn file(&self, partition: &Partition) -> Option<PathBuf> {
        match &self.place {
            Place::Folder { path, .. } => Some(path.join(partition.tokens())),
            Place::File { file, .. } => Some(file.clone()),
            Place::Off | Place::Homeless => None,
        }
    }

    /// The content of the file with a partition's tokens, or none where there is none.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or must not be believed.
    pub(crate) fn read(&self, partition: &Partition) -> Result<Option<Content>, Trouble> {
        let Some((folder, name, keeping)) = self.tokens(partition) else { return Ok(None) };
        let Some(folder) = in_place(&folder, Folder::open(&folder, keeping))? else { return Ok(None) };
        in_place(&folder.path().join(&name), folder.read(&name, LIMIT))
    }

    /// The version of that file.
    pub(crate) fn version(&self, partition: &Partition) -> Version {
        let (folder, name, keeping) = self.tokens(partition)?;
        Folder::open(&folder, keeping).ok().flatten()?.version(&name)
    }

    /// How the folder with our own files is kept.
    fn keeping(&self) -> Keeping {
        match self.place {
            Place::Folder { is_named: true, .. } => Keeping::Shared,
            _ => Keeping::Private,
        }
    }

    /// Folder and name of the file with a partition's tokens.
    fn tokens(&self, partition: &Partition) -> Option<(PathBuf, String, Keeping)> {
        match &self.place {
            Place::Folder { path, .. } => Some((path.clone(), partition.tokens(), self.keeping())),
            Place::File { file, .. } => {
                let (folder, name) = split(file)?;
                Some((folder, name, Keeping::Shared))
            }
            Place::Off | Place::Homeless => None,
        }
    }

    /// The folder with our own files, and the partition that they are named after.
    fn own(&self, partition: &Partition) -> Option<(&Path, Partition)> {
        match &self.place {
            Place::Folder { path, .. } => Some((path, partition.clone())),
            Place::File { file, folder: Some(folder) } => {
                let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
                Some((folder, partition.within(&file.to_string_lossy())))
            }
            Place::File { folder: None, .. } | Place::Off | Place::Homeless => None,
        }
    }

    /// Takes the lock that only one process at a time asks for a partition's token under; none where another has it. A file that
    /// is shared is worth using without such a lock too, where there is no place for it.
    ///
    /// # Errors
    ///
    /// Where the lock's file cannot be made.
    pub(crate) fn try_lock(&self, partition: &Partition) -> Result<Option<Flight>, Trouble> {
        let locked = match self.own(partition) {
            Some((path, own)) => try_lock(path, self.keeping(), &own.lock()),
            None => Err(self.trouble(partition, "there is no home folder for its locks")),
        };
        match locked {
            Err(trouble) if self.is_shared() => {
                log::info!("cache: others that want the same are not waited for: {trouble}");
                Ok(Some(Flight { file: None }))
            }
            other => other,
        }
    }

    /// Who has that lock, for a person.
    pub(crate) fn holder(&self, partition: &Partition) -> String {
        let read = || {
            let (path, own) = self.own(partition)?;
            let folder = Folder::open(path, self.keeping()).ok()??;
            let content = folder.read(&own.lock(), 64).ok()??;
            std::str::from_utf8(&content).ok()?.trim().parse::<u32>().ok()
        };
        read().map_or_else(|| "another process".to_owned(), |id| format!("process {id}"))
    }

    /// How long ago the process that has that lock last said that it is at work.
    pub(crate) fn silence(&self, partition: &Partition) -> Option<Duration> {
        let (path, own) = self.own(partition)?;
        let folder = Folder::open(path, self.keeping()).ok()??;
        folder.modified(&own.lock())?.elapsed().ok()
    }

    /// The folder with a partition's tokens, made where it is missing, to change them in.
    ///
    /// # Errors
    ///
    /// Where it cannot be made, or others could put files out of it.
    pub(crate) fn to_change(&self, partition: &Partition) -> Result<(Folder, String), Trouble> {
        let Some((path, name, keeping)) = self.tokens(partition) else { return Err(self.trouble(partition, "there is no cache")) };
        Ok((in_place(&path, Folder::create(&path, keeping))?, name))
    }

    /// Takes the lock that other programs heed on the file; none where one of them has it. Called again after a while,
    /// `impatient` says that long enough was waited. The partition's own lock is held already.
    ///
    /// # Errors
    ///
    /// Where the lock's file cannot be made.
    pub(crate) fn try_writing<'f>(&self, folder: &'f Folder, name: &str, impatient: bool) -> Result<Option<Writing<'f>>, Trouble> {
        let name = name.to_owned();
        if !self.is_shared() {
            return Ok(Some(Writing { folder, name, _lock: None }));
        }
        let lock = in_place(&folder.path().join(msal_lock::name(&name)), msal_lock::try_lock(folder, &name, impatient))?;
        Ok(lock.map(|lock| Writing { folder, name, _lock: Some(lock) }))
    }

    /// Something that is the matter with it.
    pub(crate) fn trouble(&self, partition: &Partition, why: &str) -> Trouble {
        Trouble { path: self.file(partition).unwrap_or_default(), why: why.to_owned() }
    }

    /// The partitions that there are; the one file that is shared is one.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be read.
    pub(crate) fn partitions(&self) -> Result<Vec<Partition>, Trouble> {
        match &self.place {
            Place::Folder { path, .. } => {
                let Some(folder) = in_place(path, Folder::open(path, self.keeping()))? else { return Ok(Vec::new()) };
                Ok(in_place(path, folder.names())?.iter().filter_map(|name| Partition::of_file(name)).collect())
            }
            Place::File { .. } => Ok(vec![Partition::whole()]),
            Place::Off | Place::Homeless => Ok(Vec::new()),
        }
    }

    /// The accounts that have signed in to a client (`all`), so that they are found however many others there are; `None` where there
    /// is no list of them.
    ///
    /// # Errors
    ///
    /// Where the list cannot be read.
    pub(crate) fn people(&self, all: &Partition) -> Result<Option<Vec<Partition>>, Trouble> {
        let Place::Folder { path, .. } = &self.place else { return Ok(None) };
        let Some(folder) = in_place(path, Folder::open(path, self.keeping()))? else { return Ok(Some(Vec::new())) };
        // One that cannot be read, or is not whole, is none: the folder has what it should have said.
        let list = folder.read(&all.people(), LIMIT).ok().flatten();
        Ok(list.and_then(|list| {
            let (accounts, digest) = std::str::from_utf8(&list).ok()?.trim_end().rsplit_once('\n')?;
            (digest == sum(accounts)).then(|| accounts.lines().filter_map(|account| all.with_account(account)).collect())
        }))
    }

    /// Puts an account into its client's list; the list's own lock (that of `all`) is held.
    ///
    /// # Errors
    ///
    /// Where the list cannot be written.
    pub(crate) fn add_person(&self, all: &Partition, person: &Partition) -> Result<(), Trouble> {
        let Place::Folder { path, .. } = &self.place else { return Ok(()) };
        let mut people = match self.people(all)? {
            Some(people) if people.contains(person) => return Ok(()),
            Some(people) => people,
            None => self.partitions()?.into_iter().filter(|known| known.is_of_client_of(all)).collect(),
        };
        if !people.contains(person) {
            people.push(person.clone());
        }
        let accounts: Vec<&str> = people.iter().map(Partition::account).collect();
        let accounts = accounts.join("\n");
        let folder = in_place(path, Folder::create(path, self.keeping()))?;
        in_place(&path.join(all.people()), folder.replace(all.people(), format!("{accounts}\n{}\n", sum(&accounts)).as_bytes()))
    }

    /// Files that hold what nobody can read: caches that are broken, and those that were moved aside.
    pub(crate) fn unreadable(&self) -> Vec<PathBuf> {
        let Ok(partitions) = self.partitions() else { return Vec::new() };
        let broken = partitions.iter().filter(|partition| {
            let content = self.read(partition).ok().flatten().unwrap_or_default();
            parse(&content).is_err()
        });
        let mut files: Vec<PathBuf> = broken.filter_map(|partition| self.file(partition)).collect();
        let (path, prefix, keeping) = match &self.place {
            Place::Folder { path, .. } => (path.clone(), String::new(), self.keeping()),
            Place::File { file, .. } => match split(file) {
                Some((folder, name)) => (folder, name, Keeping::Shared),
                None => return files,
            },
            Place::Off | Place::Homeless => return files,
        };
        let names = Folder::open(&path, keeping).ok().flatten().and_then(|folder| folder.names().ok()).unwrap_or_default();
        let is_aside =
            |name: &String| name.starts_with(&prefix) && name.contains(ASIDE) && (self.is_shared() || Partition::is_cleared(name));
        files.extend(names.into_iter().filter(is_aside).map(|name| path.join(name)));
        files
    }

    /// Removes every file of ours from our folder, whatever it holds, but for the locks.
    ///
    /// # Errors
    ///
    /// Where one cannot be removed.
    pub(crate) fn clear_folder(&self) -> Result<(), Trouble> {
        let Place::Folder { path, .. } = &self.place else { return Ok(()) };
        let Some(folder) = in_place(path, Folder::open(path, self.keeping()))? else { return Ok(()) };
        // One that cannot be removed keeps no other.
        let mut trouble = Ok(());
        for name in in_place(path, folder.names())?.iter().filter(|name| Partition::is_cleared(name)) {
            let removed = in_place(&path.join(name), folder.remove(name));
            trouble = trouble.and(removed);
        }
        trouble
    }
}

/// What tells a list of accounts that is whole.
fn sum(accounts: &str) -> String {
    crypto::digest(["accounts", accounts])[..16].to_owned()
}

/// Who has the lock that other programs heed on a file, for a person.
pub(crate) fn msal_holder(folder: &Folder, name: &str) -> String {
    let content = folder.read(&msal_lock::name(name), 256).ok().flatten();
    let id = content.as_deref().and_then(msal_lock::id);
    id.map_or_else(|| "another program".to_owned(), |id| format!("process {id}"))
}

fn try_lock(path: &Path, keeping: Keeping, name: &str) -> Result<Option<Flight>, Trouble> {
    let folder = in_place(path, Folder::create(path, keeping))?;
    loop {
        let mut file = in_place(&path.join(name), folder.lock_file(name))?;
        match file.try_lock() {
            // Somebody may have removed it before it was locked.
            Ok(()) if !folder.is_at(&file, name) => {}
            Ok(()) => {
                // For who waits and wants to say whom for; the lock is one without.
                let _ = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
                return Ok(Some(Flight { file: Some(file) }));
            }
            Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
            Err(std::fs::TryLockError::Error(error)) => return in_place(&path.join(name), Err(error)),
        }
    }
}

impl Writing<'_> {
    /// Reads the file again, changes it, and puts it back whole. One that is no cache is moved aside, and a new one begun.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or written. It is as it was then.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Document<'_>) -> T) -> Result<Changed<T>, Trouble> {
        let path = self.folder.path().join(&self.name);
        let content = in_place(&path, self.folder.read(&self.name, LIMIT))?.unwrap_or_default();
        let (mut document, moved) = match parse(&content) {
            Ok(document) => (document, None),
            Err(broken) => {
                let aside = in_place(&path, self.move_aside())?;
                (Document::default(), Some((aside, broken)))
            }
        };
        let result = change(&mut document);
        let text = document.to_text();
        if text.as_bytes() != &content[..] {
            let replaced = in_place(&path, self.folder.replace(&self.name, text.as_bytes()));
            if let (Err(_), Some((aside, _))) = (&replaced, &moved) {
                // What fails here is told by what failed before.
                let _ = aside.file_name().and_then(|name| name.to_str()).map(|name| self.folder.rename(name, &self.name));
            }
            replaced?;
        }
        Ok(Changed { result, moved })
    }

    /// Puts the file where nobody looks for a cache. One such file is kept.
    fn move_aside(&self) -> io::Result<PathBuf> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let aside = format!("{}{ASIDE}{now}", self.name);
        self.remove_aside(Some(&aside))?;
        self.folder.rename(&self.name, &aside)?;
        Ok(self.folder.path().join(aside))
    }

    /// Removes what was put there, but for one.
    fn remove_aside(&self, kept: Option<&str>) -> io::Result<()> {
        let prefix = format!("{}{ASIDE}", self.name);
        let names = self.folder.names()?;
        let older = names.iter().filter(|name| name.starts_with(&prefix) && Some(name.as_str()) != kept);
        older.into_iter().try_for_each(|name| self.folder.remove(name))
    }

    /// Removes a file that a person named as a cache: one that never was is left alone, and one of which nobody can tell is moved
    /// aside. Where it has been moved to is the result.
    ///
    /// # Errors
    ///
    /// Where it is no file of ours, no cache, or cannot be removed.
    pub(crate) fn clear(&self) -> Result<Option<PathBuf>, Trouble> {
        let path = self.folder.path().join(&self.name);
        in_place(&path, self.folder.check(&self.name))?;
        let content = in_place(&path, self.folder.read(&self.name, LIMIT))?.unwrap_or_default();
        let has_section = Kind::ALL.iter().any(|kind| {
            let section = kind.section().as_bytes();
            content.windows(section.len()).any(|part| part == section)
        });
        match parse(&content) {
            Ok(document) if !document.is_cache() => Err(Trouble { path, why: "it is JSON, and no token cache".to_owned() }),
            Err(_) if !has_section => {
                self.remove_rest()?;
                in_place(&path, self.move_aside()).map(Some)
            }
            _ => self.remove().map(|()| None),
        }
    }

    /// Removes the file, what was moved aside of it, and what writers that were killed have left.
    ///
    /// # Errors
    ///
    /// Where that is not possible.
    pub(crate) fn remove(&self) -> Result<(), Trouble> {
        let path = self.folder.path().join(&self.name);
        in_place(&path, self.folder.check(&self.name).and_then(|()| self.folder.remove(&self.name)))?;
        self.remove_rest()
    }

    fn remove_rest(&self) -> Result<(), Trouble> {
        let left = format!(".{}.", self.name);
        let removed = self.remove_aside(None).and_then(|()| {
            let names = self.folder.names()?;
            let temporary = names.iter().filter(|name| name.starts_with(&left) && name.ends_with(TEMPORARY));
            temporary.into_iter().try_for_each(|name| self.folder.remove(name))
        });
        in_place(&self.folder.path().join(&self.name), removed)
    }
}

/// Takes a cache's content apart.
///
/// # Errors
///
/// `Broken`, for what is no cache.
pub(crate) fn parse(content: &[u8]) -> Result<Document<'_>, Broken> {
    Document::parse(text(content)?)
}

/// A cache's content as text.
///
/// # Errors
///
/// `Broken`, for what is not UTF-8.
pub(crate) fn text(content: &[u8]) -> Result<&str, Broken> {
    let text = str::from_utf8(content).map_err(|error| Broken(format!("it is not UTF-8 text, at byte {}", error.valid_up_to())))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A file's folder and name.
pub(crate) fn split(file: &Path) -> Option<(PathBuf, String)> {
    let name = file.file_name()?.to_str()?.to_owned();
    Some((file.parent().unwrap_or(Path::new("")).to_owned(), name))
}

fn in_place<T>(path: &Path, result: io::Result<T>) -> Result<T, Trouble> {
    result.map_err(|error| {
        let said = error.to_string();
        Trouble { path: path.to_owned(), why: said.split(" (os error").next().unwrap_or(&said).to_lowercase() }
    })
}
