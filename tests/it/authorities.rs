//! The kinds of authorities: which endpoint a request goes to, and what a document may say.

use local_tenant::{Misbehaviour, OIDC_HOST, Tenant, contoso};
use serde_json::json;

use crate::sandbox::Sandbox;

/// The custom API, as a scope.
const API_SCOPE: &str = "api://ce4f2c9b-faff-47d7-b531-215741d25e35/.default";

/// The default app's parameters without an authority, and a sandbox in which the real host names lead to the tenant.
fn sandbox(tenant: &Tenant) -> Sandbox {
    let sandbox = Sandbox::new().env("HTTPS_PROXY", tenant.proxy_url()).env("SSL_CERT_FILE", tenant.ca_file());
    let parameters = json!({"client_id": contoso::DAEMON.client_id, "secret": contoso::DAEMON.secret});
    sandbox.write("p.json", parameters.to_string());
    sandbox
}

#[test]
fn known_hosts_are_asked_for_a_token_and_nothing_else() {
    for (arguments, host, path) in [
        (&["--tenant-id", contoso::TENANT_DOMAIN][..], "login.microsoftonline.com", "/contoso.onmicrosoft.com/oauth2/v2.0/token"),
        (
            &["--tenant-id", contoso::TENANT_ID, "--cloud", "usgov"],
            "login.microsoftonline.us",
            "/0587a79d-1516-432b-a35d-2869f97b9033/oauth2/v2.0/token",
        ),
        (
            &["--tenant-id", contoso::TENANT_DOMAIN, "--cloud", "AzureChinaCloud"],
            "login.partner.microsoftonline.cn",
            "/contoso.onmicrosoft.com/oauth2/v2.0/token",
        ),
        (
            &["--authority", "https://login.windows.net/contoso.onmicrosoft.com"],
            "login.windows.net",
            "/contoso.onmicrosoft.com/oauth2/v2.0/token",
        ),
        (&["--authority", "https://contoso.ciamlogin.com"], "contoso.ciamlogin.com", "/contoso.onmicrosoft.com/oauth2/v2.0/token"),
        (
            &["--authority", "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_signin"],
            "contoso.b2clogin.com",
            "/contoso.onmicrosoft.com/B2C_1_signin/oauth2/v2.0/token",
        ),
        (&["--authority", "https://adfs.contoso.com/adfs"], "adfs.contoso.com", "/adfs/oauth2/token"),
    ] {
        let tenant = Tenant::start();
        let sandbox = sandbox(&tenant);
        let resource = ["client-creds", "p.json", "--scope"].into_iter().chain([if host.starts_with("adfs") {
            API_SCOPE
        } else {
            "https://graph.microsoft.com/.default"
        }]);
        let ran = sandbox.run(resource.chain(arguments.iter().copied()));
        let requests = tenant.requests();
        assert_eq!(requests.len(), 1, "{host}: {ran:?}");
        assert_eq!((requests[0].host.as_str(), requests[0].path.as_str()), (host, path), "{ran:?}");
        assert_eq!(tenant.connects().len(), 1);
        ran.token();
    }
}

#[test]
fn another_provider_is_asked_for_its_document_first() {
    let tenant = Tenant::start();
    let sandbox = sandbox(&tenant);
    let authority = format!("https://{OIDC_HOST}");
    let scope = "https://graph.microsoft.com/.default";
    sandbox.run(["client-creds", "p.json", "--oidc-authority", &authority, "--scope", scope]).token();
    let requests = tenant.requests();
    let seen: Vec<(&str, &str)> = requests.iter().map(|request| (request.method.as_str(), request.path.as_str())).collect();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(seen[0], ("GET", "/.well-known/openid-configuration"));
    assert_eq!(seen[1].0, "POST");
}

#[test]
fn a_document_cannot_send_the_secret_elsewhere() {
    let own = format!("https://{OIDC_HOST}");
    for (issuer, endpoint, said) in [
        (own.clone(), "https://evil.example/token".to_owned(), "another host"),
        (own.clone(), format!("http://{OIDC_HOST}/token"), "not https"),
        (own.clone(), format!("https://{OIDC_HOST}:8443/token"), "another host"),
        (own.clone(), format!("https://x@{OIDC_HOST}/token"), "user name"),
        (own.clone(), "https://graph.microsoft.com/token".to_owned(), "another host"),
        ("https://evil.example".to_owned(), format!("{own}/token"), "issuer"),
        ("http://login.microsoftonline.com/x".to_owned(), format!("{own}/token"), "issuer"),
    ] {
        let tenant = Tenant::start();
        let sandbox = sandbox(&tenant);
        let body = json!({"issuer": issuer, "token_endpoint": endpoint}).to_string().into_bytes();
        tenant.next_for(".well-known", Misbehaviour::Status { status: 200, headers: Vec::new(), body });
        let ran = sandbox.run(["client-creds", "p.json", "--oidc-authority", &own, "--scope", "a"]);
        ran.refused(5).says(said);
        assert!(tenant.token_requests().is_empty() && tenant.connects().len() == 1, "{ran:?}");
    }
}

#[test]
fn an_authority_that_only_looks_right_gets_nothing() {
    let tenant = Tenant::start();
    tenant.allow_idle();
    let sandbox = sandbox(&tenant);
    for authority in [
        "https://login.microsoftonline.com.evil.example/contoso.com",
        "https://login.microsoftonline.com@evil.example/contoso.com",
        "https://login.microsoftonline.com\\@evil.example/contoso.com",
        "http://login.microsoftonline.com/contoso.com",
        "https://login.microsoftonline.com./contoso.com",
        "https://login.microsoftonline.com:8443/contoso.com",
        "https://login.micros0ftonline.com/contoso.com",
        "https://login.micr\u{43e}softonline.com/contoso.com",
        "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
        "https://login.microsoftonline.com/contoso.com#x",
        "https://login.microsoftonline.com/..%2fx",
        "login.microsoftonline.com/contoso.com",
    ] {
        sandbox.run(["client-creds", "p.json", "--resource", "graph", "--authority", authority]).refused(2).says("\n  fix:  ");
    }
    assert!(tenant.connects().is_empty() && tenant.requests().is_empty());
}

#[test]
fn plain_http_works_on_loopback_alone() {
    let tenant = Tenant::start();
    let sandbox = sandbox(&tenant);
    let authority = format!("{}/{}", tenant.http_origin(), contoso::TENANT_ID);
    sandbox.run(["client-creds", "p.json", "--resource", "graph", "--authority", &authority]).token();
    assert_eq!(tenant.requests()[0].scheme, "http");
    assert!(tenant.connects().is_empty(), "loopback is not reached through a proxy");
}
