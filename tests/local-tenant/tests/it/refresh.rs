//! Refresh tokens: what they give, and every refusal.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_tenant::{App, Directory, Permission, Policy, Tenant, contoso};
use serde_json::{Value, json};

use crate::client::{Answer, LOGIN, daemon_form, encode, part, post, send, token_path};

const ARM: &str = "https://management.core.windows.net//.default";
const GRAPH: &str = "https://graph.microsoft.com/.default";
const USER_ID: &str = "8a5f0001-4f2a-4c1b-9d3e-5a6b7c8d9e0f";

/// A proper request of an app, with its secret if it has one.
fn form<'a>(app: contoso::Registration, token: &'a str, scope: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![("grant_type", "refresh_token"), ("client_id", app.client_id), ("refresh_token", token), ("scope", scope)];
    if !app.secret.is_empty() {
        form.push(("client_secret", app.secret));
    }
    form
}

fn redeem(tenant: &Tenant, app: contoso::Registration, token: &str, scope: &str) -> Answer {
    post(tenant, LOGIN, &token_path(), &form(app, token, scope))
}

fn adele(tenant: &Tenant, app: contoso::Registration) -> String {
    tenant.sign_in(app.client_id, contoso::USER)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// OAuth code, AADSTS number, suberror.
fn refusal(answer: &Answer) -> (String, u64, Value) {
    let json = answer.json();
    assert!(matches!(answer.status, 400 | 401 | 429), "{}", answer.body);
    let code = json["error_codes"][0].as_u64().expect("a code");
    assert!(text(&json["error_description"]).starts_with(&format!("AADSTS{code}: ")), "{json}");
    (text(&json["error"]), code, json["suberror"].clone())
}

fn refused(answer: &Answer, error: &str, code: u64, suberror: impl Into<Value>) {
    assert_eq!(refusal(answer), (error.to_owned(), code, suberror.into()), "{}", answer.body);
}

#[test]
fn a_refresh_token_gives_a_token_for_the_user() {
    let tenant = Tenant::start();
    let first = adele(&tenant, contoso::AZURE_CLI);
    let mut body = redeem(&tenant, contoso::AZURE_CLI, &first, ARM).json();
    let members = body.as_object_mut().expect("an object");
    let claims = part(&text(&members.remove("access_token").expect("an access token")), 1);
    let next = text(&members.remove("refresh_token").expect("a refresh token"));
    assert!(next != first && next.starts_with("1.A"));
    let scope = "https://management.core.windows.net//user_impersonation https://management.core.windows.net//.default";
    assert_eq!(body, json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "scope": scope, "foci": "1" }));
    for (name, value) in [
        ("aud", json!("https://management.core.windows.net/")),
        ("iss", json!(format!("https://sts.windows.net/{}/", contoso::TENANT_ID))),
        ("oid", json!(USER_ID)),
        ("tid", json!(contoso::TENANT_ID)),
        ("upn", json!(contoso::USER)),
        ("name", json!("Adele Vance")),
        ("scp", json!("user_impersonation")),
        ("appid", json!(contoso::AZURE_CLI.client_id)),
        ("appidacr", json!("0")),
        ("idtyp", json!("user")),
        ("ver", json!("1.0")),
        ("roles", Value::Null),
        ("idp", Value::Null),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_ne!(claims["sub"], claims["oid"]);
}

#[test]
fn a_version_2_resource_has_the_users_claims_too() {
    let tenant = Tenant::start();
    let scope = format!("{}/Orders.Read.All", contoso::API_URI);
    let answer = redeem(&tenant, contoso::PUBLIC_APP, &adele(&tenant, contoso::PUBLIC_APP), &scope);
    let claims = part(&answer.token(), 1);
    assert_eq!((&claims["aud"], &claims["ver"]), (&json!(contoso::API_ID), &json!("2.0")));
    assert_eq!((&claims["azp"], &claims["azpacr"]), (&json!(contoso::PUBLIC_APP.client_id), &json!("0")));
    assert_eq!((&claims["preferred_username"], &claims["scp"]), (&json!(contoso::USER), &json!("Orders.Read.All")));
    assert_eq!((claims.get("idtyp"), claims.get("upn")), (None, None));
    assert_eq!((&answer.json()["scope"], answer.json().get("foci")), (&json!(scope), None));
}

