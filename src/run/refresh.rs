//! `refresh`: new tokens for a person who has signed in, by a refresh token that was given or that the cache holds.

use super::cached::Cached;
use super::context::{Context, Delivery};
use super::secrets::{self, Proof};
use crate::cache::lookup::{Look, Wanted};
use crate::cache::partition::{self, Credential, Partition};
use crate::cache::place::Place;
use crate::cache::sign_in::{self, RefreshToken, SignIn};
use crate::cache::store::{self, Store};
use crate::cli::args::Refresh;
use crate::cli::input::Limit;
use crate::cli::plan::{Plan, Subject};
use crate::entra::authority::{self, Authority};
use crate::entra::client_auth::ClientAuth;
use crate::entra::person::Person;
use crate::entra::token::TokenSet;
use crate::error::{Error, Unreadable, UsageError};
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
    let proof = proof(plan, context)?;
    let tokens = process::within_runtime(async {
        let (client, http) = connected(plan, proof.as_ref(), &[&token], context).await?;
        let tokens = refresh::acquire(&client, &token, &http).await?;
        let is_kept = match &tokens.person {
            Some(person) => {
                let home = Plan { authority: at_home(&plan.authority, &person.home_account_id), ..plan.clone() };
                let partition = Partition::of_person(&home.authority, &home.client_id, &person.home_account_id);
                cached(&home, store, &partition, &person.home_account_id, delivery, context).keep_given(&tokens).await
            }
            None => false,
        };
        // Who switched the cache off knows; a cache that cannot be written has been spoken of.
        let is_surprise = tokens.person.is_none() && *store.place() != Place::Off || *store.place() == Place::Homeless;
        if !is_kept && is_surprise && tokens.refresh_token.is_some() && !delivery.shows_everything() {
            context.terminal.warn("the new refresh token is kept nowhere: -o json shows it, and a cache keeps it");
        }
        Ok(tokens)
    })?;
    check_username(plan, &tokens)?;
    Ok(issued(plan, tokens, Source::RefreshToken))
}

/// Finds who has signed in, hands out what is cached for that person, or redeems the refresh token that is cached.
fn by_cached_token(mut plan: Plan, store: &Store, delivery: &Delivery<'_>, context: &Context<'_>) -> Result<Issued, Error> {
    let person = chosen(sign_ins(store, &plan, context)?, &plan, store)?;
    let home_account_id = &person.home_account_id;
    log::info!("account {} (from the cache)", foreign(person.username.as_deref().unwrap_or(home_account_id)));
    plan.authority = at_home(&plan.authority, home_account_id);
    let partition = Partition::of_person(&plan.authority, &plan.client_id, home_account_id);
    let cached = cached(&plan, store, &partition, home_account_id, delivery, context);
    let look = cached.look();
    let known = Person { home_account_id: home_account_id.clone(), username: person.username, name: person.name, ..Person::default() };
    if let Some(Look::Fresh(hit)) = look {
        return Ok(issued(&plan, TokenSet { person: Some(known), ..hit.into() }, Source::Cache));
    }
    let proof = proof(&plan, context)?;
    let newest = person.refresh_tokens.first().map(|token| Credential::secret(&token.secret));
    let own = proof.as_ref().map(Proof::credential);
    let credentials: Vec<&Credential> = newest.iter().chain(&own).collect();
    let fingerprint = partition::fingerprint(&partition, &plan.authority, &plan.scopes, &credentials);
    let ask = async |limit: Limit| {
        // Another process may have got a new one while this one waited.
        let now = sign_ins(store, &plan, context)?.into_iter().find(|other| other.home_account_id == *home_account_id);
        let tokens = now.map_or_else(Vec::new, |person| person.refresh_tokens);
        let secrets: Vec<&Secret> = tokens.iter().map(|token| &token.secret).collect();
        let (client, http) = connected(&plan, proof.as_ref(), &secrets, &Context { limit, ..*context }).await?;
        redeem(&client, &tokens, &http, home_account_id).await
    };
    let (tokens, source) = process::within_runtime(cached.acquire(look, &fingerprint, ask))?;
    let person = tokens.person.clone().or(Some(known));
    Ok(issued(&plan, TokenSet { person, ..tokens }, source))
}

/// The client and the network, once they are needed: what proves the client may have to be waited for.
async fn connected(plan: &Plan, proof: Option<&Proof>, tokens: &[&Secret], context: &Context<'_>) -> Result<(Client, Http), Error> {
    let secret = match proof {
        Some(proof) => Some(proof.secret(&plan.authority, context.limit).await?),
        None => None,
    };
    let http = context.http(secret.iter().chain(tokens.iter().copied()))?;
    let client = Client {
        authority: plan.authority.clone(),
        client_id: plan.client_id.clone(),
        auth: secret.map_or(ClientAuth::Public, ClientAuth::Secret),
        scopes: plan.scopes.clone(),
        claims: plan.claims.clone(),
    };
    Ok((client, http))
}

