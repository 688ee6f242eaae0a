//! An account that has signed in: its tokens from the cache, and new ones by what the sign-in left behind.

use super::cached::Cached;
use super::context::{Context, Delivery};
use super::people::{self, SIGN_IN};
use super::secrets::Proof;
use crate::cache::lookup::{Look, Wanted};
use crate::cache::partition::{self, Credential, Partition};
use crate::cache::place::Place;
use crate::cache::signed_in::{RefreshToken, SignedIn};
use crate::cache::store::Store;
use crate::cli::input::Limit;
use crate::cli::plan::Plan;
use crate::entra::authority::{self, Authority};
use crate::entra::client_auth::ClientAuth;
use crate::entra::person::Person;
use crate::entra::token::TokenSet;
use crate::error::{Error, Unreadable, UsageError};
use crate::flow::client::Client;
use crate::flow::refresh;
use crate::http::Http;
use crate::output::format::{Issued, Source};
use crate::redact::foreign;
use crate::secret::Secret;

/// A request for the tokens of an account.
pub(super) struct Account<'a> {
    plan: Plan,
    person: SignedIn,
    partition: Partition,
    store: &'a Store,
    delivery: &'a Delivery<'a>,
    context: &'a Context<'a>,
}

impl<'a> Account<'a> {
    pub(super) fn new(
        plan: &Plan,
        person: SignedIn,
        store: &'a Store,
        delivery: &'a Delivery<'a>,
        context: &'a Context<'a>,
    ) -> Account<'a> {
        log::info!("account {} (from the cache)", people::name(&person));
        let plan = Plan { authority: at_home(&plan.authority, &person.home_account_id), ..plan.clone() };
        let partition = Partition::of_person(&plan.authority, &plan.client_id, &person.home_account_id);
        Account { plan, person, partition, store, delivery, context }
    }

    pub(super) fn into_person(self) -> SignedIn {
        self.person
    }

    /// What is cached.
    pub(super) fn look(&self) -> Option<Look> {
        self.cached().look()
    }

    /// The result, where what was found in the cache is one.
    pub(super) fn fresh(&self, look: Option<&Look>) -> Option<Issued> {
        match look {
            Some(Look::Fresh(hit)) => {
                Some(issued(&self.plan, with_known(hit.clone().into(), &self.person, &self.plan.authority), Source::Cache))
            }
            _ => None,
        }
    }

    /// Redeems what the sign-in left behind, unless another process has a moment ago.
    ///
    /// # Errors
    ///
    /// `Interaction` and some of `Refused` where the person has to sign in again; else what the network and the cache give.
    pub(super) async fn renewed(&self, look: Option<Look>, proof: Option<&Proof>) -> Result<Issued, Error> {
        if self.person.refresh_tokens.is_empty() {
            let what = format!("{}'s sign-in left nothing that could get a new token", people::name(&self.person));
            return Err(Error::Interaction(UsageError::new(what).fix(SIGN_IN)));
        }
        let (plan, home_account_id) = (&self.plan, &self.person.home_account_id);
        let newest = self.person.refresh_tokens.first().map(|token| Credential::secret(&token.secret));
        let own = proof.map(Proof::credential);
        let credentials: Vec<&Credential> = newest.iter().chain(&own).collect();
        let fingerprint = partition::fingerprint(&self.partition, &plan.authority, &plan.scopes, &credentials);
        let ask = async |limit: Limit| {
            // Another process may have got a new one while this one waited.
            let now = people::with_id(self.store, plan, home_account_id, self.context);
            let tokens = now.map_or_else(Vec::new, |person| person.refresh_tokens);
            let secrets: Vec<&Secret> = tokens.iter().map(|token| &token.secret).collect();
            let (client, http) = connected(plan, proof, &secrets, &self.context.within(limit)).await?;
            redeem(&client, &tokens, &http, home_account_id).await
        };
        let (tokens, source) = self.cached().acquire(look, &fingerprint, ask).await?;
        // What another process got came with a refresh token of its own.
        let now = if source == Source::Cache { people::with_id(self.store, plan, home_account_id, self.context) } else { None };
        Ok(issued(plan, with_known(tokens, now.as_ref().unwrap_or(&self.person), &plan.authority), source))
    }

    fn cached(&self) -> Cached<'_> {
        cached(&self.plan, self.store, &self.partition, &self.person.home_account_id, self.delivery, self.context)
    }
}