#[test]
fn what_openid_scopes_and_client_info_ask_for() {
    let tenant = Tenant::start();
    let first = adele(&tenant, contoso::AZURE_CLI);
    let ask = |scope: &str, info: &str| {
        let scope = format!("{GRAPH} {scope}");
        let mut form = form(contoso::AZURE_CLI, &first, &scope);
        form.push(("client_info", info));
        post(&tenant, LOGIN, &token_path(), &form).json()
    };
    let body = ask("openid profile email offline_access", "1");
    let claims = part(&text(&body["id_token"]), 1);
    assert_eq!(claims["iss"], format!("https://{LOGIN}/{}/v2.0", contoso::TENANT_ID));
    assert_eq!((&claims["aud"], &claims["ver"]), (&json!(contoso::AZURE_CLI.client_id), &json!("2.0")));
    assert_eq!((&claims["oid"], &claims["tid"]), (&json!(USER_ID), &json!(contoso::TENANT_ID)));
    assert_eq!((&claims["name"], &claims["preferred_username"]), (&json!("Adele Vance"), &json!(contoso::USER)));
    assert_eq!(claims["email"], contoso::USER);
    assert!(claims["iat"].is_i64() && claims["nbf"].is_i64() && claims["exp"].as_i64() > claims["iat"].as_i64());
    assert_ne!(claims["sub"], part(&text(&body["access_token"]), 1)["sub"]);
    let info = URL_SAFE_NO_PAD.decode(text(&body["client_info"])).expect("base64url");
    assert_eq!(serde_json::from_slice::<Value>(&info).expect("JSON"), json!({ "uid": USER_ID, "utid": contoso::TENANT_ID }));
    assert!(text(&body["scope"]).starts_with("openid profile email https://graph.microsoft.com/"), "{body}");
    assert!(!text(&body["scope"]).contains("offline_access"), "{body}");
    let bare = ask("openid", "0");
    assert_eq!(part(&text(&bare["id_token"]), 1).get("name"), None);
    assert_eq!((bare.get("client_info"), ask("profile", "0").get("id_token")), (None, None));
}

#[test]
fn scopes_come_back_in_the_form_in_which_they_were_asked_for() {
    let tenant = Tenant::start();
    let first = adele(&tenant, contoso::PUBLIC_APP);
    for (scope, answered, audience) in [
        ("User.Read", "User.Read", contoso::GRAPH_ID),
        ("user.read", "User.Read", contoso::GRAPH_ID),
        ("https://graph.microsoft.com/User.Read", "https://graph.microsoft.com/User.Read", "https://graph.microsoft.com"),
        (GRAPH, "https://graph.microsoft.com/User.Read https://graph.microsoft.com/.default", "https://graph.microsoft.com"),
        (
            "https://management.azure.com/user_impersonation",
            "https://management.azure.com/user_impersonation",
            "https://management.azure.com",
        ),
    ] {
        let answer = redeem(&tenant, contoso::PUBLIC_APP, &first, scope);
        assert_eq!((&answer.json()["scope"], &part(&answer.token(), 1)["aud"]), (&json!(answered), &json!(audience)), "{scope}");
    }
}

#[test]
fn graph_shows_the_user_to_themselves() {
    let tenant = Tenant::start();
    let me = |token: &str| {
        let authorization = format!("Bearer {token}");
        send(&tenant, "GET", "graph.microsoft.com", "/v1.0/me", &[("Authorization", &authorization)], "")
    };
    let token = redeem(&tenant, contoso::PUBLIC_APP, &adele(&tenant, contoso::PUBLIC_APP), "User.Read").token();
    let shown = me(&token).json();
    assert_eq!((&shown["id"], &shown["userPrincipalName"]), (&json!(USER_ID), &json!(contoso::USER)));
    assert_eq!(me(&post(&tenant, LOGIN, &token_path(), &daemon_form(GRAPH)).token()).status, 400);
}

