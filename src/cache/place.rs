//! Where the cache is: the user's state folder, or one file that is shared with other programs, or nowhere.

use std::path::{Path, PathBuf};

use crate::env::{self, Env};

/// Where tokens are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a folder, a file for each identity.
    Folder {
        path: PathBuf,
        /// Whether a person named it: it is theirs then, and its rights are what they made them.
        is_named: bool,
    },
    /// In one file, which other programs may use too. Our locks and memories of failures are in our own folder, where there
    /// is one.
    File { file: PathBuf, folder: Option<PathBuf> },
    /// Nowhere, as was asked for.
    Off,
    /// Nowhere, because there is no place.
    Homeless,
}

/// The word that switches the cache off.
const OFF: &str = "none";

/// The place that `--cache` or `ENTRA_TOKEN_CACHE` names, else the user's state folder.
pub(crate) fn place(named: Option<&Path>, environment: &Env) -> Place {
    let ours = || state_folder(environment).map(|folder| folder.join("entra-token"));
    // Where a variable is set by a CI system or a service file, no shell has put the home folder in.
    let below_home = named.and_then(|path| path.strip_prefix("~").ok()).and_then(|rest| Some(environment.home()?.join(rest)));
    match below_home.as_deref().or(named) {
        Some(path) if path.as_os_str().eq_ignore_ascii_case(OFF) => Place::Off,
        Some(path) if path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/") => {
            Place::Folder { path: path.to_owned(), is_named: true }
        }
        Some(path) => Place::File { file: path.to_owned(), folder: ours() },
        None => ours().map_or(Place::Homeless, |path| Place::Folder { path, is_named: false }),
    }
}

/// Where a user's programs keep what they want to find again: `XDG_STATE_HOME` (XDG Base Directory Specification), which
/// counts on every system where it is set, else what the system has for it.
fn state_folder(environment: &Env) -> Option<PathBuf> {
    let named = |variable| environment.path(variable).filter(|path| path.is_absolute());
    if let Some(state) = named(env::XDG_STATE_HOME) {
        return Some(state);
    }
    #[cfg(windows)]
    return named(env::LOCALAPPDATA);
    #[cfg(not(windows))]
    {
        let home = environment.home().filter(|path| path.is_absolute())?;
        Some(home.join(if cfg!(target_vendor = "apple") { "Library/Application Support" } else { ".local/state" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_named_or_the_users_own() {
        let env = |pairs: &[(&'static str, &'static str)]| Env::Fixed(pairs.iter().copied().collect());
        let home = env(&[("HOME", "/home/me")]);
        let state = env(&[("HOME", "/home/me"), ("XDG_STATE_HOME", "/state")]);
        let relative = env(&[("HOME", "/home/me"), ("XDG_STATE_HOME", "state")]);
        let own = if cfg!(target_vendor = "apple") {
            "/home/me/Library/Application Support/entra-token"
        } else {
            "/home/me/.local/state/entra-token"
        };
        let folder = |path: &str, is_named| Place::Folder { path: path.into(), is_named };
        assert_eq!(place(None, &home), folder(own, false));
        assert_eq!(place(None, &relative), folder(own, false), "a relative one is not valid");
        assert_eq!(place(None, &state), folder("/state/entra-token", false));
        assert_eq!(place(None, &env(&[])), Place::Homeless);
        assert_eq!(place(Some(Path::new("none")), &home), Place::Off);
        assert_eq!(place(Some(Path::new("folder/")), &home), folder("folder/", true));
        let below_home = Place::File { file: "/home/me/x.json".into(), folder: Some("/state/entra-token".into()) };
        assert_eq!(place(Some(Path::new("~/x.json")), &state), below_home);
        let file = |folder: Option<&str>| Place::File { file: "x.json".into(), folder: folder.map(PathBuf::from) };
        assert_eq!(place(Some(Path::new("x.json")), &state), file(Some("/state/entra-token")));
        assert_eq!(place(Some(Path::new("x.json")), &env(&[])), file(None));
    }
}
