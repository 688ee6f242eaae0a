//! The authorities that are not a tenant of Entra: B2C, customers' tenants, AD FS, other makes; and this machine,
//! which is all of them.

use local_tenant::{OIDC_HOST, Tenant, contoso};
use serde_json::json;

use crate::client::{daemon_form, get, part, port, post};

const B2C: &str = "contoso.b2clogin.com";
const ADFS: &str = "adfs.contoso.com";

#[test]
fn each_has_its_token_endpoint() {
    let tenant = Tenant::start();
    let local = format!("localhost:{}", port(&tenant.origin()));
    let scope = format!("{}/.default", contoso::API_URI);
    let id = contoso::TENANT_ID;
    for (host, path, issuer) in [
        (B2C, "/contoso.onmicrosoft.com/B2C_1_in/oauth2/v2.0/token", format!("https://{B2C}/{id}/v2.0/")),
        (B2C, "/tfp/contoso.onmicrosoft.com/B2C_1_in/oauth2/v2.0/token", format!("https://{B2C}/{id}/v2.0/")),
        (B2C, "/contoso.onmicrosoft.com/oauth2/v2.0/token?p=B2C_1_in", format!("https://{B2C}/{id}/v2.0/")),
        ("contoso.ciamlogin.com", "/contoso.onmicrosoft.com/oauth2/v2.0/token", format!("https://{id}.ciamlogin.com/{id}/v2.0")),
        (ADFS, "/adfs/oauth2/token", format!("http://{ADFS}/adfs/services/trust")),
        (ADFS, "/adfs/oauth2/token/", format!("http://{ADFS}/adfs/services/trust")),
        (OIDC_HOST, "/connect/token", format!("https://{OIDC_HOST}")),
        (OIDC_HOST, "/oidc/connect/token", format!("https://{OIDC_HOST}/oidc")),
        (&local, "/contoso.onmicrosoft.com/B2C_1_in/oauth2/v2.0/token", format!("https://{local}/{id}/v2.0/")),
        (&local, "/adfs/oauth2/token", format!("http://{local}/adfs/services/trust")),
        (&local, "/oidc/connect/token", format!("https://{local}/oidc")),
        (&local, "/contoso.com/oauth2/v2.0/token", format!("https://{local}/{id}/v2.0")),
    ] {
        let token = post(&tenant, host, path, &daemon_form(&scope)).token();
        assert_eq!(part(&token, 1)["iss"], issuer, "{host}{path}");
    }
}

#[test]
fn each_has_its_document() {
    let tenant = Tenant::start();
    let local = format!("localhost:{}", port(&tenant.origin()));
    for (host, at, issuer, token) in [
        (ADFS, "/adfs", format!("https://{ADFS}/adfs"), "/adfs/oauth2/token/"),
        (OIDC_HOST, "", format!("https://{OIDC_HOST}"), "/connect/token"),
        (&local, "/oidc", format!("https://{local}/oidc"), "/oidc/connect/token"),
        (
            B2C,
            "/contoso.onmicrosoft.com/B2C_1_in/v2.0",
            format!("https://{B2C}/{}/v2.0/", contoso::TENANT_ID),
            "/contoso.onmicrosoft.com/b2c_1_in/oauth2/v2.0/token",
        ),
    ] {
        let document = get(&tenant, host, &format!("{at}/.well-known/openid-configuration")).json();
        assert_eq!(document["issuer"], issuer, "{host}");
        assert_eq!(document["token_endpoint"], format!("https://{host}{token}"), "{host}");
        let keys = document["jwks_uri"].as_str().and_then(|address| address.strip_prefix(&format!("https://{host}"))).expect("on the host");
        assert!(get(&tenant, host, keys).json()["keys"][0]["n"].is_string(), "{host}");
    }
}

#[test]
fn each_refuses_in_its_own_way() {
    let tenant = Tenant::start();
    let b2c = "/contoso.onmicrosoft.com/B2C_1_in/oauth2/v2.0/token";
    for (host, path, field, value, status, error, start) in [
        (B2C, b2c, "client_secret", "x", 400, "invalid_client", "AADB2C90081: "),
        (B2C, b2c, "client_id", "x", 400, "invalid_request", "AADB2C90018: "),
        (B2C, b2c, "grant_type", "x", 400, "unsupported_grant_type", "AADB2C90086: "),
        (B2C, b2c, "scope", "x", 400, "invalid_request", "AADB2C90117: "),
        (B2C, "/contoso.onmicrosoft.com/nothing/oauth2/v2.0/token", "scope", "x", 400, "invalid_request", "AADB2C90022: "),
        (ADFS, "/adfs/oauth2/token", "client_secret", "x", 400, "invalid_client", "MSIS9622: "),
        (ADFS, "/adfs/oauth2/token", "client_id", "x", 400, "invalid_client", "MSIS9607: "),
        (ADFS, "/adfs/oauth2/token", "scope", "x", 400, "invalid_resource", "MSIS9602: "),
        (ADFS, "/adfs/oauth2/token", "grant_type", "x", 400, "unsupported_grant_type", "MSIS9611: "),
        (OIDC_HOST, "/connect/token", "client_secret", "x", 401, "invalid_client", ""),
        (OIDC_HOST, "/connect/token", "grant_type", "x", 400, "unsupported_grant_type", ""),
    ] {
        let scope = format!("{}/.default", contoso::API_URI);
        let mut form = daemon_form(&scope);
        form.retain(|(name, _)| *name != field);
        form.push((field, value));
        let answer = post(&tenant, host, path, &form);
        let json = answer.json();
        assert_eq!((answer.status, &json["error"]), (status, &json!(error)), "{host} {field}");
        assert!(json["error_description"].as_str().is_some_and(|text| text.starts_with(start)), "{host} {field}: {json}");
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(2), "{host} {field}: {json}");
    }
}

#[test]
fn ad_fs_takes_a_resource_parameter() {
    let tenant = Tenant::start();
    let mut form = daemon_form("openid");
    form.push(("resource", contoso::SLASHED_API_URI));
    let token = post(&tenant, ADFS, "/adfs/oauth2/token", &form).token();
    assert_eq!(part(&token, 1)["aud"], contoso::SLASHED_API_URI);
}