#[test]
fn older_tokens_live_on_and_so_do_all_sign_ins() {
    let tenant = Tenant::start();
    let first = adele(&tenant, contoso::AZURE_CLI);
    let second = text(&redeem(&tenant, contoso::AZURE_CLI, &first, ARM).json()["refresh_token"]);
    let other = adele(&tenant, contoso::AZURE_CLI);
    for token in [&first, &second, &other, &first] {
        assert_eq!(redeem(&tenant, contoso::AZURE_CLI, token, GRAPH).status, 200);
    }
}

#[test]
fn a_reused_token_ends_its_sign_in_where_a_policy_says_so() {
    let app = App::new(contoso::PUBLIC_APP.client_id, "strict", contoso::TENANT_ID)
        .policy(Policy::PublicClient)
        .policy(Policy::RevokesReusedRefreshTokens)
        .delegated(Permission::new(contoso::GRAPH_ID, "User.Read"));
    let tenant = Tenant::builder().directory(Directory::default().app(app)).start();
    let ask = |token: &str| redeem(&tenant, contoso::PUBLIC_APP, token, "User.Read");
    let first = adele(&tenant, contoso::PUBLIC_APP);
    let other = adele(&tenant, contoso::PUBLIC_APP);
    // A refusal redeems nothing.
    refused(&redeem(&tenant, contoso::PUBLIC_APP, &first, ARM), "invalid_grant", 65001, "consent_required");
    let second = text(&ask(&first).json()["refresh_token"]);
    let third = text(&ask(&second).json()["refresh_token"]);
    refused(&ask(&first), "invalid_grant", 50173, "bad_token");
    refused(&ask(&third), "invalid_grant", 50173, "bad_token");
    assert_eq!(ask(&other).status, 200);
}

#[test]
fn a_family_shares_its_tokens_and_nobody_else_does() {
    let tenant = Tenant::start();
    let of_cli = adele(&tenant, contoso::AZURE_CLI);
    let shell = redeem(&tenant, contoso::AZURE_POWERSHELL, &of_cli, ARM);
    assert_eq!(part(&shell.token(), 1)["appid"], contoso::AZURE_POWERSHELL.client_id);
    let of_shell = text(&shell.json()["refresh_token"]);
    assert_eq!(redeem(&tenant, contoso::AZURE_CLI, &of_shell, ARM).status, 200);
    let stranger = redeem(&tenant, contoso::PUBLIC_APP, &of_cli, "User.Read");
    refused(&stranger, "invalid_grant", 700007, "client_mismatch");
    assert_eq!(stranger.json()["error_additional_info"], json!(["client_mismatch"]));
    for (owner, taker) in [(contoso::PUBLIC_APP, contoso::AZURE_CLI), (contoso::PUBLIC_APP, contoso::DAEMON)] {
        refused(&redeem(&tenant, taker, &adele(&tenant, owner), GRAPH), "invalid_grant", 700007, Value::Null);
    }
}

#[test]
fn a_confidential_app_proves_itself_and_a_public_one_must_not() {
    let tenant = Tenant::start();
    let token = adele(&tenant, contoso::DAEMON);
    let answer = redeem(&tenant, contoso::DAEMON, &token, "User.Read");
    assert_eq!((&part(&answer.token(), 1)["appidacr"], &part(&answer.token(), 1)["scp"]), (&json!("1"), &json!("User.Read")));
    let without = contoso::Registration { secret: "", ..contoso::DAEMON };
    refused(&redeem(&tenant, without, &token, "User.Read"), "invalid_client", 7000218, Value::Null);
    let wrong = contoso::Registration { secret: "local~wrong", ..contoso::DAEMON };
    refused(&redeem(&tenant, wrong, &token, "User.Read"), "invalid_client", 7000215, Value::Null);
    let public = adele(&tenant, contoso::PUBLIC_APP);
    let with = contoso::Registration { secret: "local~any", ..contoso::PUBLIC_APP };
    refused(&redeem(&tenant, with, &public, "User.Read"), "invalid_client", 700025, Value::Null);
    let mut asserting = form(contoso::PUBLIC_APP, &public, "User.Read");
    asserting.push(("client_assertion", "a.b.c"));
    refused(&post(&tenant, LOGIN, &token_path(), &asserting), "invalid_client", 700025, Value::Null);
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", "Basic YTpi")];
    let basic = send(&tenant, "POST", LOGIN, &token_path(), &headers, &encode(&form(contoso::PUBLIC_APP, &public, "User.Read")));
    refused(&basic, "invalid_client", 700025, Value::Null);
}

