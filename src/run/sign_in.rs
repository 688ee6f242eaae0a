//! `auth-code`, `device-code` and `username-password`: a person's tokens, from the cache as long as it has some, and else by a
//! sign-in.

mod told;

use std::time::{Duration, Instant};

use super::account::{self, Account};
use super::cached::{PATIENCE, at_work};
use super::context::{Context, Delivery};
use super::password::{self, Password};
use super::people::{self, Meant};
use super::secrets::{self, Proof};
use crate::cache::partition::{self, Credential, Partition};
use crate::cache::place::Place;
use crate::cache::signed_in::SignedIn;
use crate::cache::store::{Flight, Store};
use crate::cli::args::{AuthCode, DeviceCode, UsernamePassword};
use crate::cli::flags::Browser;
use crate::cli::layer::SecretSource;
use crate::cli::plan::{Plan, Subject};
use crate::entra::redirect::Redirect;
use crate::entra::token::TokenSet;
use crate::error::{Cancelled, Error, UsageError};
use crate::exit;
use crate::flow::patience::Patience;
use crate::flow::{auth_code, device_code, username_password};
use crate::hint;
use crate::loopback::{BindError, Listener};
use crate::output::format::{Issued, Source};
use crate::process;
use crate::redact::foreign;
use crate::secret::Secret;
use crate::terminal::{self, Terminal};

/// How a person signs in.
#[derive(Clone, Copy)]
enum Way<'a> {
    Browser(&'a Browser),
    Device,
    Password,
}

/// `auth-code`.
pub(super) fn auth_code(command: &AuthCode, context: &Context<'_>) -> Result<(), Error> {
    let parameters = command.parameters.as_deref();
    let (plan, delivery) = context.prepare(Subject::Person, parameters, &command.layer(), &command.output)?;
    check_browser(&command.browser, &plan, parameters.is_some_and(|path| path.as_os_str() == "-"), context)?;
    secrets::check_standard_input(parameters, [plan.secret.as_ref()])?;
    let issued = obtain(&plan, &delivery, Way::Browser(&command.browser), context)?;
    delivery.deliver(&issued, context.terminal)
}

/// `device-code`.
pub(super) fn device_code(command: &DeviceCode, context: &Context<'_>) -> Result<(), Error> {
    let parameters = command.parameters.as_deref();
    let (plan, delivery) = context.prepare(Subject::Person, parameters, &command.layer(), &command.output)?;
    secrets::check_standard_input(parameters, [plan.secret.as_ref()])?;
    let issued = obtain(&plan, &delivery, Way::Device, context)?;
    delivery.deliver(&issued, context.terminal)
}

/// `username-password`.
pub(super) fn username_password(command: &UsernamePassword, context: &Context<'_>) -> Result<(), Error> {
    let parameters = command.parameters.as_deref();
    let (plan, delivery) = context.prepare(Subject::Person, parameters, &command.layer(), &command.output)?;
    username_password::check_authority(&plan.authority)?;
    secrets::check_standard_input(parameters, [plan.secret.as_ref(), plan.password.as_ref()])?;
    let issued = obtain(&plan, &delivery, Way::Password, context)?;
    delivery.deliver(&issued, context.terminal)
}

/// What cannot work, whatever the cache has.
fn check_browser(browser: &Browser, plan: &Plan, reads_parameters: bool, context: &Context<'_>) -> Result<(), UsageError> {
    if browser.manual {
        let secret = plan.secret.as_ref().filter(|secret| matches!(secret.value, SecretSource::StandardInput));
        let other = secret.map(|secret| secret.from.to_string()).or_else(|| reads_parameters.then(|| "the parameters".to_owned()));
        if let Some(other) = other {
            return Err(
                UsageError::new(format!("--manual reads standard input, and so does what {other} gives")).fix("give that as a file")
            );
        }
        if context.common.no_input && terminal::can_ask() {
            return Err(UsageError::new("--manual asks on the terminal, and --no-input forbids that").fix("leave one of them out"));
        }
        return Ok(());
    }
    match (&plan.redirect, browser.port) {
        (Redirect::Here { port: Some(named), .. }, Some(port)) if *named != port => {
            Err(UsageError::new(format!("--port names port {port}, and the redirect URI port {named}")).fix("leave one of them out"))
        }
        _ => Ok(()),
    }
}

