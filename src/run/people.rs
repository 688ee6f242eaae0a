//! Who has signed in to an app, as the cache knows, and who of them is meant.

use super::context::Context;
use crate::cache::partition::Partition;
use crate::cache::place::Place;
use crate::cache::signed_in::{self, SignedIn};
use crate::cache::store::{self, Store, Trouble};
use crate::cli::plan::Plan;
use crate::error::{Error, UsageError};
use crate::redact::foreign;

/// What to do where nobody has signed in.
pub(super) const SIGN_IN: &str = "sign in with entra-token auth-code (in a browser) or entra-token device-code (on another device), or with the program that shares this cache";

/// The person who is meant.
pub(super) enum Meant {
    One(Box<SignedIn>),
    /// Nobody has signed in, or not the one who was named.
    Nobody(UsageError),
    /// Which of them, nobody said.
    Several(Vec<SignedIn>, UsageError),
}

impl Meant {
    /// The only one, or the error that says why there is none.
    pub(super) fn only(self) -> Result<SignedIn, Error> {
        match self {
            Meant::One(person) => Ok(*person),
            Meant::Nobody(error) | Meant::Several(_, error) => Err(Error::Interaction(error)),
        }
    }
}

/// Looks for the person who is meant: the one that was named, or the only one.
pub(super) fn meant(store: &Store, plan: &Plan, context: &Context<'_>) -> Meant {
    let mut people = sign_ins(store, plan, context);
    people.retain(|person| person.home_account_id.split_once('.').is_none_or(|(_, home)| plan.authority.admits(home)));
    people.retain(|person| person.home_account_id.split_once('.').is_none_or(|(id, _)| plan.authority.has_policy_of(id)));
    if let Some(wanted) = &plan.account {
        let has = |names: &[String]| names.iter().any(|name| name.eq_ignore_ascii_case(&wanted.value));
        // A name may pass on from one to another, and then counts for who is called by it.
        match people.iter().any(|person| has(&person.usernames)) {
            true => people.retain(|person| has(&person.usernames)),
            false => people.retain(|person| has(&person.signed_in_as)),
        }
    }
    // Who has signed in to others of a family may be anybody, as long as somebody has signed in to the app itself.
    if people.len() > 1 && people.iter().any(has_own) {
        people.retain(has_own);
    }
    let client = foreign(&plan.client_id);
    if people.len() > 1 {
        let names: Vec<String> = people.iter().map(name).collect();
        let to = if people.iter().any(has_own) { "" } else { "others of a family that may share sign-ins with " };
        let error = UsageError::new(format!("{} people have signed in to {to}app {client}: {}", people.len(), names.join(", ")));
        return Meant::Several(people, error.fix("say who is meant with --username NAME"));
    }
    if let Some(person) = people.pop() {
        return Meant::One(Box::new(person));
    }
    let who = plan.account.as_ref().map_or_else(|| "nobody".to_owned(), |name| format!("{} (from {})", foreign(&name.value), name.from));
    let has = if plan.account.is_some() { "has not" } else { "has" };
    Meant::Nobody(UsageError::new(format!("{who} {has} signed in to app {client}, {}", place(store))).fix(SIGN_IN))
}

/// Whether a person has signed in to the app itself, and not only to others of a family that it may be in.
pub(super) fn has_own(person: &SignedIn) -> bool {
    !person.id_tokens.is_empty() || person.refresh_tokens.iter().any(|token| token.is_own)
}

/// The person with that id, as the cache knows now.
pub(super) fn with_id(store: &Store, plan: &Plan, home_account_id: &str, context: &Context<'_>) -> Option<SignedIn> {
    sign_ins(store, plan, context).into_iter().find(|person| person.home_account_id == home_account_id)
}

/// How a person is called.
pub(super) fn name(person: &SignedIn) -> String {
    foreign(person.username.as_deref().unwrap_or(&person.home_account_id))
}

/// Where was looked, as a fragment.
fn place(store: &Store) -> String {
    match store.place() {
        Place::Folder { path, .. } | Place::File { file: path, .. } => {
            format!("as far as the cache {} knows", foreign(&path.to_string_lossy()))
        }
        Place::Off => "and there is no cache that could know (--cache none)".to_owned(),
        Place::Homeless => "and there is no home folder for a cache that could know".to_owned(),
    }
}

/// Everybody who has signed in: to the app itself, and where nobody has, to others of a family that it may be in.
fn sign_ins(store: &Store, plan: &Plan, context: &Context<'_>) -> Vec<SignedIn> {
    if matches!(store.place(), Place::Off | Place::Homeless) {
        return Vec::new();
    }
    let looked_for = own(store, plan).and_then(|own| {
        let found = within(&own, store, plan, context);
        if found.is_empty() { others(store, plan).map(|others| within(&others, store, plan, context)) } else { Ok(found) }
    });
    looked_for.unwrap_or_else(|trouble| {
        context.terminal.warn(&format!("the cache cannot be read: {trouble}"));
        Vec::new()
    })
}

/// Where people's sign-ins to the app itself are.
fn own(store: &Store, plan: &Plan) -> Result<Vec<Partition>, Trouble> {
    let of_client = Partition::of_person(&plan.authority, &plan.client_id, "");
    if let Some(people) = of_client.of_all_people().map_or(Ok(None), |all| store.people(&all))? {
        return Ok(people);
    }
    let all = store.partitions()?.into_iter();
    Ok(all.filter(|partition| store.is_shared() || partition.is_of_client_of(&of_client)).collect())
}

/// Where those to others are.
fn others(store: &Store, plan: &Plan) -> Result<Vec<Partition>, Trouble> {
    let of_client = Partition::of_person(&plan.authority, &plan.client_id, "");
    let all = store.partitions()?.into_iter();
    // All that is in a file that is shared has been looked at.
    Ok(all.filter(|partition| partition.is_of_person() && !partition.is_of_client_of(&of_client)).collect())
}

/// Who has signed in, as these files say.
fn within(partitions: &[Partition], store: &Store, plan: &Plan, context: &Context<'_>) -> Vec<SignedIn> {
    let mut found: Vec<SignedIn> = Vec::new();
    for partition in partitions {
        let found_there = store.read(partition).map_err(|trouble| trouble.why().to_owned()).and_then(|bytes| {
            let Some(bytes) = bytes else { return Ok(Vec::new()) };
            let text = store::text(&bytes).map_err(|broken| broken.to_string())?;
            signed_in::people(text, plan.authority.host(), &plan.client_id).map_err(|broken| broken.to_string())
        });
        match found_there {
            Err(why) => {
                let file = store.file(partition).unwrap_or_default();
                context.terminal.warn(&format!("left out: {}: {why}", foreign(&file.to_string_lossy())));
            }
            Ok(more) => more.into_iter().for_each(|person| add(&mut found, person)),
        }
    }
    found
}

/// The same person may have signed in to several clients of a family.
fn add(found: &mut Vec<SignedIn>, person: SignedIn) {
    match found.iter_mut().find(|known| known.home_account_id == person.home_account_id) {
        Some(known) => {
            known.refresh_tokens.extend(person.refresh_tokens);
            known.id_tokens.extend(person.id_tokens);
            known.refresh_tokens.sort_by_key(|token| !token.is_own);
            known.username = known.username.take().or(person.username);
            known.usernames.extend(person.usernames);
            known.signed_in_as.extend(person.signed_in_as);
            known.name = known.name.take().or(person.name);
        }
        None => found.push(person),
    }
}
