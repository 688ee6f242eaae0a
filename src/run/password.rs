//! What `username-password` signs in with: a person's name and password, given or typed.

use super::context::Context;
use super::secrets::{self, Held, PLACES};
use crate::cache::partition::Credential;
use crate::cli::layer::{Given, Origin};
use crate::cli::placeholder;
use crate::cli::plan::Plan;
use crate::error::{Cancelled, Error, UsageError};
use crate::redact::foreign;
use crate::secret::Secret;
use crate::terminal;

/// What is said of this way to sign in, before it is gone.
pub(super) const DISCOURAGED: &str = "signing in with a password is discouraged: it passes no second factor, and whoever gets to see it can use it; \
     for a person entra-token auth-code and entra-token device-code are better, for automation entra-token client-creds";

/// A person's password: given, or to be typed.
#[derive(Debug)]
pub(super) enum Password {
    Asked,
    Given(Held),
}

impl Password {
    /// Reads the password that was given, unless a program has to be run for it.
    pub(super) async fn of(plan: &Plan, context: &Context<'_>) -> Result<Password, Error> {
        let given = plan.password.as_ref().filter(|given| !secrets::is_typed(given));
        let Some(given) = given.cloned() else {
            return if secrets::can_ask(context.common) { Ok(Password::Asked) } else { Err(missing(plan).into()) };
        };
        let limit = context.limit;
        // It may have to be waited for.
        let read = tokio::task::spawn_blocking(move || Held::of(&given, &check, limit));
        read.await.map_err(|error| Error::Internal(error.to_string()))?.map(Password::Given)
    }

    /// The program that says it, where one does.
    pub(super) fn program(&self) -> Option<Credential> {
        match self {
            Password::Given(held @ Held::Program { .. }) => Some(held.credential()),
            _ => None,
        }
    }

    /// The password, where it is known already.
    pub(super) fn known(&self) -> Option<&Secret> {
        match self {
            Password::Given(Held::Read(secret)) => Some(secret),
            _ => None,
        }
    }

    /// The password itself.
    pub(super) async fn secret(&self, username: &str, context: &Context<'_>) -> Result<Secret, Error> {
        match self {
            Password::Given(held) => held.secret(check, context.limit).await,
            Password::Asked => {
                let question = format!("Password of {}", foreign(username));
                let secret = secrets::typed("password", question, context.common.patience()).await?;
                check(&secret, &Origin::Terminal)?;
                Ok(secret)
            }
        }
    }
}

fn check(secret: &Secret, from: &Origin) -> Result<(), UsageError> {
    if secret.expose().is_empty() {
        return Err(UsageError::new(format!("the password of {from} is empty")).fix("give the password that the person signs in with"));
    }
    if placeholder::is_placeholder_password(secret.expose()) {
        return Err(UsageError::new(format!("the password of {from} is still a sample's placeholder")).fix(PLACES));
    }
    Ok(())
}

fn missing(plan: &Plan) -> UsageError {
    let error = UsageError::new("no password is given").fix(
        "give it with --password-file PATH (- is standard input), \"password\" in the parameters or AZURE_PASSWORD; on a terminal it is asked for",
    );
    match &plan.left_out_password {
        Some(from) => error.why(format!("the password of {from} is another person's, by the user name that is given there")),
        None => error,
    }
}

/// The plan, with the name of who signs in: the one that was given, else the one that is known, else the one that the person
/// types. A password that was given goes with no name that nobody gave: it may be another person's.
pub(super) async fn named(plan: &Plan, known: Option<&str>, context: &Context<'_>) -> Result<Plan, Error> {
    if plan.username.is_some() {
        return Ok(plan.clone());
    }
    let given = match known.filter(|_| plan.password.is_none()) {
        Some(name) => Given { value: name.to_owned(), from: Origin::Cache },
        None => Given { value: asked_name(context).await?, from: Origin::Terminal },
    };
    Ok(Plan { account: Some(given.clone()), username: Some(given), ..plan.clone() })
}

async fn asked_name(context: &Context<'_>) -> Result<String, Error> {
    let missing = || {
        UsageError::new("no user name is given")
            .fix("give it with --username NAME, \"username\" in the parameters or AZURE_USERNAME; on a terminal it is asked for")
    };
    if !secrets::can_ask(context.common) {
        return Err(missing().into());
    }
    let patience = context.common.patience();
    let asked = async {
        loop {
            let line = terminal::ask("User name").await.map_err(|error| Error::System(error.to_string()))?;
            match line.map(|line| line.expose().trim().to_owned()) {
                Some(name) if name.chars().any(char::is_control) => {
                    context.terminal.say("That has a character in it that no name has; type it again.");
                }
                Some(name) if !name.is_empty() => return Ok(name),
                _ => return Err(missing().into()),
            }
        }
    };
    let ended = tokio::time::timeout(patience, asked).await;
    ended.unwrap_or(Err(Error::Cancelled(Cancelled::NoAnswer { after: patience })))
}
