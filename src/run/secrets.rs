//! Secrets: from where they were given, or asked for.

use std::path::Path;
use std::time::Duration;

use super::context::Context;
use crate::cache::partition::Credential;
use crate::cli::args::Common;
use crate::cli::input::{self, Limit};
use crate::cli::layer::{Given, Origin, SecretSource};
use crate::cli::placeholder;
use crate::cli::plan::Plan;
use crate::entra::authority::Authority;
use crate::env::Env;
use crate::error::{Cancelled, Error, Signal, UsageError};
use crate::flow::client_creds;
use crate::process;
use crate::secret::Secret;
use crate::terminal;

/// Standard input can be read once: as the parameters, or as one of the secrets.
pub(super) fn check_standard_input<'a>(
    parameters: Option<&Path>,
    secrets: impl IntoIterator<Item = Option<&'a Given<SecretSource>>>,
) -> Result<(), UsageError> {
    let mut taken = parameters.filter(|path| path.as_os_str() == "-").map(|_| "the parameters".to_owned());
    for secret in secrets.into_iter().flatten().filter(|secret| matches!(secret.value, SecretSource::StandardInput)) {
        if let Some(taken) = taken {
            return Err(UsageError::new(format!("standard input cannot be both {taken} and the secret of {}", secret.from))
                .fix("give one of them as a file"));
        }
        taken = Some(format!("the secret of {}", secret.from));
    }
    Ok(())
}

/// Reads a secret from where it was given; `what` it is, for messages.
pub(super) fn given(what: &str, given: &Given<SecretSource>, environment: &Env, limit: Limit) -> Result<Secret, Error> {
    let secret = input::read_secret(&given.value, &given.from.to_string(), environment, limit)?;
    check_placeholder(what, &secret, &given.from)?;
    Ok(secret)
}

/// Asks for the client secret that nobody gave, where there is a person to ask.
fn asked(common: &Common) -> Result<Secret, Error> {
    if !can_ask(common) {
        let error = UsageError::new("no client secret is given");
        return Err(error
            .fix("give it with --secret-file PATH (- is standard input), \"secret\" in the parameters, AZURE_CLIENT_SECRET or ARM_CLIENT_SECRET; on a terminal it is asked for")
            .into());
    }
    process::within_runtime(typed("client secret", "Client secret".to_owned(), common.patience()))
}

/// Whether there is a person to ask, and nothing forbids it.
pub(super) fn can_ask(common: &Common) -> bool {
    !common.no_input && terminal::can_ask()
}

/// Whether standard input is where it is, and a terminal: what is typed there is not to be seen.
pub(super) fn is_typed(given: &Given<SecretSource>) -> bool {
    matches!(given.value, SecretSource::StandardInput) && terminal::can_ask()
}

/// A secret that a person types; `what` it is, for messages.
pub(super) async fn typed(what: &str, question: String, patience: Duration) -> Result<Secret, Error> {
    let answer = tokio::time::timeout(patience, terminal::ask_secret(question)).await;
    let answer = answer.map_err(|_| Error::Cancelled(Cancelled::NoAnswer { after: patience }))?;
    answer.map_err(|error| match error.kind() {
        std::io::ErrorKind::Interrupted => Error::Interrupted(Signal::Interrupt),
        _ => UsageError::new(format!("no {what} could be asked for: {error}")).fix("give it in a file").into(),
    })
}

/// A secret that was given: read already, or what a program will say, which is run by who asks the platform and by nobody else.
#[derive(Debug)]
pub(super) enum Held {
    Read(Secret),
    Program {
        words: Vec<String>,
        /// Where the setting was given.
        from: Origin,
    },
}

/// What is looked at before a secret is sent: a fragment of an error, or nothing.
type Check<'a> = &'a dyn Fn(&Secret, &Origin) -> Result<(), UsageError>;

impl Held {
    /// Reads a secret from where it was given, unless a program has to be run for it.
    pub(super) fn of(given: &Given<SecretSource>, check: Check<'_>, limit: Limit) -> Result<Held, Error> {
        match &given.value {
            SecretSource::Command(words) => Ok(Held::Program { words: words.clone(), from: given.from.clone() }),
            source => read(source, &given.from, check, limit).map(Held::Read),
        }
    }

    /// What tells it from others.
    pub(super) fn credential(&self) -> Credential {
        match self {
            Held::Read(secret) => Credential::secret(secret),
            Held::Program { words, .. } => Credential::program(words),
        }
    }

    /// The secret itself.
    pub(super) async fn secret(
        &self,
        check: impl Fn(&Secret, &Origin) -> Result<(), UsageError> + Send + 'static,
        limit: Limit,
    ) -> Result<Secret, Error> {
        match self {
            Held::Read(secret) => Ok(secret.clone()),
            Held::Program { words, from } => {
                let (source, from) = (SecretSource::Command(words.clone()), from.clone());
                let read = tokio::task::spawn_blocking(move || read(&source, &from, &check, limit));
                read.await.map_err(|error| Error::Internal(error.to_string()))?
            }
        }
    }
}

fn read(source: &SecretSource, from: &Origin, check: Check<'_>, limit: Limit) -> Result<Secret, Error> {
    let secret = input::read_secret(source, &from.to_string(), &Env::Process, limit)?;
    check(&secret, from)?;
    Ok(secret)
}

/// What proves the client.
#[derive(Debug)]
pub(super) struct Proof(Held);

impl Proof {
    /// Reads the secret, unless a person has to type it or a program has to be run for it.
    pub(super) fn of(given: &Given<SecretSource>, authority: &Authority, context: &Context<'_>) -> Result<Proof, Error> {
        if is_typed(given) {
            return Proof::asked(context.common, authority);
        }
        Held::of(given, &check_client_secret(authority), context.limit).map(Proof)
    }

    /// What proves a client that may need no proof, as an app on a person's machine.
    pub(super) fn of_client(plan: &Plan, context: &Context<'_>) -> Result<Option<Proof>, Error> {
        plan.secret.as_ref().map(|given| Proof::of(given, &plan.authority, context)).transpose()
    }

    /// Asks for the secret that nobody gave.
    pub(super) fn asked(common: &Common, authority: &Authority) -> Result<Proof, Error> {
        let secret = asked(common)?;
        client_creds::check(&secret, authority, "the terminal")?;
        Ok(Proof(Held::Read(secret)))
    }

    /// What tells it from others.
    pub(super) fn credential(&self) -> Credential {
        self.0.credential()
    }

    /// The secret itself.
    pub(super) async fn secret(&self, authority: &Authority, limit: Limit) -> Result<Secret, Error> {
        self.0.secret(check_client_secret(authority), limit).await
    }
}

fn check_client_secret(authority: &Authority) -> impl Fn(&Secret, &Origin) -> Result<(), UsageError> + use<> {
    let authority = authority.clone();
    move |secret, from| {
        check_placeholder("client secret", secret, from)?;
        client_creds::check(secret, &authority, &from.to_string())
    }
}

fn check_placeholder(what: &str, secret: &Secret, from: &Origin) -> Result<(), UsageError> {
    match placeholder::is_placeholder_secret(secret.expose()) {
        true => Err(UsageError::new(format!("the {what} of {from} is still a sample's placeholder")).fix(PLACES)),
        false => Ok(()),
    }
}

/// What to do about a placeholder.
pub(super) const PLACES: &str = "put its value in its place, or say where it is: {\"env\": \"NAME\"}, {\"file\": \"PATH\"}";
