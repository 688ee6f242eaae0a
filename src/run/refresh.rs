//! `refresh`: new tokens for a person who has signed in, by a refresh token that was given or that the cache holds.

use super::account::{self, Account};
use super::context::{Context, Delivery};
use super::people;
use super::secrets::{self, Proof};
use crate::cache::place::Place;
use crate::cache::store::Store;
use crate::cli::args::Refresh;
use crate::cli::plan::{Plan, Subject};
use crate::entra::token::TokenSet;
use crate::error::{Error, UsageError};
use crate::flow::refresh;
use crate::output::format::{Issued, Source};
use crate::process::{self, InHand};
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
        None => by_cached_token(&plan, &store, &delivery, context)?,
    };
    delivery.deliver(&issued, context.terminal)
}

/// Redeems the token that was given, and stores what comes of it under the account that it turns out to be of.
fn by_given_token(plan: &Plan, store: &Store, delivery: &Delivery<'_>, context: &Context<'_>) -> Result<Issued, Error> {
    let given = plan.refresh_token.as_ref().ok_or_else(|| Error::Internal("no refresh token".to_owned()))?;
    let token = secrets::given("refresh token", given, context.environment, context.limit)?;
    let token = within_json(&token).unwrap_or(token);
    check_token(&token, &given.from.to_string())?;
    let proof = Proof::of_client(plan, context)?;
    let (tokens, is_kept) = process::within_runtime(async {
        let (client, http) = account::connected(plan, proof.as_ref(), &[&token], context).await?;
        // It may be used up, and what takes its place is then all that there is.
        let _in_hand = InHand::begin();
        let tokens = refresh::acquire(&client, &token, &http).await?;
        let is_kept = account::keep(plan, &tokens, store, delivery, context).await;
        if !is_kept && account::is_kept_nowhere(&tokens, store) && tokens.refresh_token.is_some() && !delivery.shows_everything() {
            context.terminal.warn("the new refresh token is kept nowhere: -o json shows it, and a cache keeps it");
        }
        Ok((tokens, is_kept))
    })?;
    check_username(plan, &tokens, is_kept, context)?;
    Ok(account::issued(plan, tokens, Source::RefreshToken))
}

/// Hands out what is cached for who has signed in, or redeems the refresh token that is cached.
fn by_cached_token(plan: &Plan, store: &Store, delivery: &Delivery<'_>, context: &Context<'_>) -> Result<Issued, Error> {
    if matches!(store.place(), Place::Off | Place::Homeless) {
        return Err(UsageError::new("no refresh token is given, and there is no cache that could hold one")
            .fix("give it with --refresh-token-file PATH (- is standard input), \"refresh_token\" in the parameters or ENTRA_TOKEN_REFRESH_TOKEN; or name a cache with --cache FILE")
            .into());
    }
    let person = people::meant(store, plan, context).only()?;
    let account = Account::new(plan, person, store, delivery, context);
    let look = account.look();
    if let Some(issued) = account.fresh(look.as_ref()) {
        return Ok(issued);
    }
    let proof = Proof::of_client(plan, context)?;
    process::within_runtime(account.renewed(look, proof.as_ref()))
}

/// The token that was given is to be of the person that was named. Where it is another's and nothing keeps what it got, that is
/// not withheld: it may be all that there is.
fn check_username(plan: &Plan, tokens: &TokenSet, is_kept: bool, context: &Context<'_>) -> Result<(), UsageError> {
    let name = tokens.person.as_ref().and_then(|person| person.username.as_deref());
    let (Some(wanted), Some(name)) = (&plan.username, name) else { return Ok(()) };
    if name.eq_ignore_ascii_case(&wanted.value) {
        return Ok(());
    }
    let what = format!("the refresh token is of {}, and {} names {}", foreign(name), wanted.from, foreign(&wanted.value));
    if is_kept {
        return Err(UsageError::new(what).fix("leave one of them out; what the token got is cached"));
    }
    context.terminal.warn(&what);
    Ok(())
}

/// The refresh token in what `-o json` has written.
fn within_json(text: &Secret) -> Option<Secret> {
    #[derive(serde::Deserialize)]
    struct Tokens {
        refresh_token: String,
    }
    let tokens: Tokens = serde_json::from_str(text.expose()).ok()?;
    Some(Secret::new(tokens.refresh_token))
}

fn check_token(token: &Secret, place: &str) -> Result<(), UsageError> {
    let text = token.expose();
    if text.is_empty() || text.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(UsageError::new(format!("the refresh token from {place} is empty, or has a space or a control character in it"))
            .fix("give the token alone, on one line"));
    }
    Ok(())
}
