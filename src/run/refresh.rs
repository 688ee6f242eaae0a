//! `refresh`: new tokens for a person who has signed in, by a refresh token that was given or that the cache holds.

use super::cached::Cached;
use super::context::{Context, Delivery};
use super::secrets;
use crate::cache::lookup::{self, Look, SignIn, Wanted};
use crate::cache::partition::{self, Credential, Partition};
use crate::cache::place::Place;
use crate::cache::store::{self, Store};
use crate::cli::args::Refresh;
use crate::cli::plan::{Plan, Subject};
use crate::entra::authority::{self, Authority};
use crate::entra::client_auth::ClientAuth;
use crate::entra::token::TokenSet;
use crate::error::{Error, UsageError};
use crate::flow::refresh::{self, Client};
use crate::http::Http;
use crate::output::format::{Issued, Source};
use crate::process;
use crate::redact::foreign;
use crate::secret::Secret;

/// Parameters, plan, tokens, output.
pub(super) fn run(command: &Refresh, context: &Context<'_>) -> Result<(), Error> {
    let parameters = command.parameters.as_deref();
    let (plan, delivery) = context.prepare(Subject::Person, parameters, &command.layer(), &command.output)?;
    secrets::check_standard_input(parameters, [plan.secret.as_ref(), plan.refresh_token.as_ref()])?;
    let store = context.store();
    let issued = match &plan.refresh_token {
        Some(_) => by_given_token(&plan, &store, &delivery, context)?,
        None => by_cached_token(plan, &store, &delivery, context)?,
    };
    delivery.deliver(&issued, context.terminal)
}

/// Redeems the token that was given, and stores what comes of it under the account that it turns out to be of.
fn by_given_token(plan: &Plan, store: &Store, delivery: &Delivery<'_>, context: &Context<'_>) -> Result<Issued, Error> {
    let given = plan.refresh_token.as_ref().ok_or_else(|| Error::Internal("no refresh token".to_owned()))?;
    let token = secrets::given("refresh token", given, context.environment, context.limit)?;
    check_token(&token, &given.from.to_string())?;
    let client = client(plan, context)?;
    let http = context.http(secrets_of(&client).chain([&token]))?;
    let tokens = process::within_runtime(async {
        let tokens = refresh::acquire(&client, &token, &http).await?;
        if let Some(person) = &tokens.person {
            let client = Client { authority: at_home(&client.authority, &person.home_account_id), ..client.clone() };
            let partition = Partition::of_person(&client.authority, &client.client_id, &person.home_account_id);
            let cached = cached(&client, store, &partition, &person.home_account_id, delivery, context);
            if cached.has_place() {
                cached.keep_without_flight(&tokens).await;
            }
        }
        Ok(tokens)
    })?;
    Ok(issued(&client, tokens, Source::RefreshToken))
}

/// Finds who has signed in, hands out what is cached for that person, or redeems the refresh token that is cached.
fn by_cached_token(mut plan: Plan, store: &Store, delivery: &Delivery<'_>, context: &Context<'_>) -> Result<Issued, Error> {
    let person = chosen(sign_ins(store, &plan, context)?, &plan, store)?;
    log::info!("account {} (from the cache)", foreign(person.username.as_deref().unwrap_or(&person.home_account_id)));
    plan.authority = at_home(&plan.authority, &person.home_account_id);
    let partition = Partition::of_person(&plan.authority, &plan.client_id, &person.home_account_id);
    let client = client(&plan, context)?;
    let home_account_id = &person.home_account_id;
    let cached = cached(&client, store, &partition, home_account_id, delivery, context);
    let look = cached.look();
    if let Some(Look::Fresh(hit)) = look {
        return Ok(issued(&client, hit.into(), Source::Cache));
    }
    let newest = person.refresh_tokens.first().map_or_else(|| Secret::new(String::new()), Secret::clone);
    let fingerprint = partition::fingerprint(&partition, &client.scopes, &Credential::secret(&newest));
    let http = context.http(secrets_of(&client).chain(&person.refresh_tokens))?;
    let ask = async || {
        // Another process may have got a new one while this one waited.
        let now = sign_ins(store, &plan, context)?.into_iter().find(|other| other.home_account_id == *home_account_id);
        redeem(&client, &now.map_or_else(Vec::new, |person| person.refresh_tokens), &http).await
    };
    let (tokens, source) = process::within_runtime(cached.acquire(look, &fingerprint, ask))?;
    Ok(issued(&client, tokens, source))
}

/// The authority of a person's own tenant, in place of one that stands for many.
fn at_home(authority: &Authority, home_account_id: &str) -> Authority {
    match home_account_id.split_once('.') {
        Some((_, home)) if authority.tenant().is_some_and(authority::is_shared_tenant) && authority::is_tenant(home) => {
            authority.clone().with_tenant(home)
        }
        _ => authority.clone(),
    }
}

/// Tries refresh tokens in turn: one that the platform does not take from this client may have a sibling that it does.
async fn redeem(client: &Client, tokens: &[Secret], http: &Http) -> Result<TokenSet, Error> {
    let mut refused = Err(Error::Interaction(UsageError::new("the refresh token is not in the cache any more").fix(SIGN_IN)));
    for token in tokens {
        refused = refresh::acquire(client, token, http).await;
        match &refused {
            Err(Error::Refused(refusal)) if refusal.refusal.error == "invalid_grant" => {}
            _ => return refused,
        }
    }
    match refused {
        // The app is in no family whose members' sign-ins it could use.
        Err(Error::Refused(refusal)) if refusal.refusal.suberror.as_deref() == Some("client_mismatch") => {
            let what = format!("nobody has signed in to app {}, and the sign-ins to others are not for it", foreign(&client.client_id));
            Err(Error::Interaction(UsageError::new(what).fix(SIGN_IN)))
        }
        refused => refused,
    }
}

