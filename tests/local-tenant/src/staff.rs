//! The people of the default directory, and the identity providers that sign some of them in.

use crate::contoso::{TENANT_DOMAIN, TENANT_ID};
use crate::directory::Organization;
use crate::federation::{Federation, TrustVersion};
use crate::hosts::AD_FS_HOST;
use crate::user::{Trouble, User};

/// A user as they know themselves.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// Sign-in name.
    pub name: &'static str,
    /// Password.
    pub password: &'static str,
}

/// Sign-in name of a user whom nothing stands in the way of.
pub const USER: &str = "AdeleV@contoso.onmicrosoft.com";
/// The password of [`USER`].
pub const USER_PASSWORD: &str = "local~adele.Q8fuWz4vKp";
/// Sign-in name of another such user.
pub const OTHER_USER: &str = "MeganB@contoso.onmicrosoft.com";
/// The password of [`OTHER_USER`].
pub const OTHER_USER_PASSWORD: &str = "local~megan.T2hmXs9bRy";
/// Sign-in name of a user who needs multi-factor authentication (AADSTS50076).
pub const MULTI_FACTOR_USER: &str = "GradyA@contoso.onmicrosoft.com";
/// The password of [`MULTI_FACTOR_USER`].
pub const MULTI_FACTOR_USER_PASSWORD: &str = "local~grady.L5cnVd7jEw";
/// The one-time code that everybody's authenticator shows at all times.
pub const MULTI_FACTOR_CODE: &str = "492816";
/// Sign-in name of a user whose home is Fabrikam.
pub const FABRIKAM_USER: &str = "AlexW@fabrikam.onmicrosoft.com";
/// The password of [`FABRIKAM_USER`].
pub const FABRIKAM_USER_PASSWORD: &str = "local~alexw.G3kpYb6tHs";

/// A user whose password has expired (AADSTS50055).
pub const EXPIRED_USER: Person = Person { name: "DebraB@contoso.onmicrosoft.com", password: "local~debra.N6rwKc3mZt" };
/// A user whose account is locked (AADSTS50053).
pub const LOCKED_USER: Person = Person { name: "EmilyB@contoso.onmicrosoft.com", password: "local~emily.V9xhPd2sLq" };
/// A user whose account is disabled (AADSTS50057).
pub const DISABLED_USER: Person = Person { name: "FaithA@contoso.onmicrosoft.com", password: "local~faith.J4ktRg8bWn" };
/// A user who has to set up multi-factor authentication first (AADSTS50079).
pub const REGISTRATION_USER: Person = Person { name: "HenriettaM@contoso.onmicrosoft.com", password: "local~henri.C7yvMs5qXd" };
/// A user whom Conditional Access blocks (AADSTS53003).
pub const BLOCKED_USER: Person = Person { name: "IrvinS@contoso.onmicrosoft.com", password: "local~irvin.B2znTf6wHk" };
/// A user whose device is not managed (AADSTS53000).
pub const DEVICE_USER: Person = Person { name: "IsaiahL@contoso.onmicrosoft.com", password: "local~isaia.P8gdVj3rYc" };
/// A user whose sign-in looks suspicious (AADSTS53004).
pub const RISKY_USER: Person = Person { name: "JohannaL@contoso.onmicrosoft.com", password: "local~johan.D5qsLb9xKm" };
/// A user who is not assigned to the app (AADSTS50105).
pub const NOT_ASSIGNED_USER: Person = Person { name: "JoniS@contoso.onmicrosoft.com", password: "local~jonis.F3wpZh7tGv" };
/// A user of another tenant who is no guest of this one (AADSTS90072).
pub const EXTERNAL_USER: Person = Person { name: "LidiaH@contoso.onmicrosoft.com", password: "local~lidia.K6mcXn4yQr" };

