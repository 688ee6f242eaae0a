//! The plan of a sign-in: who signs in, what the page is told, and where its answer goes.

use super::layer::{Given, Layer, Origin, SecretSource};
use super::placeholder::check_placeholder;
use crate::entra::authorize::Hints;
use crate::entra::redirect::{self, Redirect};
use crate::error::UsageError;

/// Who signs in.
pub(super) fn username(layers: [&Layer; 3], origins: &mut Vec<String>) -> Result<Option<Given<String>>, UsageError> {
    let username = layers.iter().find_map(|layer| layer.username.clone());
    if let Some(username) = &username {
        check_username(username)?;
        origins.push(format!("user name {} (from {})", username.value, username.from));
    }
    Ok(username)
}

/// The password that goes with the name: from the first place that has one and does not have it for somebody else; and the place that
/// has one for somebody else.
pub(super) fn password(
    layers: [&Layer; 3],
    username: Option<&Given<String>>,
    origins: &mut Vec<String>,
) -> (Option<Given<SecretSource>>, Option<Origin>) {
    let mut left_out = None;
    for layer in layers {
        let Some(password) = &layer.password else { continue };
        let is_another = |name: &Given<String>| username.is_some_and(|wanted| !wanted.value.eq_ignore_ascii_case(&name.value));
        if layer.username.as_ref().is_some_and(is_another) {
            origins.push(format!("password of {} left out: it is another person's", password.from));
            left_out.get_or_insert_with(|| password.from.clone());
            continue;
        }
        origins.push(format!("password (from {})", password.from));
        return (Some(password.clone()), left_out);
    }
    (None, left_out)
}

fn check_username(given: &Given<String>) -> Result<(), UsageError> {
    check_placeholder("user name", given)?;
    match given.value.chars().any(char::is_control) {
        true => Err(UsageError::new(format!("the user name of {} has a control character in it", given.from)).fix("give the name alone")),
        false => Ok(()),
    }
}

/// How a person signs in, once one is needed.
pub(super) fn settings(layers: [&Layer; 3], origins: &mut Vec<String>) -> Result<(Hints, Redirect), UsageError> {
    let mut first = |name: &str, of: fn(&Layer) -> Option<&Given<String>>| {
        let given = layers.into_iter().find_map(of).cloned();
        origins.extend(given.as_ref().map(|given| format!("{name} {} (from {})", given.value, given.from)));
        given
    };
    let prompt = first("prompt", |layer| layer.prompt.as_ref());
    let login_hint = first("login hint", |layer| layer.login_hint.as_ref());
    let domain_hint = first("domain hint", |layer| layer.domain_hint.as_ref());
    let redirect_uri = first("redirect URI", |layer| layer.redirect_uri.as_ref());
    if let Some(prompt) = &prompt {
        check_prompt(prompt)?;
    }
    for hint in [&login_hint, &domain_hint].into_iter().flatten() {
        check_placeholder("hint", hint)?;
    }
    let redirect = redirect_uri.map_or_else(|| Ok(Redirect::default()), |given| parsed_redirect(&given))?;
    let value = |given: Option<Given<String>>| given.map(|given| given.value);
    Ok((Hints { prompt: value(prompt), login_hint: value(login_hint), domain_hint: value(domain_hint) }, redirect))
}

fn parsed_redirect(given: &Given<String>) -> Result<Redirect, UsageError> {
    check_placeholder("redirect URI", given)?;
    Redirect::parse(&given.value).map_err(|what| {
        UsageError::new(format!("the redirect URI of {} {what}", given.from))
            .fix(format!("write it as it is registered for the app, {} for instance", redirect::DEFAULT))
    })
}

/// A prompt is one of a few words (OpenID Connect Core section 3.1.2.1, and Entra's own).
fn check_prompt(given: &Given<String>) -> Result<(), UsageError> {
    const PROMPTS: [&str; 5] = ["login", "select_account", "consent", "none", "create"];
    match given.value.split(' ').all(|word| PROMPTS.contains(&word)) {
        true => Ok(()),
        false => Err(UsageError::new(format!("the prompt of {} is {}, which is none", given.from, crate::redact::foreign(&given.value)))
            .fix(format!("use one of {}", PROMPTS.join(", ")))),
    }
}
