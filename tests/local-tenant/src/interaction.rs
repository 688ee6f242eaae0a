//! A sign-in under way: which page comes next, and what its form does.

use crate::authorize::{Prompt, Wish};
use crate::codes::Ticket;
use crate::contoso;
use crate::directory::{App, Organization};
use crate::form::Form;
use crate::front::Account;
use crate::ids::{guid, now};
use crate::pages;
use crate::realm::{Kind, Realm};
use crate::record::Recorded;
use crate::refresh::{client_info, invalid_grant};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::scopes::Asked;
use crate::state::{State, lock};
use crate::user::User;
use crate::way::Way;

/// A sign-in under way.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    realm: Realm,
    wish: Wish,
    goal: Goal,
    who: Option<Account>,
    /// Somebody is to sign in although others are signed in.
    wants_other: bool,
    has_consented: bool,
    has_confirmed: bool,
}

/// What a sign-in is for.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// A code for an app that waits for its redirect.
    Redirect(Way),
    /// The device that shows this code.
    Device(String),
}

/// How it goes on.
enum Step {
    /// With these.
    Go(Account),
    /// With a page.
    Show(Reply),
    /// Not at all.
    End(Refusal),
}

impl Interaction {
    /// One that begins.
    pub(crate) fn new(realm: Realm, wish: Wish, goal: Goal) -> Interaction {
        Interaction { realm, wish, goal, who: None, wants_other: false, has_consented: false, has_confirmed: false }
    }

    /// Ends it with an error.
    fn refuse(&self, refusal: &Refusal, subcode: Option<&str>, request: &Recorded, state: &State) -> Reply {
        match &self.goal {
            Goal::Redirect(way) => way.refuse(&self.realm, refusal, subcode, request),
            Goal::Device(code) => {
                lock(&state.front).devices.decline(code);
                pages::error(&self.realm, refusal, request)
            }
        }
    }

    /// Keeps it for the page that is shown; gives the name by which the page's form goes on.
    fn keep(&self, state: &State) -> String {
        lock(&state.front).keep(self.clone())
    }

    /// Who signs in, as far as that is known without asking.
    fn choose(&self, app: &App, request: &Recorded, state: &State) -> Step {
        if let Some(account) = &self.who {
            return Step::Go(account.clone());
        }
        let show = || Step::Show(pages::sign_in(&self.keep(state), app, self.wish.login_hint.as_deref().unwrap_or_default(), None));
        let is_new = self.wants_other || self.wish.prompt == Prompt::Login;
        let accounts = if is_new { Vec::new() } else { self.usable(lock(&state.front).accounts(request), state) };
        let must_choose = self.wish.prompt == Prompt::SelectAccount || accounts.len() > 1;
        let silently = self.wish.prompt == Prompt::None;
        match &accounts[..] {
            [account] if !must_choose => Step::Go(account.clone()),
            [] if silently => Step::End(login_required()),
            _ if silently => {
                let text = "Several accounts are signed in, and the user has to choose one.";
                Step::End(Refusal::new(400, "interaction_required", 16000, text))
            }
            accounts => {
                if let Some(person) = person(state) {
                    return Step::Go(person);
                }
                if accounts.is_empty() {
                    return show();
                }
                let users: Vec<&User> =
                    accounts.iter().filter_map(|account| state.directory.find_user_by_id(&account.user_id)).map(|(_, user)| user).collect();
                Step::Show(pages::accounts(&self.keep(state), &users))
            }
        }
    }

    /// The accounts that the app did not exclude by its hint or by their age.
    fn usable(&self, mut accounts: Vec<Account>, state: &State) -> Vec<Account> {
        accounts.retain(|account| {
            let name = state.directory.find_user_by_id(&account.user_id).map(|(_, user)| user.user_principal_name.as_str());
            let is_hinted = self.wish.login_hint.as_deref().is_none_or(|hint| name.is_some_and(|name| name.eq_ignore_ascii_case(hint)));
            is_hinted && self.wish.max_age.is_none_or(|age| now() - account.since <= age)
        });
        accounts
    }