#[test]
fn the_tenant_is_the_named_one_or_the_users_own() {
    let tenant = Tenant::start();
    let token = adele(&tenant, contoso::AZURE_CLI);
    let ask = |name: &str, app| post(&tenant, LOGIN, &format!("/{name}/oauth2/v2.0/token"), &form(app, &token, ARM));
    for name in [contoso::TENANT_ID, "contoso.com", "common", "Organizations"] {
        assert_eq!(part(&ask(name, contoso::AZURE_CLI).token(), 1)["tid"], contoso::TENANT_ID, "{name}");
    }
    for (name, app, error, code) in [
        (contoso::FABRIKAM_DOMAIN, contoso::AZURE_CLI, "invalid_grant", 50020),
        (contoso::FABRIKAM_DOMAIN, contoso::PUBLIC_APP, "unauthorized_client", 700016),
        (
            "common",
            contoso::Registration { client_id: "00000000-0000-0000-0000-000000000001", ..contoso::AZURE_CLI },
            "unauthorized_client",
            700016,
        ),
        ("consumers", contoso::AZURE_CLI, "invalid_request", 9001023),
        ("nobody.example", contoso::AZURE_CLI, "invalid_request", 90002),
        ("nobody", contoso::AZURE_CLI, "invalid_request", 900023),
    ] {
        refused(&ask(name, app), error, code, Value::Null);
    }
}

#[test]
fn each_wrong_scope_has_its_code() {
    let tenant = Tenant::start();
    let token = adele(&tenant, contoso::PUBLIC_APP);
    for (scope, error, code) in [
        ("openid profile offline_access", "invalid_request", 28003),
        ("User.Read https://management.azure.com/user_impersonation", "invalid_request", 28000),
        ("https://graph.microsoft.com/.default https://management.azure.com/.default", "invalid_request", 28000),
        ("https://graph.microsoft.com/.default https://graph.microsoft.com/User.Read", "invalid_scope", 70011),
        ("https://graph.microsoft.com", "invalid_scope", 70011),
        ("https://graph.microsoft.com/", "invalid_scope", 70011),
        ("/User.Read", "invalid_scope", 70011),
        ("https://nobody.example/.default", "invalid_resource", 500011),
        ("User.Read https://nobody.example/.default", "invalid_resource", 500011),
    ] {
        assert_eq!(refusal(&redeem(&tenant, contoso::PUBLIC_APP, &token, scope)), (error.to_owned(), code, Value::Null), "{scope}");
    }
    for scope in ["Mail.Read", "User.Read Mail.Read", "https://management.azure.com/other", "https://vault.azure.net/.default"] {
        let answer = redeem(&tenant, contoso::PUBLIC_APP, &token, scope);
        assert_eq!(refusal(&answer), ("invalid_grant".to_owned(), 65001, json!("consent_required")), "{scope}");
    }
    let orders = format!("{}/.default", contoso::API_URI);
    let of_cli = adele(&tenant, contoso::AZURE_CLI);
    refused(&redeem(&tenant, contoso::AZURE_CLI, &of_cli, &orders), "invalid_grant", 65001, "consent_required");
    for resource in [contoso::DATABRICKS_ID, "https://vault.azure.net", "https://storage.azure.com", "499b84ac-1321-427f-aa17-267ca6975798"]
    {
        assert_eq!(redeem(&tenant, contoso::AZURE_CLI, &of_cli, &format!("{resource}/.default")).status, 200, "{resource}");
    }
    for name in ["refresh_token", "scope"] {
        let mut form = form(contoso::PUBLIC_APP, &token, "User.Read");
        form.retain(|(key, _)| *key != name);
        refused(&post(&tenant, LOGIN, &token_path(), &form), "invalid_request", 900144, Value::Null);
    }
}