const SIGN_IN: &str = "sign in with the program that shares this cache (az login for the Azure CLI's), or give a refresh token with --refresh-token-file PATH";

/// Who has signed in, as the cache knows.
fn sign_ins(store: &Store, plan: &Plan, context: &Context<'_>) -> Result<Vec<SignIn>, Error> {
    if matches!(store.place(), Place::Off | Place::Homeless) {
        return Err(UsageError::new("no refresh token is given, and there is no cache that could hold one")
            .fix("give it with --refresh-token-file PATH (- is standard input), \"refresh_token\" in the parameters or ENTRA_TOKEN_REFRESH_TOKEN; or name a cache with --cache FILE")
            .into());
    }
    let mut found: Vec<SignIn> = Vec::new();
    let partitions = store.partitions().unwrap_or_else(|trouble| {
        context.terminal.warn(&format!("the cache cannot be read: {trouble}"));
        Vec::new()
    });
    for partition in partitions.iter().filter(|partition| store.is_shared() || partition.is_of_person()) {
        let found_there = store.read(partition).map_err(|trouble| trouble.to_string()).and_then(|bytes| {
            let bytes = bytes.unwrap_or_default();
            let text = store::text(&bytes).map_err(|broken| broken.to_string())?;
            lookup::sign_ins(text, plan.authority.host(), &plan.client_id).map_err(|broken| broken.to_string())
        });
        match found_there {
            Err(why) => context.terminal.warn(&format!("a part of the cache cannot be read: {why}")),
            Ok(more) => more.into_iter().for_each(|person| add(&mut found, person)),
        }
    }
    Ok(found)
}

/// The same person may have signed in to several clients of a family.
fn add(found: &mut Vec<SignIn>, person: SignIn) {
    match found.iter_mut().find(|known| known.home_account_id == person.home_account_id) {
        Some(known) => {
            known.refresh_tokens.extend(person.refresh_tokens);
            known.username = known.username.take().or(person.username);
        }
        None => found.push(person),
    }
}

/// The person who is meant.
fn chosen(mut people: Vec<SignIn>, plan: &Plan, store: &Store) -> Result<SignIn, Error> {
    if let Some(wanted) = &plan.username {
        people.retain(|person| person.username.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(&wanted.value)));
    }
    let place = match store.place() {
        Place::Folder { path, .. } | Place::File { file: path, .. } => foreign(&path.to_string_lossy()),
        Place::Off | Place::Homeless => String::new(),
    };
    let client = foreign(&plan.client_id);
    let error = match people.len() {
        1 => return people.pop().ok_or_else(|| Error::Internal("nobody".to_owned())),
        0 => {
            let who =
                plan.username.as_ref().map_or_else(|| "nobody".to_owned(), |name| format!("{} (from {})", foreign(&name.value), name.from));
            let has = if plan.username.is_some() { "has not" } else { "has" };
            UsageError::new(format!("{who} {has} signed in to app {client}, as far as the cache {place} knows")).fix(SIGN_IN)
        }
        several => {
            let names = people.iter().map(|person| foreign(person.username.as_deref().unwrap_or(&person.home_account_id)));
            UsageError::new(format!("{several} people have signed in to app {client}: {}", names.collect::<Vec<_>>().join(", ")))
                .fix("say who is meant with --username NAME")
        }
    };
    Err(Error::Interaction(error))
}

fn check_token(token: &Secret, place: &str) -> Result<(), UsageError> {
    let text = token.expose();
    if text.is_empty() || text.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(UsageError::new(format!("the refresh token from {place} is empty, or has a space or a control character in it"))
            .fix("give the token alone, on one line"));
    }
    Ok(())
}

fn client(plan: &Plan, context: &Context<'_>) -> Result<Client, Error> {
    let auth = match &plan.secret {
        Some(given) => ClientAuth::Secret(secrets::given("client secret", given, context.environment, context.limit)?),
        None => ClientAuth::Public,
    };
    Ok(Client {
        authority: plan.authority.clone(),
        client_id: plan.client_id.clone(),
        auth,
        scopes: plan.scopes.clone(),
        claims: plan.claims.clone(),
    })
}

fn secrets_of(client: &Client) -> impl Iterator<Item = &Secret> {
    match &client.auth {
        ClientAuth::Secret(secret) => Some(secret),
        ClientAuth::Public => None,
    }
    .into_iter()
}

fn cached<'a>(
    client: &'a Client,
    store: &'a Store,
    partition: &'a Partition,
    home_account_id: &'a str,
    delivery: &Delivery<'_>,
    context: &Context<'a>,
) -> Cached<'a> {
    Cached {
        store,
        partition,
        flight: partition,
        wanted: Wanted {
            authority: &client.authority,
            tenant_id: None,
            client_id: &client.client_id,
            scopes: &client.scopes,
            claims_hash: None,
            home_account_id: Some(home_account_id),
        },
        min_ttl: delivery.min_ttl(),
        // A claims challenge asks for a token that is not the one that is cached.
        force_refresh: delivery.force_refresh() || client.claims.is_some(),
        needs_lock: true,
        source: Source::RefreshToken,
        terminal: context.terminal,
        began: context.began,
        limit: context.limit,
    }
}

fn issued(client: &Client, tokens: TokenSet, source: Source) -> Issued {
    let home = tokens.person.as_ref().and_then(|person| person.tenant.clone());
    let asked = client.authority.tenant().map(str::to_owned);
    Issued {
        tokens,
        client_id: client.client_id.clone(),
        tenant: if asked.as_deref().is_some_and(authority::is_shared_tenant) { home.or(asked) } else { asked },
        scope: client.scopes.to_string(),
        source,
    }
}