fn proof(plan: &Plan, context: &Context<'_>) -> Result<Option<Proof>, Error> {
    plan.secret.as_ref().map(|given| Proof::of(given, &plan.authority, context.limit)).transpose()
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

/// Tries refresh tokens in turn: one that the platform does not take from this client may have a sibling that it does. What is
/// said of the client's own counts for more than what is said of its family's.
async fn redeem(client: &Client, tokens: &[RefreshToken], http: &Http, home_account_id: &str) -> Result<TokenSet, Error> {
    let mut first: Option<Error> = None;
    for token in tokens {
        match refresh::acquire(client, &token.secret, http).await {
            Ok(tokens) => return check_person(tokens, home_account_id, client.authority.host()),
            Err(Error::Refused(refusal)) if refusal.refusal.error == "invalid_grant" => {
                let is_foreign = !token.is_own && refusal.refusal.suberror.as_deref() == Some("client_mismatch");
                let error = if is_foreign { nobody(client) } else { Error::Refused(refusal) };
                first.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(first.unwrap_or_else(|| Error::Interaction(UsageError::new("the refresh token is not in the cache any more").fix(SIGN_IN))))
}

/// The app is in no family whose members' sign-ins it could use.
fn nobody(client: &Client) -> Error {
    let what = format!("nobody has signed in to app {}, and the sign-ins to others are not for it", foreign(&client.client_id));
    Error::Interaction(UsageError::new(what).fix(SIGN_IN))
}

/// A refresh token gets tokens for the one who signed in, and for nobody else.
fn check_person(tokens: TokenSet, home_account_id: &str, host: &str) -> Result<TokenSet, Error> {
    match &tokens.person {
        Some(person) if person.home_account_id != home_account_id => Err(Error::Unreadable(Box::new(Unreadable {
            host: host.to_owned(),
            what: "its tokens are another person's".to_owned(),
            correlation_id: None,
        }))),
        _ => Ok(tokens),
    }
}

/// The token that was given is to be of the person that was named.
fn check_username(plan: &Plan, tokens: &TokenSet) -> Result<(), UsageError> {
    let (Some(wanted), Some(person)) = (&plan.username, &tokens.person) else { return Ok(()) };
    match &person.username {
        Some(name) if !name.eq_ignore_ascii_case(&wanted.value) => {
            Err(UsageError::new(format!("the refresh token is of {}, and {} names {}", foreign(name), wanted.from, foreign(&wanted.value)))
                .fix("leave one of them out; what the token got is cached, where there is a cache"))
        }
        _ => Ok(()),
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
    // Sign-ins to others of the client's family are looked for where it has none of its own.
    let own = Partition::of_person(&plan.authority, &plan.client_id, "");
    let (of_client, others): (Vec<_>, Vec<_>) = partitions.iter().partition(|partition| partition.is_of_client_of(&own));
    let of_others = others.into_iter().filter(|partition| store.is_shared() || partition.is_of_person());
    let looked_at = if of_client.is_empty() { of_others.collect() } else { of_client };
    for partition in looked_at {
        let found_there = store.read(partition).map_err(|trouble| trouble.why().to_owned()).and_then(|bytes| {
            let bytes = bytes.unwrap_or_default();
            let text = store::text(&bytes).map_err(|broken| broken.to_string())?;
            sign_in::sign_ins(text, plan.authority.host(), &plan.client_id).map_err(|broken| broken.to_string())
        });
        match found_there {
            Err(why) => {
                let file = store.file(partition).unwrap_or_default();
                context.terminal.warn(&format!("left out: {}: {why}", foreign(&file.to_string_lossy())));
            }
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
            known.refresh_tokens.sort_by_key(|token| !token.is_own);
            known.username = known.username.take().or(person.username);
            known.name = known.name.take().or(person.name);
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

fn cached<'a>(
    plan: &'a Plan,
    store: &'a Store,
    partition: &'a Partition,
    home_account_id: &'a str,
    delivery: &Delivery<'_>,
    context: &Context<'a>,
) -> Cached<'a> {
    Cached {
        store,
        partition,
        wanted: Wanted {
            authority: &plan.authority,
            tenant_id: None,
            client_id: &plan.client_id,
            scopes: &plan.scopes,
            claims_hash: None,
            home_account_id: Some(home_account_id),
        },
        min_ttl: delivery.min_ttl(),
        // A claims challenge asks for a token that is not the one that is cached.
        force_refresh: delivery.force_refresh() || plan.claims.is_some(),
        needs_lock: true,
        source: Source::RefreshToken,
        terminal: context.terminal,
        began: context.began,
        limit: context.limit,
    }
}

fn issued(plan: &Plan, tokens: TokenSet, source: Source) -> Issued {
    let home = tokens.person.as_ref().and_then(|person| person.tenant.clone());
    let asked = plan.authority.tenant().map(str::to_owned);
    Issued {
        tokens,
        client_id: plan.client_id.clone(),
        tenant: if asked.as_deref().is_some_and(authority::is_shared_tenant) { home.or(asked) } else { asked },
        scope: plan.scopes.to_string(),
        source,
    }
}
