//! User names and passwords at the authorities that are not a tenant of Entra.

use local_tenant::{OIDC_HOST, Tenant, contoso};
use serde_json::json;

use crate::client::{part, post};

const B2C: &str = "contoso.b2clogin.com";
const ROPC: &str = "/contoso.onmicrosoft.com/B2C_1_ROPC_auth/oauth2/v2.0/token";
const ADFS: &str = "adfs.contoso.com";
const SCOPE: &str = "openid profile offline_access";

fn form<'a>(password: &'a str, scope: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "password"),
        ("client_id", contoso::PUBLIC_APP.client_id),
        ("username", contoso::USER),
        ("password", password),
        ("scope", scope),
    ]
}

#[test]
fn each_gives_tokens() {
    let tenant = Tenant::start();
    let b2c_scope = format!("{SCOPE} {}", contoso::PUBLIC_APP.client_id);
    for (host, path, scope) in [
        (ADFS, "/adfs/oauth2/token", SCOPE),
        (ADFS, "/adfs/oauth2/token/", SCOPE),
        (OIDC_HOST, "/connect/token", SCOPE),
        (B2C, ROPC, &b2c_scope),
        (B2C, "/contoso.onmicrosoft.com/oauth2/v2.0/token?p=b2c_1_ropc", &b2c_scope),
        ("contoso.ciamlogin.com", "/contoso.onmicrosoft.com/oauth2/v2.0/token", SCOPE),
    ] {
        let answer = post(&tenant, host, path, &form(contoso::USER_PASSWORD, scope));
        answer.token();
        let json = answer.json();
        assert_eq!(part(json["id_token"].as_str().expect("an id token"), 1)["preferred_username"], contoso::USER, "{host}");
        let refresh = [
            ("grant_type", "refresh_token"),
            ("client_id", contoso::PUBLIC_APP.client_id),
            ("scope", if host == "contoso.ciamlogin.com" { "User.Read" } else { scope }),
            ("refresh_token", json["refresh_token"].as_str().expect("a refresh token")),
        ];
        post(&tenant, host, path, &refresh).token();
    }
    let mut form = form(contoso::USER_PASSWORD, SCOPE);
    form.push(("resource", contoso::SLASHED_API_URI));
    assert_eq!(part(&post(&tenant, ADFS, "/adfs/oauth2/token", &form).token(), 1)["aud"], contoso::SLASHED_API_URI);
    form.pop();
    form.push(("response_type", "token id_token"));
    assert!(post(&tenant, B2C, ROPC, &form).json()["id_token"].is_string());
}

#[test]
fn each_refuses_a_wrong_password_in_its_own_way() {
    let tenant = Tenant::start();
    for (host, path, error, start) in [
        (ADFS, "/adfs/oauth2/token", "invalid_grant", "MSIS9659: Invalid 'username' or 'password'."),
        (OIDC_HOST, "/connect/token", "invalid_grant", ""),
        (B2C, ROPC, "access_denied", "AADB2C90225: The username or password provided in the request are invalid.\r\nCorrelation ID: "),
        ("contoso.ciamlogin.com", "/contoso.onmicrosoft.com/oauth2/v2.0/token", "invalid_grant", "AADSTS50126: "),
    ] {
        let mut wrong = form("local~wrong", SCOPE);
        for _ in 0..2 {
            let answer = post(&tenant, host, path, &wrong);
            let json = answer.json();
            let is_unknown = error == "invalid_grant" && json["error_codes"] == json!([50034]);
            assert_eq!((answer.status, &json["error"]), (400, &json!(error)), "{host}");
            assert!(is_unknown || json["error_description"].as_str().is_some_and(|text| text.starts_with(start)), "{host}: {json}");
            wrong.retain(|(name, _)| *name != "username");
            wrong.push(("username", "nobody@contoso.com"));
        }
    }
}

#[test]
fn b2c_takes_passwords_at_policies_for_them() {
    let tenant = Tenant::start();
    let other = "/contoso.onmicrosoft.com/B2C_1_in/oauth2/v2.0/token";
    let mut form = form(contoso::USER_PASSWORD, SCOPE);
    assert_eq!(post(&tenant, B2C, other, &form).json()["error"], "unsupported_grant_type");
    form.push(("response_type", "code"));
    let json = post(&tenant, B2C, ROPC, &form).json();
    assert!(json["error_description"].as_str().is_some_and(|text| text.starts_with("AADB2C90013: ")), "{json}");
}