/// The tokens: silently where that is possible, else from a person.
fn obtain(plan: &Plan, delivery: &Delivery<'_>, way: Way<'_>, context: &Context<'_>) -> Result<Issued, Error> {
    let store = &context.store();
    let is_silent = context.common.silent;
    let meant = if plan.insists && !is_silent { Meant::Nobody(UsageError::default()) } else { people::meant(store, plan, context) };
    let (person, context) = match meant {
        Meant::One(person) => (Some(*person), *context),
        Meant::Nobody(error) if is_silent => return Err(Error::Interaction(error)),
        Meant::Nobody(_) => (None, *context),
        // None of them has signed in to this app, so it is no question which of them is meant.
        Meant::Several(people, _) if !is_silent && !people.iter().any(people::has_own) => (None, *context),
        // Whose name several had is told by the password.
        Meant::Several(..) if !is_silent && matches!(way, Way::Password) && plan.account.is_some() => (None, *context),
        Meant::Several(people, error) => (chosen(people, error, context)?, context.after_person()),
    };
    let context = &context;
    let account = person.map(|person| Account::new(plan, person, store, delivery, context));
    let look = account.as_ref().and_then(Account::look);
    if let Some(issued) = account.as_ref().and_then(|account| account.fresh(look.as_ref())) {
        return Ok(issued);
    }
    let proof = Proof::of_client(plan, context)?;
    process::within_runtime(async {
        let why = match &account {
            Some(account) => match account.renewed(look, proof.as_ref()).await {
                Err(error) if !is_silent && is_liftable(way, &error) => Some(error),
                ended => return ended,
            },
            None => None,
        };
        let found = Found { person: account.map(Account::into_person), why };
        if !matches!(way, Way::Password) {
            return SigningIn { plan, proof: proof.as_ref(), delivery, way, password: None, store, context }.once(found).await;
        }
        // Who has signed in to others of a family has not been named either.
        let known = found.person.as_ref().filter(|person| people::has_own(person)).and_then(|person| person.username.as_deref());
        let plan = &password::named(plan, known, context).await?;
        let password = match (Password::of(plan, context).await, found.why) {
            // Nobody meant to give one, and what the sign-in is not good for any more is what has to be known.
            (Err(Error::Usage(_)), Some(why)) if plan.password.is_none() => return Err(why),
            (password, why) => (password?, why),
        };
        let (password, found) = (Some(&password.0), Found { why: password.1, ..found });
        SigningIn { plan, proof: proof.as_ref(), delivery, way, password, store, context }.once(found).await
    })
}

/// Whether a person who signs in that way lifts an error. One who signs in needs no cache that can be changed.
fn is_liftable(way: Way<'_>, error: &Error) -> bool {
    match error {
        Error::Cache(_) => true,
        Error::Refused(refused) if matches!(way, Way::Password) && hint::wants_more_than_a_password(&refused.refusal) => false,
        error => exit::code(error) == exit::INTERACTION,
    }
}

/// Asks who of several is meant, where there is a person to ask; none is somebody else.
fn chosen(mut people: Vec<SignedIn>, error: UsageError, context: &Context<'_>) -> Result<Option<SignedIn>, Error> {
    if context.common.silent || context.common.no_input || !terminal::can_ask() || !terminal::shows_to_person() {
        return Err(Error::Interaction(error));
    }
    let terminal = context.terminal;
    terminal.say("Several people have signed in here:");
    for (number, person) in people.iter().enumerate() {
        terminal.say(&format!("  {}  {}", number + 1, people::name(person)));
    }
    terminal.say(&format!("  {}  somebody else", people.len() + 1));
    let patience = context.common.patience();
    let number = process::within_runtime(async {
        let asked = async {
            loop {
                let line = terminal::ask("Number").await.map_err(|error| Error::System(error.to_string()))?;
                let Some(line) = line else {
                    return Err(Error::Interaction(UsageError::new("nobody was chosen").fix("say who is meant with --username NAME")));
                };
                match line.expose().trim().parse::<usize>() {
                    Ok(number) if (1..=people.len() + 1).contains(&number) => return Ok(number - 1),
                    _ => terminal.say(&format!("A number from 1 to {} is expected.", people.len() + 1)),
                }
            }
        };
        let ended = tokio::time::timeout(patience, asked).await;
        ended.unwrap_or(Err(Error::Cancelled(Cancelled::NoAnswer { after: patience })))
    })?;
    Ok((number < people.len()).then(|| people.swap_remove(number)))
}

