//! Where the result goes: standard output, or a file that only its owner can read.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, OutputError};
use crate::folder::{Folder, Keeping};
use crate::redact::foreign;
use crate::secret::Secret;

/// Where the result goes.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    StandardOutput,
    File(PathBuf),
}

impl Destination {
    /// Looks whether the result can be put there, before anything is asked for.
    ///
    /// # Errors
    ///
    /// `Output`, for what is not a plain file of its own: replacing a link, a pipe or a device would not do what was meant.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Destination::File(path) = self else { return Ok(()) };
        let problem = |what: &str, fix| Err(Error::Output(OutputError { what: format!("{} {what}", shown(path)), fix }));
        if path.file_name().is_none() || path.is_dir() {
            return problem("is a folder", "name a file in it");
        }
        if !folder(path).is_dir() {
            return problem("is in a folder that does not exist", "create the folder first");
        }
        if let Err(error) = try_out(path) {
            return problem(&format!("is in a folder that cannot be written to: {}", said(&error)), "choose a place that you can write to");
        }
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.file_type().is_symlink() => problem("is a symbolic link", "name the file it points to"),
            Ok(metadata) if !metadata.is_file() => {
                problem("is not a plain file", "name a file, or leave --out-file out for standard output")
            }
            Ok(metadata) if links(&metadata) > 1 => {
                problem("has other names (hard links), which would keep the old content", "name another file")
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => problem(&format!("cannot be looked at: {}", said(&error)), "choose a place that you can write to"),
        }
    }

    /// Puts the result there, whole or not at all. A reader that went away is no error: it has seen enough.
    ///
    /// # Errors
    ///
    /// `Output`: the token was got and could not be written.
    pub(crate) fn deliver(&self, result: &Secret) -> Result<(), Error> {
        let written = match self {
            Destination::StandardOutput => print(result),
            Destination::File(path) => self.check().map(|()| replace(path, result))?,
        };
        written.map_err(|error| {
            let place = match self {
                Destination::StandardOutput => "standard output".to_owned(),
                Destination::File(path) => shown(path),
            };
            Error::Output(OutputError {
                what: format!("the result could not be written to {place}: {}", said(&error)),
                fix: "free the place or name another with --out-file, and run the command again",
            })
        })
    }
}

fn print(result: &Secret) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(result.expose().as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Puts the result in the place of the file, so that a reader sees the old content or the new, and a crash leaves one of them.
fn replace(path: &Path, result: &Secret) -> io::Result<()> {
    let (folder, name) = open(path)?;
    folder.replace(&name, result.expose().as_bytes())
}

fn try_out(path: &Path) -> io::Result<()> {
    let (folder, name) = open(path)?;
    folder.try_out(&name, 0)
}

/// The folder that a file is in, and the file's name there.
fn open(path: &Path) -> io::Result<(Folder, OsString)> {
    let folder = Folder::open(folder(path), Keeping::Any)?.ok_or(io::ErrorKind::NotFound)?;
    Ok((folder, path.file_name().unwrap_or_default().to_owned()))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn shown(path: &Path) -> String {
    foreign(&path.to_string_lossy())
}

fn said(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

#[cfg(unix)]
fn links(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

#[cfg(not(unix))]
fn links(_metadata: &fs::Metadata) -> u64 {
    1
}
