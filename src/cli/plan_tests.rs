//! The rules of precedence, a row each.

use std::collections::HashMap;
use std::path::Path;

use super::*;
use crate::cli::parameters;
use crate::entra::authority::Endpoint;
use crate::env::Env;

const FULL: &str = r#""authority": "https://login.microsoftonline.com/file.com", "client_id": "file-app", "scope": ["https://graph.microsoft.com/.default"], "secret": "s3""#;

fn given<T>(flag: &'static str, value: T) -> Given<T> {
    Given { value, from: Origin::Flag(flag) }
}

fn text(flag: &'static str, value: &str) -> Given<String> {
    given(flag, value.to_owned())
}

fn resolve(flags: &Layer, file: &str, environment: &[(&'static str, &'static str)]) -> Result<Plan, UsageError> {
    let file = parameters::parse("p.json", &format!("{{{file}}}"), Path::new(""))?;
    let environment = Env::Fixed(environment.iter().copied().collect::<HashMap<_, _>>());
    plan(Subject::App, flags, &file.layer, &Layer::of_environment(&environment)?)
}

/// The token endpoint (or the OpenID document), the client id and the scope that a call comes to.
fn outcome(flags: &Layer, file: &str, environment: &[(&'static str, &'static str)]) -> String {
    match resolve(flags, file, environment) {
        Ok(plan) => {
            let endpoint = plan.authority.endpoint(Endpoint::Token).unwrap_or_else(|| plan.authority.openid_document());
            let address = endpoint.as_str().trim_start_matches("https://").trim_end_matches("/oauth2/v2.0/token");
            format!("{address} {} {}", plan.client_id, plan.scopes)
        }
        Err(error) => error.what,
    }
}