/// Who was found in the cache, and what that sign-in is not good for any more.
#[derive(Default)]
struct Found {
    person: Option<SignedIn>,
    why: Option<Error>,
}

/// A sign-in of one person for all the commands that want it.
struct SigningIn<'a> {
    plan: &'a Plan,
    proof: Option<&'a Proof>,
    delivery: &'a Delivery<'a>,
    way: Way<'a>,
    /// Where that is the way.
    password: Option<&'a Password>,
    store: &'a Store,
    context: &'a Context<'a>,
}

impl SigningIn<'_> {
    /// Has the person sign in, unless another command has had them do so meanwhile.
    async fn once(&self, found: Found) -> Result<Issued, Error> {
        let patience = self.patience();
        let account = self.plan.account.as_ref().map(|account| account.value.as_str());
        let name = Partition::of_sign_in(&self.plan.authority, &self.plan.client_id, &self.way(), account);
        let fingerprint = self.fingerprint(&name);
        let Some(flight) = self.turn(&name, &fingerprint, patience).await? else { return Box::pin(self.now(&found, patience)).await };
        let ended = at_work(&flight, async {
            let found = match Box::pin(self.meanwhile(found)).await? {
                Ok(issued) => return Ok(issued),
                Err(found) => found,
            };
            Box::pin(self.now(&found, patience)).await
        });
        let ended = ended.await;
        if let Err(error) = &ended {
            self.tell(error, &name, &fingerprint);
        }
        drop(flight);
        ended
    }

    /// The way of the sign-in: whoever asks for another one is not held up by a browser that nobody sees.
    fn way(&self) -> String {
        let way = match self.way {
            Way::Browser(browser) if browser.manual => "paste",
            Way::Browser(_) => "browser",
            Way::Device => "device",
            // Nobody waits for somebody who types where nothing has to be typed.
            Way::Password if self.is_unattended() => "password",
            Way::Password => "typed password",
        };
        format!("{way} {}", self.plan.hints.prompt.as_deref().unwrap_or_default())
    }

    /// What tells the answer to this command from that to another; but for a password that was given, which a digest would give away.
    fn fingerprint(&self, name: &Partition) -> String {
        let plan = self.plan;
        let said = |text: &Option<String>| text.clone().unwrap_or_default();
        let (domain_hint, claims) = (said(&plan.hints.domain_hint), said(&plan.claims));
        let circumstances = Credential::circumstances(&[&domain_hint, &claims, &plan.redirect.with_port(None)]);
        let proof = self.proof.map(Proof::credential);
        let program = self.password.and_then(Password::program);
        let credentials: Vec<&Credential> = [&circumstances].into_iter().chain(&proof).chain(&program).collect();
        partition::fingerprint(name, &plan.authority, &plan.scopes, &credentials)
    }

    /// Waits for the right to ask a person: one is asked at a time. `None` where others cannot be waited for.
    async fn turn(&self, name: &Partition, fingerprint: &str, patience: Patience) -> Result<Option<Flight>, Error> {
        if !matches!(self.store.place(), Place::Folder { .. } | Place::File { .. }) {
            return Ok(None);
        }
        let (mut lock, mut start, mut told) = (name.clone(), Instant::now(), false);
        loop {
            let flight = match self.store.try_lock(&lock) {
                Ok(flight) => flight,
                Err(trouble) => {
                    log::info!("others cannot be waited for: {trouble}");
                    return Ok(None);
                }
            };
            if let Some(flight) = flight {
                return self.remembered(name, fingerprint).map_or(Ok(Some(flight)), Err);
            }
            let waited = start.elapsed();
            if self.store.silence(&lock).map_or(waited, |silence| silence.min(waited)) >= PATIENCE {
                // One of those who wait takes its place, and the others wait for that one.
                log::info!("{} stands still, and is not waited for", self.store.holder(&lock));
                (lock, start) = (lock.successor(), Instant::now());
                continue;
            }
            if tokio::time::Instant::now() >= patience.deadline() {
                let (after, holder) = (patience.time(), self.store.holder(&lock));
                return Err(match self.is_unattended() {
                    true => Error::TimedOut { after, doing: format!("waiting for {holder}, which signs in"), correlation_id: None },
                    false => Error::Cancelled(Cancelled::NoSignIn { after }),
                });
            }
            if !told {
                let what = if self.is_unattended() { "signs in" } else { "has a person sign in" };
                self.context.terminal.note(&format!("waiting for {}, which {what}", self.store.holder(&lock)));
                told = true;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// The tokens, where somebody has signed in since this command looked; else who is there now, and why they have to sign in.
    async fn meanwhile(&self, found: Found) -> Result<Result<Issued, Found>, Error> {
        if self.plan.insists {
            return Ok(Err(found));
        }
        let Meant::One(person) = people::meant(self.store, self.plan, self.context) else { return Ok(Err(found)) };
        let is_known = |known: &SignedIn| known.refresh_tokens == person.refresh_tokens && known.id_tokens == person.id_tokens;
        if found.person.as_ref().is_some_and(is_known) {
            return Ok(Err(found));
        }
        log::info!("somebody has signed in meanwhile");
        let context = &self.network();
        let account = Account::new(self.plan, *person, self.store, self.delivery, context);
        let look = account.look();
        if let Some(issued) = account.fresh(look.as_ref()) {
            return Ok(Ok(issued));
        }
        match account.renewed(look, self.proof).await {
            Ok(issued) => Ok(Ok(issued)),
            Err(error) if is_liftable(self.way, &error) => Ok(Err(Found { person: Some(account.into_person()), why: Some(error) })),
            Err(error) => Err(error),
        }
    }

    /// Has a person sign in.
    async fn now(&self, found: &Found, patience: Patience) -> Result<Issued, Error> {
        let terminal = self.context.terminal;
        let plan = self.asking(found);
        if let Some(why) = &found.why {
            terminal.note(&format!("a new sign-in is needed: {why}"));
        }
        let secret = self.password().await?;
        let context = &self.network();
        let (client, http) = account::connected(&plan, self.proof, secret.as_ref().as_slice(), context).await?;
        let tokens = match self.way {
            Way::Password => {
                let (Some(username), Some(password)) = (&plan.username, &secret) else {
                    return Err(Error::Internal("no password".to_owned()));
                };
                username_password::acquire(&client, &username.value, password, &http).await?
            }
            Way::Device => device_code::acquire(&client, patience, &http, terminal).await?,
            Way::Browser(browser) => {
                let (way, redirect_uri) = way(browser, &plan.redirect)?;
                let (client, hints, redirect_uri, environment) = (&client, &plan.hints, redirect_uri.as_str(), context.environment);
                let secret_variables = &plan.secret_variables();
                let sign_in = auth_code::SignIn { client, hints, redirect_uri, patience, terminal, environment, secret_variables };
                auth_code::acquire(&sign_in, way, &http).await?
            }
        };
        self.keep(&tokens).await;
        // A person may have several names, and the password is of the one that was given.
        if self.password.is_none() {
            check_person(self.plan, &tokens, terminal)?;
        }
        Ok(account::issued(self.plan, tokens, Source::Network))
    }

    /// The password, where that is the way, after a word on that way.
    async fn password(&self) -> Result<Option<Secret>, Error> {
        let (Some(password), Some(username)) = (self.password, &self.plan.username) else { return Ok(None) };
        self.context.terminal.warn(password::DISCOURAGED);
        password.secret(&username.value, self.context).await.map(Some)
    }

    /// Whether nobody is waited for.
    fn is_unattended(&self) -> bool {
        self.password.is_some_and(|password| !matches!(password, Password::Asked))
    }

    /// The command, with the time that the network has.
    fn network(&self) -> Context<'_> {
        if self.is_unattended() { *self.context } else { self.context.after_person() }
    }

    /// The plan, with what is known of who is to sign in, and why.
    fn asking(&self, found: &Found) -> Plan {
        let mut plan = self.plan.clone();
        let refused = match &found.why {
            Some(Error::Refused(refused)) => Some(refused),
            _ => None,
        };
        // Who is not of this tenant is not expected to sign in to it.
        let known = found.person.as_ref().filter(|_| !refused.is_some_and(|refused| hint::is_of_another_tenant(&refused.refusal)));
        let username = plan.username.as_ref().map(|name| name.value.clone());
        let username = username.or_else(|| known.and_then(|person| person.username.clone()));
        plan.hints.login_hint = plan.hints.login_hint.take().or(username);
        // What the platform wants to be asked for in answer to its refusal.
        plan.claims = plan.claims.or_else(|| refused.and_then(|refused| refused.refusal.claims.clone()));
        plan
    }

    async fn keep(&self, tokens: &TokenSet) {
        let is_kept = account::keep(self.plan, tokens, self.store, self.delivery, &self.network()).await;
        if !is_kept && account::is_kept_nowhere(tokens, self.store) {
            self.context.terminal.warn("the sign-in is kept nowhere, so the next command needs another one");
        }
    }

    /// How long the person may take.
    fn patience(&self) -> Patience {
        let common = self.context.common;
        match common.given_timeout() {
            _ if self.is_unattended() => Patience::within(common.timeout(), self.context.limit.deadline.into()),
            Some(time) => Patience::within(time, self.context.limit.deadline.into()),
            None => Patience::from_now(common.patience(), common.timeout()),
        }
    }
}

/// The way that the answer takes, and where the platform is to send it. The port is bound before anybody is told of it.
fn way(browser: &Browser, redirect: &Redirect) -> Result<(auth_code::Way, String), Error> {
    if browser.manual {
        return Ok((auth_code::Way::Paste, redirect.with_port(None)));
    }
    let named = match redirect {
        Redirect::Here { port, .. } => *port,
        Redirect::Elsewhere(uri) => {
            let error = UsageError::new(format!("the redirect URI {} leads to no port of this machine", foreign(uri)));
            return Err(error
                .why("the browser is to bring the answer to this command")
                .fix("register http://localhost for the app and use that, or add --manual to paste the answer")
                .into());
        }
    };
    let listener = Listener::bind(browser.port.or(named)).map_err(|error| match error {
        BindError::InUse { port } => UsageError::new(format!("port {port} is in use on this machine"))
            .fix("name another one with --port, or none, where the app's redirect URI leaves it open"),
        BindError::Other(error) => {
            UsageError::new(format!("no port of this machine can be listened on: {error}")).fix("use --manual, or entra-token device-code")
        }
    })?;
    let redirect_uri = redirect.with_port(Some(listener.port()));
    Ok((auth_code::Way::Listener { listener, path: redirect.path().to_owned(), opens: !browser.no_browser }, redirect_uri))
}

/// Who signed in is to be the one that was named.
fn check_person(plan: &Plan, tokens: &TokenSet, terminal: &Terminal) -> Result<(), Error> {
    let Some(wanted) = &plan.username else { return Ok(()) };
    match tokens.person.as_ref().and_then(|person| person.username.as_ref()) {
        Some(name) if !name.eq_ignore_ascii_case(&wanted.value) => {
            Err(Error::Cancelled(Cancelled::AnotherPerson { signed_in: name.clone(), wanted: wanted.value.clone() }))
        }
        Some(_) => Ok(()),
        None => {
            terminal.warn(&format!("the platform does not say whether it is {} who signed in", foreign(&wanted.value)));
            Ok(())
        }
    }
}
