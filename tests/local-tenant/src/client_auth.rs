//! Client authentication (RFC 6749 section 2.3), the same rules for every kind of authority.

use crate::directory::{App, Policy};
use crate::form::Form;
use crate::record::Recorded;

/// Why a client is not believed to be who it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// No credential in the body. One in an `Authorization: Basic` header does not count: Entra would take it, but
    /// clients that leak it into header logs are to be found out here.
    NoCredential,
    /// A public client sent a credential.
    Public,
    /// A client assertion, from an app that has no certificate.
    UnknownCertificate,
    /// The secret is not one of the app's; it may be the id of one.
    WrongSecret,
    /// The secret was right once.
    ExpiredSecret,
}

/// Checks the credential of a confidential client.
pub(crate) fn check(app: &App, form: &Form, request: &Recorded) -> Result<(), Stranger> {
    let secret = form.get("client_secret");
    let has_assertion = form.get("client_assertion").is_some();
    if request.header("authorization").is_some() || (secret.is_none() && !has_assertion) {
        return Err(Stranger::NoCredential);
    }
    if app.is_under(Policy::PublicClient) {
        return Err(Stranger::Public);
    }
    let Some(secret) = secret else { return Err(Stranger::UnknownCertificate) };
    match app.secrets.iter().find(|known| known.value == secret) {
        None => Err(Stranger::WrongSecret),
        Some(known) if known.is_expired => Err(Stranger::ExpiredSecret),
        Some(_) => Ok(()),
    }
}

/// The same for grants that public clients may use too. They have nothing to prove, and must not try.
pub(crate) fn check_either(app: &App, form: &Form, request: &Recorded) -> Result<(), Stranger> {
    if !app.is_under(Policy::PublicClient) {
        return check(app, form, request);
    }
    let has_tried =
        request.header("authorization").is_some() || ["client_secret", "client_assertion"].iter().any(|it| form.get(it).is_some());
    if has_tried { Err(Stranger::Public) } else { Ok(()) }
}

/// Whether what was sent as a secret is the id of one, the most common mistake.
pub(crate) fn is_secret_id(app: &App, form: &Form) -> bool {
    form.get("client_secret").is_some_and(|sent| app.secrets.iter().any(|known| known.id.eq_ignore_ascii_case(sent)))
}