    /// What the app wants in a tenant, once the user has consented to it.
    fn consent(&self, app: &App, there: &Organization, user: &User, request: &Recorded, state: &State) -> Option<Step> {
        let result = Asked::read_for_sign_in(&self.wish.scope, there, state)
            .and_then(|asked| asked.missing(app, user, state).map(|missing| (asked, missing)));
        let (asked, missing) = match result {
            Ok(found) => found,
            Err(refusal) => return Some(Step::End(refusal)),
        };
        let admin_only = |scope: &String| asked.resource.admin_scopes.contains(scope);
        let silently = self.wish.prompt == Prompt::None;
        if missing.iter().any(admin_only) {
            let refusal = needs_admin(app);
            let is_shown = !silently && person(state).is_none();
            return Some(match is_shown {
                true => Step::Show(pages::needs_admin(&self.keep(state), app, &refusal, request)),
                false => Step::End(refusal),
            });
        }
        let is_asked = !missing.is_empty() || self.wish.prompt == Prompt::Consent;
        if is_asked && silently {
            return Some(Step::End(asked.granted(app, user, state).err()?));
        }
        if is_asked && !self.has_consented && person(state).is_none() {
            let scopes = if missing.is_empty() { vec![self.wish.scope.clone()] } else { missing };
            return Some(Step::Show(pages::consent(&self.keep(state), app, user, asked.resource, &scopes)));
        }
        lock(&state.consents).add(app, user, &asked.resource.app_id, &missing);
        None
    }
}

/// Goes on to the next page, or to the end.
pub(crate) fn proceed(mut interaction: Interaction, request: &Recorded, state: &State) -> Reply {
    match next(&mut interaction, request, state) {
        Ok(reply) | Err(Step::Show(reply)) => reply,
        Err(Step::End(refusal)) => interaction.refuse(&refusal, None, request, state),
        Err(Step::Go(_)) => unreachable!("who signs in is known before anything ends"),
    }
}

fn next(interaction: &mut Interaction, request: &Recorded, state: &State) -> Result<Reply, Step> {
    let (organization, app) = interaction.realm.client(&interaction.wish.client_id, state).map_err(Step::End)?;
    let mut account = match interaction.choose(app, request, state) {
        Step::Go(account) => account,
        other => return Err(other),
    };
    let unknown = || Step::End(invalid_grant(50034, "The user account does not exist in the directory."));
    let (home, user) = state.directory.find_user_by_id(&account.user_id).ok_or_else(unknown)?;
    if let Err(refusal) = interaction.realm.admit(app, home, user, state) {
        return Err(Step::Show(pages::error(&interaction.realm, &refusal, request)));
    }
    let is_person = person(state).is_some_and(|person| person.user_id == account.user_id);
    account.has_multi_factor |= is_person;
    interaction.who = Some(account.clone());
    if state.needs_multi_factor(user) && !account.has_multi_factor {
        return Err(match interaction.wish.prompt {
            Prompt::None => Step::End(Refusal::new(400, "interaction_required", 50076, "A policy wants multi-factor authentication.")),
            _ => Step::Show(pages::second_factor(&interaction.keep(state), user, None)),
        });
    }
    let there = organization.unwrap_or(home);
    if matches!(interaction.goal, Goal::Device(_)) && !interaction.has_confirmed {
        return Err(Step::Show(pages::confirm_device(&interaction.keep(state), app, there)));
    }
    if interaction.realm.kind == Kind::Entra
        && let Some(step) = interaction.consent(app, there, user, request, state)
    {
        return Err(step);
    }
    Ok(finish(interaction, account, home, state))
}

fn finish(interaction: &Interaction, account: Account, home: &Organization, state: &State) -> Reply {
    let wish = &interaction.wish;
    let mut front = lock(&state.front);
    let way = match &interaction.goal {
        Goal::Redirect(way) => way,
        Goal::Device(code) => {
            front.devices.approve(code, account);
            return pages::done("You have signed in", "You can close this page and go back to your app or device.");
        }
    };
    let info = client_info(&account.user_id, &home.id);
    let ticket = Ticket {
        kind: interaction.realm.kind,
        client_id: wish.client_id.clone(),
        account,
        scope: wish.scope.clone(),
        resource: wish.resource.clone(),
        nonce: wish.nonce.clone(),
    };
    let mut values = vec![("code", front.codes.issue(ticket, &way.redirect_uri, wish.challenge.clone()))];
    if interaction.realm.kind == Kind::Entra {
        values.extend(wish.wants_client_info.then_some(("client_info", info)));
        values.push(("session_state", guid().to_string()));
    }
    way.send(&values)
}