#[test]
fn tokens_that_are_none_or_no_more() {
    let tenant = Tenant::start();
    let ask = |token: &str| redeem(&tenant, contoso::AZURE_CLI, token, ARM);
    let good = adele(&tenant, contoso::AZURE_CLI);
    let access = ask(&good).token();
    for token in ["x", &good[..50], &format!("{good}\n"), &access] {
        refused(&ask(token), "invalid_grant", 9002313, Value::Null);
    }
    refused(&ask(&good[..good.len() - 1]), "invalid_grant", 70000, Value::Null);
    tenant.expire_refresh_token(&good);
    refused(&ask(&good), "invalid_grant", 700082, "bad_token");
    let [revoked, of_megan] =
        [contoso::USER, "MeganB@contoso.onmicrosoft.com"].map(|user| tenant.sign_in(contoso::AZURE_CLI.client_id, user));
    tenant.revoke_sign_ins(contoso::USER);
    refused(&ask(&revoked), "invalid_grant", 50173, "bad_token");
    assert_eq!(ask(&of_megan).status, 200);
    assert_eq!(ask(&adele(&tenant, contoso::AZURE_CLI)).status, 200);
}

#[test]
fn a_user_under_a_policy_is_sent_to_the_browser() {
    let tenant = Tenant::start();
    let token = tenant.sign_in(contoso::AZURE_CLI.client_id, contoso::MULTI_FACTOR_USER);
    let answer = redeem(&tenant, contoso::AZURE_CLI, &token, ARM);
    refused(&answer, "invalid_grant", 50076, "basic_action");
    let claims: Value = serde_json::from_str(&text(&answer.json()["claims"])).expect("JSON in a string");
    assert_eq!(claims["access_token"]["capolids"]["essential"], true);
}

#[test]
fn apps_are_switched_off_and_throttled_for_people_too() {
    let tenant = Tenant::start();
    let disabled = adele(&tenant, contoso::DISABLED);
    refused(&redeem(&tenant, contoso::DISABLED, &disabled, GRAPH), "unauthorized_client", 7000112, Value::Null);
    let throttled = redeem(&tenant, contoso::THROTTLED, &adele(&tenant, contoso::THROTTLED), GRAPH);
    refused(&throttled, "temporarily_unavailable", 90055, Value::Null);
    assert_eq!(throttled.header("retry-after"), Some("60"));
}

#[test]
fn answers_can_say_when_to_refresh() {
    let directory = || Directory::default().token_lifetime(Duration::from_hours(24));
    let tenant = Tenant::builder().directory(directory().refresh_in(Duration::from_hours(12))).start();
    let bodies = [
        redeem(&tenant, contoso::AZURE_CLI, &adele(&tenant, contoso::AZURE_CLI), ARM).json(),
        post(&tenant, LOGIN, &token_path(), &daemon_form(GRAPH)).json(),
    ];
    for body in bodies {
        assert_eq!((&body["expires_in"], &body["refresh_in"]), (&json!(86400), &json!(43200)));
    }
    let plain = Tenant::builder().directory(directory()).start();
    assert_eq!(post(&plain, LOGIN, &token_path(), &daemon_form(GRAPH)).json().get("refresh_in"), None);
}

#[test]
fn slow_answers_are_slow_side_by_side() {
    let wait = Duration::from_millis(300);
    let tenant = Tenant::builder().directory(Directory::default().answers_after(wait)).start();
    let begin = Instant::now();
    assert_eq!(crate::client::get(&tenant, LOGIN, "/common/discovery/v2.0/keys").status, 200);
    assert!(begin.elapsed() < wait, "{:?}", begin.elapsed());
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let asking = [(); 8].map(|()| scope.spawn(|| post(&tenant, LOGIN, &token_path(), &daemon_form(GRAPH)).status));
        for thread in asking {
            assert_eq!(thread.join().expect("no panic"), 200);
        }
    });
    assert!((wait..wait * 6).contains(&begin.elapsed()), "{:?}", begin.elapsed());
}

#[test]
#[should_panic(expected = "no user nobody@contoso.com who could use an app")]
fn nobody_cannot_sign_in() {
    let tenant = Tenant::start();
    tenant.sign_in(contoso::AZURE_CLI.client_id, "nobody@contoso.com");
}

#[test]
#[should_panic(expected = "who could use an app 603def7d")]
fn nobody_signs_in_to_an_app_of_another_tenant() {
    let tenant = Tenant::start();
    tenant.sign_in(contoso::FABRIKAM_DAEMON.client_id, contoso::USER);
}