#[test]
fn flags_win_over_the_file_and_the_file_over_the_environment() {
    let environment =
        [("AZURE_TENANT_ID", "env.com"), ("AZURE_CLIENT_ID", "env-app"), ("AZURE_CLIENT_SECRET", "e"), ("ARM_CLIENT_ID", "arm-app")];
    let graph = "https://graph.microsoft.com/.default";
    let none = Layer::default();
    let flags =
        Layer { client_id: Some(text("--client-id", "flag-app")), tenant: Some(text("--tenant-id", "flag.com")), ..Layer::default() };
    let resource = Layer { resource: Some(text("--resource", "sql")), ..Layer::default() };
    for (flags, file, expected) in [
        (&none, FULL, format!("login.microsoftonline.com/file.com file-app {graph}")),
        (&flags, FULL, format!("login.microsoftonline.com/flag.com flag-app {graph}")),
        (&none, r#""resource": "graph""#, format!("login.microsoftonline.com/env.com env-app {graph}")),
        (&resource, FULL, "login.microsoftonline.com/file.com file-app https://database.windows.net//.default".to_owned()),
        (&resource, "", "login.microsoftonline.com/env.com env-app https://database.windows.net//.default".to_owned()),
    ] {
        assert_eq!(outcome(flags, file, &environment), expected, "{file}");
    }
    let arm = [("ARM_TENANT_ID", "arm.com"), ("ARM_CLIENT_ID", "arm-app"), ("ARM_CLIENT_SECRET", "e"), ("AZURE_TENANT_ID", "")];
    assert_eq!(outcome(&none, r#""resource": "graph""#, &arm), format!("login.microsoftonline.com/arm.com arm-app {graph}"));
}

#[test]
fn the_authority_is_one_unit_and_the_tenant_can_come_from_elsewhere() {
    let rest = r#""client_id": "a", "resource": "graph""#;
    let gov = "https://graph.microsoft.us/.default";
    let graph = "https://graph.microsoft.com/.default";
    let cloud = Layer { cloud: Some(text("--cloud", "usgov")), ..Layer::default() };
    let tenant = Layer { tenant: Some(text("--tenant-id", "flag.com")), ..Layer::default() };
    let none = Layer::default();
    let b2c = r#""authority": "https://c.b2clogin.com/c.com/B2C_1_in""#;
    for (flags, file, environment, expected) in [
        // A cloud from a higher place replaces the host, and the tenant stays.
        (
            &cloud,
            r#""authority": "https://login.microsoftonline.com/file.com""#,
            &[][..],
            format!("login.microsoftonline.us/file.com a {gov}"),
        ),
        (&none, r#""cloud": "AzureUSGovernment", "tenant": "t.com""#, &[], format!("login.microsoftonline.us/t.com a {gov}")),
        (
            &none,
            r#""cloud": "china", "tenant": "t.com""#,
            &[],
            "login.partner.microsoftonline.cn/t.com a https://microsoftgraph.chinacloudapi.cn/.default".to_owned(),
        ),
        (&none, r#""tenant": "t.com""#, &[("ARM_ENVIRONMENT", "usgovernment")], format!("login.microsoftonline.us/t.com a {gov}")),
        (
            &none,
            r#""tenant": "t.com""#,
            &[("AZURE_AUTHORITY_HOST", "login.microsoftonline.us")],
            format!("login.microsoftonline.us/t.com a {gov}"),
        ),
        (
            &none,
            r#""tenant": "t.com""#,
            &[("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/"), ("ARM_ENVIRONMENT", "usgov")],
            format!("login.microsoftonline.us/t.com a {gov}"),
        ),
        // A tenant from a higher place replaces the authority's own.
        (
            &tenant,
            r#""authority": "https://login.microsoftonline.com/file.com""#,
            &[],
            format!("login.microsoftonline.com/flag.com a {graph}"),
        ),
        (&tenant, b2c, &[], format!("c.b2clogin.com/flag.com/B2C_1_in a {graph}")),
        // What a host's name suggests is no contradiction.
        (&none, r#""authority": "https://c.ciamlogin.com", "tenant": "t.com""#, &[], format!("c.ciamlogin.com/t.com a {graph}")),
        // One from a lower place only fills a gap.
        (
            &none,
            r#""authority": "https://login.microsoftonline.com/file.com""#,
            &[("AZURE_TENANT_ID", "env.com")],
            format!("login.microsoftonline.com/file.com a {graph}"),
        ),
        (
            &none,
            r#""authority": "https://login.microsoftonline.com/""#,
            &[("AZURE_TENANT_ID", "env.com")],
            format!("login.microsoftonline.com/env.com a {graph}"),
        ),
        // `common` is nobody's tenant, so a real one beside it is meant.
        (
            &none,
            r#""authority": "https://login.microsoftonline.com/common", "tenant": "t.com""#,
            &[],
            format!("login.microsoftonline.com/t.com a {graph}"),
        ),
        // Kinds without tenants keep to themselves.
        (
            &none,
            r#""authority": "https://adfs.c.com/adfs""#,
            &[("AZURE_TENANT_ID", "env.com")],
            format!("adfs.c.com/adfs/oauth2/token a {graph}"),
        ),
        (
            &none,
            r#""oidc_authority": "https://idp.example/x""#,
            &[("AZURE_TENANT_ID", "env.com")],
            format!("idp.example/x/.well-known/openid-configuration a {graph}"),
        ),
    ] {
        assert_eq!(outcome(flags, &format!("{file}, {rest}"), environment), expected, "{file}");
    }
}

#[test]
fn contradictions_are_errors_that_name_both_places() {
    let rest = r#""client_id": "a", "resource": "graph""#;
    for (file, environment, expected) in [
        (
            r#""authority": "https://login.microsoftonline.com/t", "oidc_authority": "https://i.example""#,
            &[][..],
            r#"p.json line 1, "authority" and p.json line 1, "oidc_authority" cannot both be given"#,
        ),
        (
            r#""authority": "https://login.microsoftonline.com/t", "cloud": "china""#,
            &[],
            r#"p.json line 1, "authority" and p.json line 1, "cloud" cannot both be given"#,
        ),
        (
            r#""authority": "https://login.microsoftonline.com/t", "tenant": "u""#,
            &[],
            r#"p.json line 1, "tenant" and p.json line 1, "authority" name different tenants"#,
        ),
        (
            r#""tenant": "t", "scope": "https://graph.microsoft.com/.default""#,
            &[],
            r#"p.json line 1, "scope" and p.json line 1, "resource" cannot both be given"#,
        ),
        (
            r#""tenant": "t", "secret": "s", "private_key_file": "k.pem""#,
            &[],
            r#"p.json line 1, "secret" and p.json line 1, "private_key_file" cannot both be given"#,
        ),
        (
            r#""tenant": "t""#,
            &[("AZURE_AUTHORITY_HOST", "login.microsoftonline.us"), ("ARM_ENVIRONMENT", "china")],
            "AZURE_AUTHORITY_HOST and ARM_ENVIRONMENT name different clouds",
        ),
    ] {
        assert_eq!(outcome(&Layer::default(), &format!("{file}, {rest}"), environment), expected);
    }
    let flags = Layer { tenant: Some(text("--tenant-id", "t")), ..Layer::default() };
    let adfs = format!(r#""authority": "https://adfs.c.com/adfs", {rest}"#);
    assert_eq!(outcome(&flags, &adfs, &[]), r#"a tenant is given, and the authority of p.json line 1, "authority" has none"#);
}

#[test]
fn the_credential_is_one_unit_and_the_environment_has_the_sdks_order() {
    let rest = r#""tenant": "t", "client_id": "a", "resource": "graph""#;
    let place = |flags: &Layer, file: &str, environment: &[(&'static str, &'static str)]| {
        resolve(flags, &format!("{file}{rest}"), environment)
            .map(|plan| plan.secret.map(|given| given.from.to_string()))
            .map_err(|error| error.what)
    };
    let none = Layer::default();
    let flags = Layer { credentials: vec![given("--secret-file", Credential::Secret(SecretSource::StandardInput))], ..Layer::default() };
    let both = [("AZURE_CLIENT_SECRET", "s"), ("AZURE_CLIENT_CERTIFICATE_PATH", "c.pem")];
    assert_eq!(place(&none, "", &[]), Ok(None));
    assert_eq!(place(&none, "", &both), Ok(Some("AZURE_CLIENT_SECRET".to_owned())));
    assert_eq!(place(&none, r#""client_secret": "x", "#, &both), Ok(Some("p.json line 1, \"client_secret\"".to_owned())));
    assert_eq!(place(&flags, r#""private_key_file": "x", "thumbprint": "y", "#, &both), Ok(Some("--secret-file".to_owned())));
    assert_eq!(place(&none, r#""client_credential": "x", "#, &[]), Ok(Some("p.json line 1, \"client_credential\"".to_owned())));
    assert!(place(&none, r#""private_key_file": "x", "thumbprint": "y", "#, &both).unwrap_err().contains("gives a certificate"));
    assert!(place(&none, "", &both[1..]).unwrap_err().contains("AZURE_CLIENT_CERTIFICATE_PATH gives a certificate"));
}

#[test]
fn what_cannot_be_right_is_refused_before_anything_is_sent() {
    let base =
        [("authority", "https://login.microsoftonline.com/t.com"), ("client_id", "a"), ("scope", "https://graph.microsoft.com/.default")];
    for (key, value, expected) in [
        (
            "authority",
            "https://login.microsoftonline.com/common",
            "the tenant common of p.json line 1, \"authority\" has no apps of its own",
        ),
        (
            "authority",
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad",
            "the tenant 9188040d-6c67-4c5b-b112-36a304b66dad of p.json line 1, \"authority\" has no apps of its own",
        ),
        (
            "authority",
            "https://login.microsoftonline.com/Enter_the_Tenant_Id_Here",
            "the authority of p.json line 1, \"authority\" is still a sample's placeholder",
        ),
        ("authority", "http://login.microsoftonline.com/t.com", "the authority of p.json line 1, \"authority\" is not https"),
        ("client_id", "your_client_id", "the client id of p.json line 1, \"client_id\" is still a sample's placeholder"),
        ("client_id", "<client-id>", "the client id of p.json line 1, \"client_id\" is still a sample's placeholder"),
        ("client_id", "{535fb089-9ff3-47b6-9bfb-4f1264799865}", "p.json line 1, \"client_id\" has braces or quotes around it"),
        ("client_id", "a b", "p.json line 1, \"client_id\" holds a space or a control character"),
        ("scope", "User.Read", "the scope User.Read of p.json line 1, \"scope\" does not end in /.default"),
        ("scope", "graph", "the scope graph of p.json line 1, \"scope\" does not end in /.default"),
        (
            "scope",
            "a:b/.default c:d/.default",
            "the scopes of p.json line 1, \"scope\" are for two resources: a:b/.default and c:d/.default",
        ),
        ("scope", "a\\u0001/.default", "a scope of p.json line 1, \"scope\" has characters that no scope has"),
    ] {
        let file: Vec<String> =
            base.iter().map(|(name, usual)| format!("\"{name}\": \"{}\"", if *name == key { value } else { usual })).collect();
        assert_eq!(outcome(&Layer::default(), &file.join(", "), &[]), expected);
    }
    for (more, expected) in [
        (r#""claims": "[]""#, "the claims of p.json line 1, \"claims\" are not a JSON object"),
        (r#""cloud": "mars""#, "p.json line 1, \"cloud\" names no cloud that is known"),
        (r#""tenant": "a/b""#, "p.json line 1, \"tenant\" is neither a tenant's id nor a domain name"),
    ] {
        let tenant = if more.contains("tenant") { "" } else { r#""tenant": "t", "# };
        assert_eq!(outcome(&Layer::default(), &format!(r#"{tenant}{more}, "client_id": "a", "resource": "graph""#), &[]), expected);
    }
    for (resource, expected) in [
        ("grahp", "the resource grahp of p.json line 1, \"resource\" is not known"),
        ("https://graph.microsoft.com/.default", "the resource of p.json line 1, \"resource\" is a scope"),
    ] {
        let file = format!(r#""tenant": "t", "client_id": "a", "resource": "{resource}""#);
        assert_eq!(outcome(&Layer::default(), &file, &[]), expected);
    }
}

#[test]
fn other_providers_have_scopes_of_their_own() {
    let file = r#""oidc_authority": "https://idp.example", "client_id": "a", "scope": "api.read openid""#;
    assert!(outcome(&Layer::default(), file, &[]).ends_with(" a api.read openid"));
}

#[test]
fn everything_that_is_missing_is_said_at_once() {
    let what = |file: &str| outcome(&Layer::default(), file, &[]);
    assert_eq!(what(""), "no tenant, no client id and no scope is given");
    assert_eq!(what(r#""tenant": "t", "resource": "graph""#), "no client id is given");
    assert_eq!(what(r#""client_id": "a", "authority": "https://login.microsoftonline.com/""#), "no tenant and no scope is given");
}

#[test]
fn the_trace_says_where_each_setting_came_from() {
    let flags = Layer { tenant: Some(text("--tenant-id", "flag.com")), ..Layer::default() };
    let plan = resolve(&flags, FULL, &[]).unwrap();
    assert_eq!(
        plan.origins,
        [
            "authority https://login.microsoftonline.com/flag.com (from p.json line 1, \"authority\", and the tenant from --tenant-id)",
            "client id file-app (from p.json line 1, \"client_id\")",
            "scope https://graph.microsoft.com/.default (from p.json line 1, \"scope\")",
            "client secret (from p.json line 1, \"secret\")",
        ]
    );
}

#[test]
fn what_proves_terraforms_app_is_for_no_other() {
    let secret = |environment: &[(&'static str, &'static str)]| {
        let environment = Env::Fixed(environment.iter().copied().collect::<HashMap<_, _>>());
        let layer = Layer::of_environment(&environment).unwrap();
        layer.credentials.first().map(|given| given.from.to_string())
    };
    let arm = ("ARM_CLIENT_SECRET", "e");
    assert_eq!(secret(&[("AZURE_CLIENT_ID", "a"), ("ARM_CLIENT_ID", "b"), arm]), None);
    assert_eq!(secret(&[("AZURE_CLIENT_ID", "a"), ("ARM_CLIENT_ID", "A"), arm]), Some("ARM_CLIENT_SECRET".to_owned()));
    assert_eq!(secret(&[("AZURE_CLIENT_ID", "a"), arm]), Some("ARM_CLIENT_SECRET".to_owned()));
    assert_eq!(secret(&[("ARM_CLIENT_ID", "b"), arm, ("AZURE_CLIENT_SECRET", "f")]), Some("AZURE_CLIENT_SECRET".to_owned()));
}

#[test]
fn a_password_goes_with_its_name() {
    let person = |flags: &Layer, file: &str, environment: &[(&'static str, &'static str)]| {
        let file = parameters::parse("p.json", &format!("{{{file}}}"), Path::new("")).unwrap();
        let environment = Env::Fixed(environment.iter().copied().collect::<HashMap<_, _>>());
        let layers = [flags, &file.layer, &Layer::of_environment(&environment).unwrap()];
        sign_in::username(layers, &mut Vec::new()).map(|name| {
            let (password, _) = sign_in::password(layers, name.as_ref(), &mut Vec::new());
            let password = password.map_or_else(|| "none".to_owned(), |given| given.from.to_string());
            format!("{} {password}", name.map_or_else(|| "nobody".to_owned(), |given| given.value))
        })
    };
    let flag = |name: &str| Layer { username: Some(text("--username", name)), ..Layer::default() };
    let password = SecretSource::StandardInput;
    let flag_password = || Layer { password: Some(given("--password-file", password.clone())), ..Layer::default() };
    let both = r#""username": "a@x.y", "password": "p""#;
    let environment = [("AZURE_USERNAME", "b@x.y"), ("AZURE_PASSWORD", "q")];
    let of_file = "p.json line 1, \"password\"";
    for (flags, file, environment, expected) in [
        (Layer::default(), both, &environment[..], format!("a@x.y {of_file}")),
        (flag("A@X.Y"), both, &environment, format!("A@X.Y {of_file}")),
        (flag("b@x.y"), both, &environment, "b@x.y AZURE_PASSWORD".to_owned()),
        (flag("c@x.y"), both, &environment, "c@x.y none".to_owned()),
        (flag("c@x.y"), r#""password": "p""#, &environment, format!("c@x.y {of_file}")),
        (flag("c@x.y"), "", &environment[1..], "c@x.y AZURE_PASSWORD".to_owned()),
        (flag_password(), both, &[], "a@x.y --password-file".to_owned()),
        (flag_password(), "", &[], "nobody --password-file".to_owned()),
        (Layer::default(), r#""username": "a@x.y""#, &environment, "a@x.y none".to_owned()),
    ] {
        assert_eq!(person(&flags, file, environment), Ok(expected), "{file}");
    }
    for name in ["your_username@your_tenant.com", "a\\u0007b@x.y"] {
        assert!(person(&Layer::default(), &format!(r#""username": "{name}""#), &[]).is_err(), "{name}");
    }
}
