//! `username-password`: a person's tokens, from the cache as long as it has some, and else for their name and password.

use super::context::Context;
use super::secrets;
use crate::cache::partition::Credential;
use crate::cli::input;
use crate::cli::layer::{Given, Origin, SecretSource};
use crate::cli::placeholder;
use crate::cli::plan::Plan;
use crate::env::Env;
use crate::error::{Cancelled, Error, UsageError};
use crate::redact::foreign;
use crate::secret::Secret;
use crate::terminal;

/// What is said of this way to sign in, before it is gone.
pub(super) const DISCOURAGED: &str = "signing in with a password is discouraged: it passes no second factor, and whoever gets to see it can use it; \
     for a person entra-token auth-code and entra-token device-code are better, for automation entra-token client-creds";

/// A person's password: read already, what a program will say, or what the person will type.
#[derive(Debug)]
pub(super) enum Password {
    Asked,
    Program(Given<SecretSource>),
    Read(Secret),
}

impl Password {
    /// Reads the password that was given, unless a program has to be run for it.
    pub(super) async fn of(plan: &Plan, context: &Context<'_>) -> Result<Password, Error> {
        match &plan.password {
            None if secrets::can_ask(context.common) => Ok(Password::Asked),
            None => Err(missing().into()),
            Some(given) if matches!(given.value, SecretSource::Command(_)) => Ok(Password::Program(given.clone())),
            Some(given) => read(given, context).await.map(Password::Read),
        }
    }

    /// What tells it from others; nothing does before it is typed.
    pub(super) fn credential(&self) -> Option<Credential> {
        match self {
            Password::Asked => None,
            Password::Program(given) => match &given.value {
                SecretSource::Command(words) => Some(Credential::program(words)),
                _ => None,
            },
            Password::Read(secret) => Some(Credential::secret(secret)),
        }
    }

    /// The password itself.
    pub(super) async fn secret(&self, username: &str, context: &Context<'_>) -> Result<Secret, Error> {
        match self {
            Password::Asked => {
                let question = format!("Password of {}", foreign(username));
                let secret = secrets::typed("password", question, context.common.patience()).await?;
                check(&secret, &Origin::Terminal).map_err(Error::from)?;
                Ok(secret)
            }
            Password::Program(given) => read(given, context).await,
            Password::Read(secret) => Ok(secret.clone()),
        }
    }
}

/// Reads a password from where it was given. That may take its time, and others are not held up by it.
async fn read(given: &Given<SecretSource>, context: &Context<'_>) -> Result<Secret, Error> {
    let (given, limit) = (given.clone(), context.limit);
    let read = tokio::task::spawn_blocking(move || {
        let secret = input::read_secret(&given.value, &given.from.to_string(), &Env::Process, limit)?;
        check(&secret, &given.from)?;
        Ok(secret)
    });
    read.await.map_err(|error| Error::Internal(error.to_string()))?
}

fn check(secret: &Secret, from: &Origin) -> Result<(), UsageError> {
    if secret.expose().is_empty() {
        return Err(UsageError::new(format!("the password of {from} is empty")).fix("give the password that the person signs in with"));
    }
    if placeholder::is_placeholder_password(secret.expose()) {
        return Err(UsageError::new(format!("the password of {from} is still a sample's placeholder"))
            .fix("put its value in its place, or say where it is: {\"env\": \"NAME\"}, {\"file\": \"PATH\"}"));
    }
    Ok(())
}

fn missing() -> UsageError {
    UsageError::new("no password is given").fix(
        "give it with --password-file PATH (- is standard input), \"password\" in the parameters or AZURE_PASSWORD; on a terminal it is asked for",
    )
}

/// The plan, with the name of who signs in: the one that was given or found, else the one that the person types.
pub(super) async fn named(plan: &Plan, known: Option<&str>, context: &Context<'_>) -> Result<Plan, Error> {
    if plan.username.is_some() {
        return Ok(plan.clone());
    }
    let value = match known {
        Some(name) => name.to_owned(),
        None => asked_name(context).await?,
    };
    let username = Some(Given { value, from: Origin::Terminal });
    Ok(Plan { account: username.clone(), username, ..plan.clone() })
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
    let asked = tokio::time::timeout(patience, terminal::ask("User name")).await;
    let answer = asked.map_err(|_| Error::Cancelled(Cancelled::NoAnswer { after: patience }))?;
    let answer = answer.map_err(|error| Error::System(error.to_string()))?;
    match answer.map(|line| line.expose().trim().to_owned()).filter(|name| !name.is_empty() && !name.chars().any(char::is_control)) {
        Some(name) => Ok(name),
        None => Err(missing().into()),
    }
}