/// Who sits at every browser, if anybody does.
pub(crate) fn person(state: &State) -> Option<Account> {
    let (_, user) = state.directory.find_user(state.directory.person.as_deref()?)?;
    Some(Account { has_multi_factor: true, ..Account::new(&user.id) })
}

fn login_required() -> Refusal {
    let text = "A silent sign-in request was sent, but no user is signed in.";
    Refusal::new(400, "login_required", 50058, text)
}

fn needs_admin(app: &App) -> Refusal {
    let text = format!("An administrator of the organization has not granted what the application '{}' asks for.", app.client_id);
    Refusal::new(400, "access_denied", 90094, text)
}

/// Answers the form of a page.
pub(crate) fn step(request: &Recorded, state: &State) -> Reply {
    let form = match Form::parse(request) {
        Ok(form) if request.method == "POST" => form,
        _ => return Reply::text(400, "the local tenant takes the forms of its own pages here\n"),
    };
    let Some(mut interaction) = form.get("ctx").and_then(|name| lock(&state.front).interaction(name)) else {
        return pages::done(
            "Sorry, but we're having trouble signing you in.",
            "AADSTS165000: The sign-in that this page belongs to is over.",
        );
    };
    let Some(action) = form.get("action") else { return proceed(interaction, request, state) };
    match action {
        "sign-in" => return interaction.authenticate(&form, request, state),
        "verify" => return interaction.verify(&form, request, state),
        "cancel" => return interaction.refuse(&cancelled(), Some("cancel"), request, state),
        "back" => {
            let app = interaction.realm.client(&interaction.wish.client_id, state).map(|(_, app)| app);
            let refusal = app.map_or_else(|refusal| refusal, needs_admin);
            return interaction.refuse(&refusal, None, request, state);
        }
        "accept" => interaction.has_consented = true,
        "continue" => interaction.has_confirmed = true,
        "other" => interaction.wants_other = true,
        action => {
            let wanted = action.strip_prefix("use ");
            let accounts = lock(&state.front).accounts(request);
            interaction.who = accounts.into_iter().find(|account| Some(account.user_id.as_str()) == wanted);
        }
    }
    proceed(interaction, request, state)
}

fn cancelled() -> Refusal {
    Refusal::new(400, "access_denied", 65004, "The user cancelled the sign-in or declined to consent to what the app asks for.")
}

impl Interaction {
    /// Checks user name and password.
    fn authenticate(mut self, form: &Form, request: &Recorded, state: &State) -> Reply {
        let name = form.get("username").unwrap_or_default();
        let found = state.directory.find_user(name);
        let wrong = match found {
            Some((_, user)) if form.get("password") == Some(user.password.as_str()) && state.trouble_of(user).is_none() => {
                let account = Account::new(&user.id);
                let cookie = lock(&state.front).sign_in(account.clone(), request);
                self.who = Some(account);
                return proceed(self, request, state).header("set-cookie", cookie);
            }
            Some((_, user)) => match state.trouble_of(user).filter(|_| form.get("password") == Some(user.password.as_str())) {
                Some(trouble) => format!("AADSTS{}: {}", trouble.code(), trouble.text()),
                None => "AADSTS50126: Invalid username or password.".to_owned(),
            },
            None => "AADSTS50034: The user account does not exist in the directory.".to_owned(),
        };
        match self.realm.client(&self.wish.client_id, state) {
            Ok((_, app)) => pages::sign_in(&self.keep(state), app, name, Some(&wrong)),
            Err(refusal) => pages::error(&self.realm, &refusal, request),
        }
    }

    /// Checks the second factor.
    fn verify(mut self, form: &Form, request: &Recorded, state: &State) -> Reply {
        let Some(account) = &mut self.who else { return proceed(self, request, state) };
        if form.get("otc") == Some(contoso::MULTI_FACTOR_CODE) {
            account.has_multi_factor = true;
            let cookie = lock(&state.front).sign_in(account.clone(), request);
            return proceed(self, request, state).header("set-cookie", cookie);
        }
        let wrong = "AADSTS500121: The code is not right.";
        match state.directory.find_user_by_id(&account.user_id) {
            Some((_, user)) => pages::second_factor(&self.keep(state), user, Some(wrong)),
            None => proceed(self, request, state),
        }
    }
}
