//! `cache`: what is kept, shown and forgotten.

use std::time::{Instant, SystemTime};

use super::cached;
use super::context::Context;
use crate::cache::inventory;
use crate::cache::partition::Partition;
use crate::cache::place::Place;
use crate::cache::store::{self, Store, Trouble, Writing};
use crate::cli::args::{Cache, ListFormat, Selection};
use crate::cli::input::Limit;
use crate::error::{Error, OutputError, UsageError};
use crate::output::deliver::Destination;
use crate::output::list;
use crate::process;
use crate::redact::foreign;
use crate::secret::Secret;
use crate::terminal::Terminal;

/// Carries a command about the cache out.
pub(super) fn run(command: &Cache, context: &Context<'_>) -> Result<(), Error> {
    let (store, terminal, limit) = (&context.store(), context.terminal, context.limit);
    match command {
        Cache::Path => path(store),
        Cache::List { output } => show(store, *output, terminal),
        Cache::Remove(selection) => remove(store, selection, terminal, limit),
        Cache::Clear => clear(store, terminal, limit),
    }
}

fn path(store: &Store) -> Result<(), Error> {
    let path = match store.place() {
        Place::Folder { path, .. } | Place::File { file: path, .. } => path.to_string_lossy().into_owned(),
        Place::Off => "none".to_owned(),
        Place::Homeless => return Err(homeless()),
    };
    print(format!("{path}\n"))
}

fn show(store: &Store, format: ListFormat, terminal: &Terminal) -> Result<(), Error> {
    let mut items = Vec::new();
    for partition in store.partitions().map_err(unreadable)? {
        let file = store.file(&partition).unwrap_or_default();
        let content = store.read(&partition).map(Option::unwrap_or_default);
        match content.and_then(|content| {
            inventory::items(&content, &file.to_string_lossy()).map_err(|broken| store.trouble(&partition, &broken.to_string()))
        }) {
            Ok(more) => items.extend(more),
            Err(trouble) => terminal.warn(&format!("left out: {trouble}")),
        }
    }
    if items.is_empty() && format == ListFormat::Text {
        terminal.note("nothing is kept");
    }
    let now = SystemTime::now();
    print(match format {
        ListFormat::Text => list::text(&items, now),
        ListFormat::Json => list::json(&items, now),
    })
}

fn remove(store: &Store, selection: &Selection, terminal: &Terminal, limit: Limit) -> Result<(), Error> {
    let selected = inventory::Selection {
        client_id: selection.client_id.as_deref(),
        username: selection.username.as_deref(),
        tenant: selection.tenant_id.as_deref(),
    };
    if selected.is_everything() {
        return Err(UsageError::new("nothing says what is to be removed")
            .fix("name it with --client-id, --username or --tenant-id; `entra-token cache clear` removes everything")
            .into());
    }
    let mut removed = 0;
    for partition in store.partitions().map_err(unreadable)? {
        let content = match store.read(&partition) {
            Ok(content) => content.unwrap_or_default(),
            Err(trouble) => {
                terminal.warn(&format!("left out: {trouble}"));
                continue;
            }
        };
        // Locks are taken only where there is something to remove. What cannot be read whole stays as it is.
        if store::parse(&content).is_ok() && inventory::has(&content, &selected) {
            removed += change(store, &partition, limit, |writing| {
                let changed = writing.change(|document| (inventory::remove(document, &selected), document.is_empty()))?;
                let (count, is_empty) = changed.result;
                if is_empty && !store.is_shared() {
                    writing.remove()?;
                }
                Ok(count)
            })?;
            store.remember(&partition, None);
        }
    }
    for file in store.unreadable() {
        let file = foreign(&file.to_string_lossy());
        terminal.warn(&format!("nobody can read what is in {file}, so it is still there; `entra-token cache clear` removes it"));
    }
    terminal.note(&match removed {
        0 => "nothing that is kept fits, so nothing was removed".to_owned(),
        1 => "1 entry was removed".to_owned(),
        more => format!("{more} entries were removed"),
    });
    Ok(())
}

fn clear(store: &Store, terminal: &Terminal, limit: Limit) -> Result<(), Error> {
    match store.place() {
        Place::Off => return Ok(()),
        Place::Homeless => return Err(homeless()),
        Place::Folder { .. } => store.clear_folder().map_err(unchanged)?,
        Place::File { .. } => {
            for partition in store.partitions().map_err(unreadable)? {
                if let Some(aside) = change(store, &partition, limit, |writing: &Writing<'_>| writing.clear())? {
                    let aside = foreign(&aside.to_string_lossy());
                    terminal.warn(&format!("nothing says that it is a token cache, so it is not removed: it is now {aside}"));
                    return Ok(());
                }
            }
        }
    }
    terminal.note("everything that was kept is removed");
    Ok(())
}

/// Changes a file with tokens, under the locks that others heed.
fn change<T>(
    store: &Store,
    partition: &Partition,
    limit: Limit,
    work: impl FnOnce(&Writing<'_>) -> Result<T, Trouble>,
) -> Result<T, Error> {
    process::within_runtime(async {
        let deadline = limit.deadline.min(Instant::now() + cached::PATIENCE);
        let changed = async {
            let _flight = if store.is_shared() { None } else { Some(cached::flight(store, partition, deadline).await?) };
            let (folder, name) = store.to_change(partition)?;
            let writing = cached::writing(store, partition, (&folder, &name), deadline).await?;
            work(&writing)
        };
        changed.await.map_err(unchanged)
    })
}

fn print(text: String) -> Result<(), Error> {
    Destination::StandardOutput.deliver(&Secret::new(text))
}

fn homeless() -> Error {
    UsageError::new("there is no cache, because there is no home folder")
        .fix("name a place with --cache PATH, ENTRA_TOKEN_CACHE or XDG_STATE_HOME")
        .into()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(trouble: Trouble) -> Error {
    Error::Cache(OutputError {
        what: format!("the cache cannot be read: {trouble}"),
        fix: "put it right, or name another place with --cache PATH",
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unchanged(trouble: Trouble) -> Error {
    Error::Cache(OutputError {
        what: format!("the cache could not be changed: {trouble}"),
        fix: "free the place, and run the command again",
    })
}