/// Sign-in name of a user of a domain that an AD FS farm with everything in order signs in.
pub const FEDERATED_USER: &str = "NestorW@sso.contoso.com";
/// The password of [`FEDERATED_USER`].
pub const FEDERATED_USER_PASSWORD: &str = "local~nesto.R8vbHq2kTz";
/// Another one of that domain, whose name and password have what XML and addresses have to escape.
pub const ESCAPED_USER: Person = Person { name: "o'neil+test@sso.contoso.com", password: "local~]]>&<a>\"' ü&amp;%41+" };
/// One of that domain whose password has expired (MSIS3125).
pub const FEDERATED_EXPIRED_USER: Person = Person { name: "PattiF@sso.contoso.com", password: "local~patti.W4jnCs7gLx" };
/// One of that domain who is locked out (ID3242, as with a wrong password).
pub const FEDERATED_LOCKED_USER: Person = Person { name: "PradeepG@sso.contoso.com", password: "local~prade.S9tkFd5mBv" };
/// One of that domain whom the rules of the farm do not permit (MSIS7068).
pub const NOT_PERMITTED_USER: Person = Person { name: "RaulR@sso.contoso.com", password: "local~raulr.X2hyPw8qJc" };
/// One of that domain whom Entra refuses once the farm has let them pass (AADSTS53003).
pub const FEDERATED_BLOCKED_USER: Person = Person { name: "AlexD@sso.contoso.com", password: "local~alexd.G7rzNm3vKt" };
/// One of that domain who needs multi-factor authentication (AADSTS50076).
pub const FEDERATED_MULTI_FACTOR_USER: Person = Person { name: "BiancaP@sso.contoso.com", password: "local~bianc.L5wdQs9hYf" };
/// A user whose identity provider speaks the draft of February 2005 only.
pub const FEB_2005_USER: Person = Person { name: "CameronW@feb2005.contoso.com", password: "local~camer.T3xpVk6nZb" };
/// A user whose identity provider speaks WS-Trust 1.3 only.
pub const TRUST_13_USER: Person = Person { name: "ChristieC@trust13.contoso.com", password: "local~chris.M8fjRg4cHs" };
/// A user whose identity provider is of another make: its metadata is wrapped.
pub const THIRD_PARTY_USER: Person = Person { name: "DelphineR@thirdparty.contoso.com", password: "local~delph.Y6qkBt2wXn" };
/// A user whose identity provider has bindings and ports in its metadata that clients have to pass over.
pub const ODD_DOCUMENT_USER: Person = Person { name: "EnricoC@odd.contoso.com", password: "local~enric.Z9vsLd7mPj" };
/// A user whose realm names an endpoint of February 2005 and no metadata.
pub const ACTIVE_2005_USER: Person = Person { name: "GerhartM@active2005.contoso.com", password: "local~gerha.C4ngKw8rFt" };
/// A user whose realm names an endpoint of WS-Trust 1.3 and no metadata.
pub const ACTIVE_13_USER: Person = Person { name: "HollyD@active13.contoso.com", password: "local~holly.V2bxQh5yJz" };
/// A user whose realm names no address.
pub const NO_ADDRESS_USER: Person = Person { name: "JamieB@noaddress.contoso.com", password: "local~jamie.D7tmSp3kWc" };
/// A user about whom their identity provider issues SAML 2.0 assertions.
pub const SAML_2_USER: Person = Person { name: "KarinM@saml2.contoso.com", password: "local~karin.H8rfXv6nLq" };
/// A user whose identity provider speaks SAML 2.0 in place of WS-Trust (`SAML20`).
pub const SAML_PROTOCOL_USER: Person = Person { name: "LauraB@saml20.contoso.com", password: "local~laura.B5zjTk9gMd" };
/// A user whose identity provider issues assertions for another audience.
pub const AUDIENCE_USER: Person = Person { name: "MarioR@audience.contoso.com", password: "local~mario.P3wcNs7xYh" };
/// A user of a federated domain whose password Entra can check itself.
pub const SYNCHRONIZED_USER: Person = Person { name: "NicoleW@synchronized.contoso.com", password: "local~nicol.F6qvGb4tRk" };

/// Contoso: its domains and its people.
pub(crate) fn contoso() -> Organization {
    let managed = Organization::new(TENANT_ID, "Contoso").domain(TENANT_DOMAIN).domain("contoso.com");
    let federated = federations().into_iter().fold(managed, |contoso, (alias, federation)| {
        let domain = format!("{alias}.contoso.com");
        contoso.federated_domain(&domain, federation)
    });
    federated.users(users()).users(troubled()).users(federated_users())
}

/// The first label of each federated domain, and who signs its users in.
fn federations() -> Vec<(&'static str, Federation)> {
    let new = Federation::new;
    vec![
        ("sso", new("adfs").host(AD_FS_HOST)),
        ("feb2005", new("feb2005").only(TrustVersion::Feb2005)),
        ("trust13", new("trust13").only(TrustVersion::V13)),
        ("thirdparty", new("idp").third_party()),
        ("odd", new("odd").odd_document()),
        ("active2005", new("active2005").only_active_address(TrustVersion::Feb2005)),
        ("active13", new("active13").only_active_address(TrustVersion::V13)),
        ("noaddress", new("noaddress").without_addresses()),
        ("saml2", new("saml2").saml_2()),
        ("saml20", new("saml20").protocol("SAML20")),
        ("audience", new("audience").audience("urn:federation:contoso:cloud")),
        ("synchronized", new("synchronized").synchronizes_passwords()),
    ]
}

