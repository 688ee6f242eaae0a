//! Discovery: OpenID documents and Microsoft's instance discovery.

use local_tenant::{Tenant, contoso};
use serde_json::{Value, json};

use crate::client::{LOGIN, get, port};

#[test]
fn openid_documents_name_the_tenant_by_id_on_the_host_that_was_asked() {
    let tenant = Tenant::start();
    let local = format!("localhost:{}", port(&tenant.origin()));
    let id = contoso::TENANT_ID;
    for (host, name, issuer, path) in [
        (LOGIN, contoso::TENANT_DOMAIN, id, id),
        (LOGIN, id, id, id),
        (LOGIN, "common", "{tenantid}", "common"),
        (LOGIN, "organizations", "{tenantid}", "organizations"),
        ("login.microsoftonline.us", id, id, id),
        ("login.partner.microsoftonline.cn", "contoso.com", id, id),
        (&local, contoso::TENANT_DOMAIN, id, id),
    ] {
        let document = get(&tenant, host, &format!("/{name}/v2.0/.well-known/openid-configuration")).json();
        assert_eq!(document["issuer"], format!("https://{host}/{issuer}/v2.0"), "{host} {name}");
        assert_eq!(document["token_endpoint"], format!("https://{host}/{path}/oauth2/v2.0/token"), "{host} {name}");
    }
    let old = get(&tenant, LOGIN, &format!("/{id}/.well-known/openid-configuration")).json();
    assert_eq!(old["issuer"], format!("https://sts.windows.net/{id}/"));
    let ciam = get(&tenant, "contoso.ciamlogin.com", "/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration").json();
    assert_eq!(ciam["issuer"], format!("https://{id}.ciamlogin.com/{id}/v2.0"));
    assert_eq!(ciam["token_endpoint"], format!("https://contoso.ciamlogin.com/{id}/oauth2/v2.0/token"));
}

#[test]
fn an_unknown_tenant_has_no_document() {
    let tenant = Tenant::start();
    let answer = get(&tenant, LOGIN, "/nobody.example/v2.0/.well-known/openid-configuration");
    let json = answer.json();
    assert_eq!((answer.status, &json["error"], &json["error_codes"]), (400, &json!("invalid_tenant"), &json!([90002])));
}

#[test]
fn instance_discovery_knows_the_clouds() {
    let tenant = Tenant::start();
    let ask = |version: &str, host: &str| {
        let endpoint = format!("https%3A%2F%2F{host}%2Ft%2Foauth2%2Fv2.0%2Fauthorize");
        get(&tenant, LOGIN, &format!("/common/discovery/instance?api-version={version}&authorization_endpoint={endpoint}"))
    };
    let document = ask("1.1", "login.windows.net").json();
    assert_eq!(document["tenant_discovery_endpoint"], "https://login.windows.net/t/v2.0/.well-known/openid-configuration");
    let public = &document["metadata"][0];
    assert_eq!((&public["preferred_network"], &public["preferred_cache"]), (&json!(LOGIN), &json!("login.windows.net")));
    let hosts: Vec<&Value> =
        document["metadata"].as_array().into_iter().flatten().filter_map(|cloud| cloud["aliases"].as_array()).flatten().collect();
    assert_eq!(hosts.len(), 8);
    for (version, host, error) in [("1.0", "login.contoso.example", "invalid_instance"), ("2.0", LOGIN, "invalid_request")] {
        let answer = ask(version, host);
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!(error)), "{host}");
    }
}

#[test]
fn what_is_not_there_says_so() {
    let tenant = Tenant::start();
    assert_eq!(get(&tenant, LOGIN, "/").status, 404);
    assert_eq!(get(&tenant, LOGIN, "/v1.0/users").status, 404);
    assert_eq!(get(&tenant, "graph.microsoft.com:443", "/v1.0/users").status, 401);
}
