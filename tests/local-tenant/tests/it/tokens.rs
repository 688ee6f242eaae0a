//! What a success says, and that its token verifies.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use local_tenant::{App, Directory, Organization, Permission, Resource, Tenant, contoso};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::rsa::PublicKeyComponents;
use ring::signature::RSA_PKCS1_2048_8192_SHA256;
use serde_json::{Value, json};

use crate::client::{LOGIN, daemon_form, daemon_token, get, part, post, token_path};

#[test]
fn an_app_token_has_four_members() {
    let tenant = Tenant::start();
    let mut answer = post(&tenant, LOGIN, &token_path(), &daemon_form("https://vault.azure.net/.default")).json();
    let token = answer.as_object_mut().and_then(|answer| answer.remove("access_token"));
    assert!(token.is_some());
    assert_eq!(answer, json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599 }));
}

#[test]
fn the_audience_is_what_stands_before_the_last_slash() {
    let tenant = Tenant::start();
    for (scope, audience, version) in [
        ("https://graph.microsoft.com/.default", "https://graph.microsoft.com", "1.0"),
        ("https://graph.microsoft.com//.default", "https://graph.microsoft.com/", "1.0"),
        ("https://database.windows.net//.default", "https://database.windows.net/", "1.0"),
        ("https://database.windows.net/.default", "https://database.windows.net", "1.0"),
        ("2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default", "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d", "1.0"),
        ("https://management.azure.com/.default openid profile offline_access", "https://management.azure.com", "1.0"),
        ("https://vault.azure.net/.default https://vault.azure.net/.default", "https://vault.azure.net", "1.0"),
        ("https://orders.contoso.example//.default", contoso::SLASHED_API_URI, "1.0"),
        ("api://ce4f2c9b-faff-47d7-b531-215741d25e35/.default", contoso::API_ID, "2.0"),
    ] {
        let claims = part(&daemon_token(&tenant, scope), 1);
        assert_eq!((&claims["aud"], &claims["ver"]), (&json!(audience), &json!(version)), "{scope}");
    }
}

#[test]
fn claims_are_those_of_the_version() {
    let tenant = Tenant::start();
    let v1 = part(&daemon_token(&tenant, "https://graph.microsoft.com/.default"), 1);
    assert_eq!(v1["iss"], format!("https://sts.windows.net/{}/", contoso::TENANT_ID));
    assert_eq!((&v1["appid"], &v1["appidacr"]), (&json!(contoso::DAEMON.client_id), &json!("1")));
    assert_eq!((&v1["roles"], &v1["tid"]), (&json!(["User.Read.All"]), &json!(contoso::TENANT_ID)));
    let v2 = part(&daemon_token(&tenant, &format!("{}/.default", contoso::API_URI)), 1);
    assert_eq!(v2["iss"], format!("https://{LOGIN}/{}/v2.0", contoso::TENANT_ID));
    assert_eq!((&v2["azp"], &v2["azpacr"]), (&json!(contoso::DAEMON.client_id), &json!("1")));
    assert_eq!((&v2["roles"], v2.get("appid")), (&json!(["Orders.Read"]), None));
    assert_eq!(v1["oid"], v1["sub"]);
    assert_eq!(v1["oid"], v2["oid"]);
    let sql = part(&daemon_token(&tenant, "https://database.windows.net//.default"), 1);
    assert_eq!(sql.get("roles"), None);
    let lived = v1["exp"].as_i64().unwrap_or_default() - v1["iat"].as_i64().unwrap_or_default();
    assert_eq!(lived, 3599 + 300);
}

#[test]
fn tenants_are_found_by_id_and_domain_in_any_case() {
    let tenant = Tenant::start();
    for name in [contoso::TENANT_ID.to_uppercase().as_str(), "CONTOSO.onmicrosoft.com", "contoso.com"] {
        let form = daemon_form("https://vault.azure.net/.default");
        let token = post(&tenant, LOGIN, &format!("/{name}/oauth2/v2.0/token"), &form).token();
        assert_eq!(part(&token, 1)["tid"], contoso::TENANT_ID, "{name}");
    }
}

