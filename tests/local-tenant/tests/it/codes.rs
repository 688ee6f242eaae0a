//! Authorization codes redeemed, and every reason not to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_tenant::{Misbehaviour, Tenant, contoso};
use serde_json::{Map, Value, json};

use crate::callback::{Callback, VERIFIER, address, wish};
use crate::client::{Answer, LOGIN, encode, get, part, post, token_path};

/// A code that the default user's sign-in gave, and its form.
fn code(tenant: &Tenant, changes: &[(&str, &str)]) -> (String, String) {
    let callback = Callback::start();
    tenant.browser().sign_in(&address(tenant, &callback.uri, changes), contoso::USER, contoso::USER_PASSWORD);
    (callback.next().code(), callback.uri)
}

/// A proper form with fields replaced; an empty value takes one away.
fn redeem(tenant: &Tenant, code: &(String, String), changes: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", contoso::PUBLIC_APP.client_id),
        ("code", &code.0),
        ("redirect_uri", &code.1),
        ("code_verifier", VERIFIER),
        ("client_info", "1"),
    ];
    for (name, value) in changes {
        form.retain(|(key, _)| key != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    post(tenant, LOGIN, &token_path(), &form)
}

fn refused(answer: &Answer, error: &str, code: u64) {
    let json = answer.json();
    assert_eq!((&json["error"], &json["error_codes"]), (&json!(error), &json!([code])), "{json}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[test]
fn a_code_gives_tokens() {
    let tenant = Tenant::start();
    let code = code(&tenant, &[]);
    let body = redeem(&tenant, &code, &[("scope", "User.Read openid profile offline_access")]).json();
    let claims = part(text(&body["id_token"]), 1);
    for (name, value) in [
        ("nonce", "a nonce"),
        ("aud", contoso::PUBLIC_APP.client_id),
        ("iss", &format!("https://{LOGIN}/{}/v2.0", contoso::TENANT_ID)),
        ("tid", contoso::TENANT_ID),
        ("preferred_username", contoso::USER),
        ("name", "Adele Vance"),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert!(["exp", "iat", "nbf"].into_iter().all(|name| claims[name].is_i64()) && claims["sub"].is_string());
    assert_eq!(part(text(&body["access_token"]), 1)["scp"], "User.Read openid profile");
    let info = URL_SAFE_NO_PAD.decode(text(&body["client_info"])).expect("base64url");
    assert_eq!(serde_json::from_slice::<Value>(&info).expect("JSON")["utid"], contoso::TENANT_ID);
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", contoso::PUBLIC_APP.client_id),
        ("refresh_token", text(&body["refresh_token"])),
        ("scope", "User.Read"),
    ];
    assert_eq!(post(&tenant, LOGIN, &token_path(), &form).status, 200);
    // The second time, everything that the first gave is over.
    refused(&redeem(&tenant, &code, &[]), "invalid_grant", 54005);
    refused(&post(&tenant, LOGIN, &token_path(), &form), "invalid_grant", 50173);
}

#[test]
fn what_is_asked_for_decides_what_is_given() {
    let tenant = Tenant::start();
    let bare = redeem(&tenant, &code(&tenant, &[("scope", "openid profile")]), &[("client_info", "")]).json();
    assert_eq!((&bare["scope"], bare.get("refresh_token"), bare.get("client_info")), (&json!("openid profile User.Read"), None, None));
    let none = redeem(&tenant, &code(&tenant, &[("scope", "User.Read")]), &[]).json();
    assert_eq!((none.get("id_token"), none.get("foci")), (None, None));
    let cli = [("client_id", contoso::AZURE_CLI.client_id)];
    assert_eq!(redeem(&tenant, &code(&tenant, &cli), &cli).json()["foci"], "1");
    let orders = format!("{}/Orders.Write", contoso::API_URI);
    let token = redeem(&tenant, &code(&tenant, &[("scope", &orders)]), &[("scope", &orders)]).token();
    assert_eq!(part(&token, 1)["scp"], "Orders.Read.All Orders.Write");
    let plain = [("code_challenge", VERIFIER), ("code_challenge_method", "plain")];
    assert_eq!(redeem(&tenant, &code(&tenant, &plain), &[]).status, 200);
    let secret = [("client_id", contoso::DAEMON.client_id), ("client_secret", contoso::DAEMON.secret)];
    let of_daemon = code(&tenant, &[("client_id", contoso::DAEMON.client_id), ("code_challenge", ""), ("code_challenge_method", "")]);
    refused(&redeem(&tenant, &of_daemon, &secret), "invalid_request", 9002313);
    refused(&redeem(&tenant, &of_daemon, &[secret[0]]), "invalid_client", 7000218);
    assert_eq!(redeem(&tenant, &of_daemon, &[secret[0], secret[1], ("code_verifier", "")]).status, 200);
}

#[test]
fn each_fault_has_its_code() {
    let tenant = Tenant::start();
    let good = code(&tenant, &[]);
    let cut = &good.0[..good.0.len() - 1];
    for (changes, error, number) in [
        ([("code", "")], "invalid_request", 900144),
        ([("redirect_uri", "")], "invalid_request", 900144),
        ([("code", cut)], "invalid_grant", 70000),
        ([("client_id", contoso::AZURE_CLI.client_id)], "invalid_grant", 700007),
        ([("client_secret", "local~any")], "invalid_client", 700025),
        ([("redirect_uri", "http://localhost")], "invalid_grant", 500112),
        ([("code_verifier", "")], "invalid_grant", 50148),
        ([("code_verifier", cut)], "invalid_grant", 501481),
        ([("scope", "https://management.azure.com/other")], "invalid_grant", 65001),
    ] {
        refused(&redeem(&tenant, &good, &changes), error, number);
    }
    // No refusal redeemed it.
    assert_eq!(redeem(&tenant, &good, &[]).status, 200);
    let late = code(&tenant, &[]);
    tenant.expire_codes();
    refused(&redeem(&tenant, &late, &[]), "invalid_grant", 70008);
}

#[test]
fn id_tokens_can_say_anything() {
    let tenant = Tenant::start();
    let code = code(&tenant, &[]);
    let lies = Map::from_iter([("nonce".to_owned(), json!("other")), ("exp".to_owned(), json!(1)), ("oid".to_owned(), json!(null))]);
    tenant.next_for("/token", Misbehaviour::IdToken(lies));
    let claims = part(text(&redeem(&tenant, &code, &[]).json()["id_token"]), 1);
    assert_eq!((&claims["nonce"], &claims["exp"], claims.get("oid")), (&json!("other"), &json!(1), None));
    assert_eq!(claims["aud"], contoso::PUBLIC_APP.client_id);
}

#[test]
fn a_demand_is_met_by_a_new_sign_in() {
    let tenant = Tenant::start();
    let refresh = |token: &Value| {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", contoso::PUBLIC_APP.client_id),
            ("refresh_token", text(token)),
            ("scope", "User.Read"),
        ];
        post(&tenant, LOGIN, &token_path(), &form)
    };
    let first = redeem(&tenant, &code(&tenant, &[]), &[]).json();
    assert_eq!(refresh(&first["refresh_token"]).status, 200);
    tenant.demand_multi_factor(contoso::USER);
    let refusal = refresh(&first["refresh_token"]);
    refused(&refusal, "invalid_grant", 50076);
    let claims = text(&refusal.json()["claims"]).to_owned();
    assert_eq!(refusal.json()["suberror"], "basic_action");
    let second = redeem(&tenant, &code(&tenant, &[("claims", &claims)]), &[]).json();
    assert_eq!(refresh(&second["refresh_token"]).status, 200);
}

#[test]
fn other_authorities_redeem_codes_and_refresh_tokens() {
    let tenant = Tenant::start();
    let app = contoso::PUBLIC_APP.client_id;
    for (host, at, scope, id_issuer) in [
        ("contoso.b2clogin.com", "/contoso.onmicrosoft.com/b2c_1_in/v2.0", app, "/0587a79d-1516-432b-a35d-2869f97b9033/v2.0/"),
        ("adfs.contoso.com", "/adfs", "", "/adfs"),
        (local_tenant::OIDC_HOST, "", "orders", ""),
    ] {
        let document = get(&tenant, host, &format!("{at}/.well-known/openid-configuration")).json();
        let [sign_in, token] = ["authorization_endpoint", "token_endpoint"].map(|name| text(&document[name]).to_owned());
        let path = token.strip_prefix(&format!("https://{host}")).expect("on the host");
        let callback = Callback::start();
        let scope = format!("openid offline_access {scope}");
        let query = encode(&wish(&callback.uri, &[("scope", scope.trim())]));
        tenant.browser().sign_in(&format!("{sign_in}?{query}"), contoso::USER, contoso::USER_PASSWORD);
        let code = callback.next().code();
        let form = |verifier| {
            vec![
                ("grant_type", "authorization_code"),
                ("client_id", app),
                ("code", &code),
                ("redirect_uri", &callback.uri),
                ("code_verifier", verifier),
            ]
        };
        assert_eq!(post(&tenant, host, path, &form("x")).json()["error"], "invalid_grant", "{host}");
        let body = post(&tenant, host, path, &form(VERIFIER)).json();
        let claims = part(text(&body["id_token"]), 1);
        assert_eq!((&claims["nonce"], &claims["aud"]), (&json!("a nonce"), &json!(app)), "{host}");
        assert_eq!(claims["iss"], format!("https://{host}{id_issuer}"));
        assert_eq!(post(&tenant, host, path, &form(VERIFIER)).json()["error"], "invalid_grant", "{host}");
        let refresh = [("grant_type", "refresh_token"), ("client_id", app), ("refresh_token", text(&body["refresh_token"]))];
        // The code that came twice ended it.
        assert_eq!(post(&tenant, host, path, &refresh).json()["error"], "invalid_grant", "{host}");
        let token = tenant.sign_in(app, contoso::USER);
        let refresh = [("grant_type", "refresh_token"), ("client_id", app), ("refresh_token", &token), ("scope", scope.trim())];
        assert_eq!(post(&tenant, host, path, &refresh).status, 200, "{host}");
    }
}