/// Tokens, with what is known of the account where an answer does not tell.
fn with_known(tokens: TokenSet, person: &SignedIn, authority: &Authority) -> TokenSet {
    let SignedIn { home_account_id, username, name, id_tokens, refresh_tokens, .. } = person.clone();
    let known = Person { home_account_id, username, name, ..Person::default() };
    let refresh_token = refresh_tokens.into_iter().find(|token| token.is_own).map(|token| token.secret);
    // By a domain the tenant's id is not known; where there is one token, it is the one.
    let is_only = id_tokens.len() == 1 && !authority.tenant().is_some_and(authority::is_tenant_id);
    let realm = authority.realm().unwrap_or_default();
    let id_token = id_tokens.into_iter().find(|(of, _)| is_only || of.eq_ignore_ascii_case(realm)).map(|(_, token)| token);
    TokenSet {
        person: tokens.person.or(Some(known)),
        refresh_token: tokens.refresh_token.or(refresh_token),
        id_token: tokens.id_token.or(id_token),
        ..tokens
    }
}

/// The request for an account's tokens, as the cache knows it.
pub(super) fn cached<'a>(
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

/// Stores what a sign-in or a given token got, under the account that it turned out to be of; whether that was possible.
pub(super) async fn keep(plan: &Plan, tokens: &TokenSet, store: &Store, delivery: &Delivery<'_>, context: &Context<'_>) -> bool {
    let Some(person) = &tokens.person else { return false };
    let home = Plan { authority: at_home(&plan.authority, &person.home_account_id), ..plan.clone() };
    let partition = Partition::of_person(&home.authority, &home.client_id, &person.home_account_id);
    cached(&home, store, &partition, &person.home_account_id, delivery, context).keep_given(tokens).await
}

/// Whether it is news to the caller that a sign-in is kept nowhere: who switched the cache off knows, and a cache that cannot be
/// written has been spoken of.
pub(super) fn is_kept_nowhere(tokens: &TokenSet, store: &Store) -> bool {
    tokens.person.is_none() && *store.place() != Place::Off || *store.place() == Place::Homeless
}

/// A result, as it is given out.
pub(super) fn issued(plan: &Plan, tokens: TokenSet, source: Source) -> Issued {
    let asked = plan.authority.tenant();
    let is_known = asked.is_some_and(|tenant| authority::is_tenant_id(tenant) && !authority::is_shared_tenant(tenant));
    let named = tokens.person.as_ref().filter(|_| !is_known).and_then(|person| person.tenant.clone());
    // A domain is one of several names of a tenant.
    let told = named.or_else(|| if is_known { None } else { tokens.issuing_tenant() });
    Issued {
        tenant: told.or_else(|| asked.map(str::to_owned)),
        tokens,
        client_id: plan.client_id.clone(),
        scope: plan.scopes.to_string(),
        source,
    }
}

/// The client and the network, once they are needed: what proves the client may have to be waited for.
pub(super) async fn connected(
    plan: &Plan,
    proof: Option<&Proof>,
    tokens: &[&Secret],
    context: &Context<'_>,
) -> Result<(Client, Http), Error> {
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
            Ok(tokens) => return of_person(tokens, home_account_id, client.authority.host()),
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

/// A refresh token gets tokens for the one who signed in, and for nobody else. Where the platform does not say who that is, the ID
/// token's subject is not known by the same name.
fn of_person(tokens: TokenSet, home_account_id: &str, host: &str) -> Result<TokenSet, Error> {
    let is_another = |person: &Person| match home_account_id.split_once('.') {
        Some((uid, home)) if !person.is_certain => {
            let is_home = person.tenant.as_deref().is_some_and(|tenant| tenant.eq_ignore_ascii_case(home));
            is_home && person.local_account_id.as_deref().is_some_and(|id| !id.eq_ignore_ascii_case(uid))
        }
        _ => person.home_account_id != home_account_id,
    };
    match tokens.person {
        Some(person) if is_another(&person) => Err(Error::Unreadable(Box::new(Unreadable {
            host: host.to_owned(),
            what: "its tokens are another person's".to_owned(),
            correlation_id: None,
        }))),
        person => {
            let person = person.map(|person| Person { home_account_id: home_account_id.to_owned(), ..person });
            Ok(TokenSet { person, ..tokens })
        }
    }
}