#[test]
fn every_secret_in_force_works_and_every_token_is_new() {
    let tenant = Tenant::start();
    let mut tokens = HashSet::new();
    for secret in [contoso::DAEMON.secret, contoso::DAEMON_SECOND_SECRET, contoso::DAEMON.secret] {
        let mut form = daemon_form("https://vault.azure.net/.default");
        form[2].1 = secret;
        tokens.insert(post(&tenant, LOGIN, &token_path(), &form).token());
    }
    assert_eq!(tokens.len(), 3);
}

/// The key set's only key verifies text with a signature.
fn verifies(tenant: &Tenant, signed: &str, signature: &str) -> bool {
    let key = get(tenant, LOGIN, "/common/discovery/v2.0/keys").json()["keys"][0].clone();
    let bytes = |value: &Value| URL_SAFE_NO_PAD.decode(value.as_str().expect("a string")).expect("base64url");
    let public = PublicKeyComponents { n: bytes(&key["n"]), e: bytes(&key["e"]) };
    public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &bytes(&json!(signature))).is_ok()
}

#[test]
fn signatures_verify_with_the_published_key() {
    let tenant = Tenant::start();
    let token = daemon_token(&tenant, "https://vault.azure.net/.default");
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    assert!(verifies(&tenant, signed, signature));
    assert!(!verifies(&tenant, &format!("{signed}A"), signature));
    let keys = get(&tenant, LOGIN, &format!("/{}/discovery/v2.0/keys", contoso::TENANT_DOMAIN)).json();
    let header = part(&token, 0);
    assert_eq!((&header["alg"], &header["kid"]), (&json!("RS256"), &keys["keys"][0]["kid"]));
    let certificate = STANDARD.decode(keys["keys"][0]["x5c"][0].as_str().expect("a certificate")).expect("base64");
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate));
    assert_eq!(header["x5t"], thumbprint);
}

#[test]
fn graphs_tokens_verify_only_with_the_nonce_hashed() {
    let tenant = Tenant::start();
    let token = daemon_token(&tenant, "https://graph.microsoft.com/.default");
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    assert!(!verifies(&tenant, signed, signature));
    let mut header = part(&token, 0);
    let nonce = header["nonce"].as_str().expect("a nonce").to_owned();
    header["nonce"] = json!(URL_SAFE_NO_PAD.encode(digest(&SHA256, nonce.as_bytes())));
    let claims = signed.split('.').nth(1).expect("claims");
    assert!(verifies(&tenant, &format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header.to_string())), signature));
}

#[test]
fn a_directory_can_be_anything() {
    let id = "5a0c6f2d-7c57-4a0a-8b43-0f3e6a2f9b10";
    let resource = "1f0d7d0c-3c55-4c1c-9a7e-5d4c3b2a1908";
    let directory = Directory::empty()
        .organization(Organization::new(id, "Tailspin").domain("tailspin.example"))
        .resource(Resource::new(resource, "toys").uri("api://toys").accepts_version_2().only_in(id))
        .app(
            App::new(contoso::DAEMON.client_id, "elf", id)
                .secret("s", contoso::DAEMON.secret)
                .granted(Permission::new(resource, "Toys.Make")),
        )
        .token_lifetime(Duration::from_mins(1));
    let tenant = Tenant::builder().directory(directory).start();
    let answer = post(&tenant, LOGIN, "/tailspin.example/oauth2/v2.0/token", &daemon_form("api://toys/.default"));
    let claims = part(&answer.token(), 1);
    assert_eq!((&claims["aud"], &claims["roles"]), (&json!(resource), &json!(["Toys.Make"])));
    assert_eq!(answer.json()["expires_in"], 60);
    let gone = post(&tenant, LOGIN, &token_path(), &daemon_form("api://toys/.default"));
    assert_eq!(gone.json()["error_codes"], json!([90002]));
}