fn users() -> Vec<User> {
    [
        ("Adele Vance", USER, USER_PASSWORD),
        ("Grady Archie", MULTI_FACTOR_USER, MULTI_FACTOR_USER_PASSWORD),
        ("José Ünal", "JoseU@contoso.onmicrosoft.com", "local~joseu.password"),
        ("李 雷", "LeiL@contoso.onmicrosoft.com", "local~leil.password"),
        ("Megan Bowen", OTHER_USER, OTHER_USER_PASSWORD),
    ]
    .into_iter()
    .zip(1_u16..)
    .map(|((display_name, name, password), number)| {
        let user = User::new(&format!("8a5f{number:04x}-4f2a-4c1b-9d3e-5a6b7c8d9e0f"), display_name, name, password);
        if name == MULTI_FACTOR_USER { user.multi_factor() } else { user }
    })
    .collect()
}

/// Managed users whom something stands in the way of.
fn troubled() -> Vec<User> {
    let users = [
        ("Debra Berger", EXPIRED_USER, Trouble::PASSWORD_EXPIRED),
        ("Emily Braun", LOCKED_USER, Trouble::LOCKED),
        ("Faith Alvarez", DISABLED_USER, Trouble::DISABLED),
        ("Henrietta Mueller", REGISTRATION_USER, Trouble::MULTI_FACTOR_REGISTRATION),
        ("Irvin Sayers", BLOCKED_USER, Trouble::BLOCKED),
        ("Isaiah Langer", DEVICE_USER, Trouble::DEVICE_NOT_COMPLIANT),
        ("Johanna Lorenz", RISKY_USER, Trouble::RISKY),
        ("Joni Sherman", NOT_ASSIGNED_USER, Trouble::NOT_ASSIGNED),
        ("Lidia Holloway", EXTERNAL_USER, Trouble::EXTERNAL),
    ];
    numbered(0x10, users.map(|(display_name, person, trouble)| (display_name, person, Some(trouble))))
}

fn federated_users() -> Vec<User> {
    let nestor = Person { name: FEDERATED_USER, password: FEDERATED_USER_PASSWORD };
    let users = [
        ("Nestor Wilke", nestor, None),
        ("Shane O'Neil & Co. <test>", ESCAPED_USER, None),
        ("Patti Fernandez", FEDERATED_EXPIRED_USER, Some(Trouble::PASSWORD_EXPIRED)),
        ("Pradeep Gupta", FEDERATED_LOCKED_USER, Some(Trouble::LOCKED)),
        ("Raul Razo", NOT_PERMITTED_USER, Some(Trouble::NOT_PERMITTED)),
        ("Alex Darrow", FEDERATED_BLOCKED_USER, Some(Trouble::BLOCKED)),
        ("Bianca Pisani", FEDERATED_MULTI_FACTOR_USER, None),
        ("Cameron White", FEB_2005_USER, None),
        ("Christie Cline", TRUST_13_USER, None),
        ("Delphine Rosen", THIRD_PARTY_USER, None),
        ("Enrico Cattaneo", ODD_DOCUMENT_USER, None),
        ("Gerhart Moller", ACTIVE_2005_USER, None),
        ("Holly Dickson", ACTIVE_13_USER, None),
        ("Jamie Bischoff", NO_ADDRESS_USER, None),
        ("Karin Meier", SAML_2_USER, None),
        ("Laura Bianchi", SAML_PROTOCOL_USER, None),
        ("Mario Rogers", AUDIENCE_USER, None),
        ("Nicole Wagner", SYNCHRONIZED_USER, None),
    ];
    let users = numbered(0x40, users).into_iter();
    users.map(|user| if user.user_principal_name == FEDERATED_MULTI_FACTOR_USER.name { user.multi_factor() } else { user }).collect()
}

/// Users with object ids that count up from a number.
fn numbered<const N: usize>(first: u16, users: [(&str, Person, Option<Trouble>); N]) -> Vec<User> {
    let numbered = users.into_iter().zip(first..);
    numbered
        .map(|((display_name, Person { name, password }, trouble), number)| {
            let id = format!("8a5f{number:04x}-4f2a-4c1b-9d3e-5a6b7c8d9e0f");
            User { trouble, ..User::new(&id, display_name, name, password) }
        })
        .collect()
}

pub(crate) fn fabrikam_users() -> Vec<User> {
    vec![User::new("fab10001-4f2a-4c1b-9d3e-5a6b7c8d9e0f", "Alex Wilber", FABRIKAM_USER, FABRIKAM_USER_PASSWORD)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everybody_is_somebody_and_passwords_say_what_they_are() {
        let contoso = contoso();
        let different = |of: fn(&User) -> String| contoso.users.iter().map(of).collect::<BTreeSet<_>>().len();
        assert_eq!(different(|user| user.id.clone()), contoso.users.len());
        assert_eq!(different(|user| user.user_principal_name.to_ascii_lowercase()), contoso.users.len());
        for user in &contoso.users {
            assert!(user.password.starts_with("local~"), "{}", user.user_principal_name);
            assert!(contoso.domains.iter().any(|domain| domain == user.domain()), "{}", user.user_principal_name);
        }
    }
}
