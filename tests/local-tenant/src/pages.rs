//! The pages that people see while they sign in.

use crate::directory::{App, Organization, Resource};
use crate::html::{button, complaint, escape, field, form, hidden, page, paragraph};
use crate::realm::Realm;
use crate::record::Recorded;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::user::User;

/// Where the forms of these pages go.
pub(crate) const ACTION: &str = "/interaction";
/// Where the code of a device is typed in.
pub(crate) const DEVICE_LOGIN: &str = "/devicelogin";

fn interactive(heading: &str, before: &str, name: &str, fields: &str) -> Reply {
    Reply::html(200, page(heading, &format!("{before}{}", form(ACTION, &format!("{}{fields}", hidden("ctx", name))))))
}

/// User name and password.
pub(crate) fn sign_in(name: &str, app: &App, username: &str, wrong: Option<&str>) -> Reply {
    let fields = [
        field("User name", "text", "username", username),
        field("Password", "password", "password", ""),
        button("Sign in", "sign-in"),
        button("Cancel", "cancel"),
    ];
    interactive("Sign in", &format!("{}{}", paragraph(&format!("to go on to {}", app.name)), complaint(wrong)), name, &fields.concat())
}

/// Which of those who are signed in.
pub(crate) fn accounts(name: &str, users: &[&User]) -> Reply {
    let users: String = users.iter().map(|user| button(&user.user_principal_name, &format!("use {}", user.id))).collect();
    let fields = format!("{users}{}{}", button("Use another account", "other"), button("Cancel", "cancel"));
    interactive("Pick an account", "", name, &fields)
}

/// The second factor.
pub(crate) fn second_factor(name: &str, user: &User, wrong: Option<&str>) -> Reply {
    let before = format!(
        "{}{}",
        paragraph(&format!("Type in the code that the authenticator of {} shows.", user.user_principal_name)),
        complaint(wrong)
    );
    let fields = [field("Code", "text", "otc", ""), button("Verify", "verify"), button("Cancel", "cancel")].concat();
    interactive("Enter code", &before, name, &fields)
}

/// What the app wants to do for the user.
pub(crate) fn consent(name: &str, app: &App, user: &User, resource: &Resource, scopes: &[String]) -> Reply {
    let scopes: String = scopes.iter().map(|scope| format!("<li>{}: {}</li>\n", escape(&resource.name), escape(scope))).collect();
    let before = format!("{}{}<ul>\n{scopes}</ul>\n", paragraph(&user.user_principal_name), paragraph(&format!("{} wants to:", app.name)));
    interactive("Permissions requested", &before, name, &[button("Accept", "accept"), button("Cancel", "cancel")].concat())
}

/// The app wants what administrators alone can allow.
pub(crate) fn needs_admin(name: &str, app: &App, refusal: &Refusal, request: &Recorded) -> Reply {
    let text = format!("{} needs permissions that only an administrator of your organization can give it.", app.name);
    let before = format!("{}{}", paragraph(&text), paragraph(&refusal.described(request)));
    interactive("Need admin approval", &before, name, &button("Back", "back"))
}

/// Whether this is what the user set out to do.
pub(crate) fn confirm_device(name: &str, app: &App, organization: &Organization) -> Reply {
    let text = format!(
        "You are signing in to {} of {} on another device. Go on only if you started this yourself, on a device that you trust.",
        app.name, organization.name
    );
    let heading = format!("Are you trying to sign in to {}?", app.name);
    interactive(&heading, &paragraph(&text), name, &[button("Continue", "continue"), button("Cancel", "cancel")].concat())
}

/// Where the code that a device shows is typed in.
pub(crate) fn device_code(code: &str, wrong: Option<&str>) -> Reply {
    let fields = format!("{}{}", field("Code", "text", "otc", code), button("Next", "next"));
    let before = format!("{}{}", paragraph("Type in the code that your app or device shows."), complaint(wrong));
    Reply::html(200, page("Enter code", &format!("{before}{}", form(DEVICE_LOGIN, &fields))))
}

/// The last page.
pub(crate) fn done(heading: &str, text: &str) -> Reply {
    Reply::html(200, page(heading, &paragraph(text)))
}

/// An error that no app is told: it is not certain which one it would be.
pub(crate) fn error(realm: &Realm, refusal: &Refusal, request: &Recorded) -> Reply {
    let text = paragraph(&realm.described(refusal, request));
    Reply::html(400, page("Sorry, but we're having trouble signing you in.", &text))
}
