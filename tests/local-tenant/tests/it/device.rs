//! Device codes: asked for, typed in, polled.

use std::time::Duration;

use local_tenant::{App, Directory, Misbehaviour, Permission, Policy, Tenant, contoso};
use serde_json::{Map, Value, json};

use crate::client::{Answer, LOGIN, get, part, post, token_path};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn begin(tenant: &Tenant) -> Value {
    let path = format!("/{}/oauth2/v2.0/devicecode", contoso::TENANT_ID);
    let form = [("client_id", contoso::PUBLIC_APP.client_id), ("scope", "User.Read openid profile offline_access")];
    let answer = post(tenant, LOGIN, &path, &form);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn poll_as(tenant: &Tenant, device: &Value, grant: &str, client_id: &str) -> Answer {
    let code = device["device_code"].as_str().expect("a device code");
    post(tenant, LOGIN, &token_path(), &[("grant_type", grant), ("client_id", client_id), ("device_code", code)])
}

fn poll(tenant: &Tenant, device: &Value) -> Answer {
    poll_as(tenant, device, GRANT, contoso::PUBLIC_APP.client_id)
}

fn refused(answer: &Answer, error: &str, code: u64) {
    let json = answer.json();
    assert_eq!((answer.status, &json["error"], &json["error_codes"]), (400, &json!(error), &json!([code])), "{json}");
}

fn fast() -> Directory {
    Directory::default().device_interval(0)
}

fn user_code(device: &Value) -> &str {
    device["user_code"].as_str().expect("a user code")
}

#[test]
fn a_user_types_the_code_in_and_signs_in() {
    let tenant = Tenant::builder().directory(fast()).start();
    let device = begin(&tenant);
    assert_eq!((&device["expires_in"], &device["interval"]), (&json!(900), &json!(0)));
    let letters = user_code(&device);
    assert!(letters.len() == 9 && letters.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit()), "{letters}");
    assert!(device["message"].as_str().is_some_and(|message| message.contains(letters)));
    refused(&poll(&tenant, &device), "authorization_pending", 70016);
    let mut browser = tenant.browser();
    let page = browser.open(device["verification_uri"].as_str().expect("an address"));
    let wrong = browser.submit(&page, &[("otc", "NONE")], "Next");
    assert!(wrong.text().contains("AADSTS70018"), "{}", wrong.text());
    let page = browser.submit(&wrong, &[("otc", letters)], "Next");
    let page = browser.submit(&page, &[("username", contoso::USER), ("password", contoso::USER_PASSWORD)], "Sign in");
    assert!(page.text().contains("Are you trying to sign in to desktop?"), "{}", page.text());
    refused(&poll(&tenant, &device), "authorization_pending", 70016);
    browser.submit(&page, &[], "Continue");
    refused(&poll_as(&tenant, &device, GRANT, contoso::AZURE_CLI.client_id), "invalid_grant", 700007);
    let body = poll(&tenant, &device).json();
    assert_eq!(part(body["id_token"].as_str().expect("an id token"), 1)["preferred_username"], contoso::USER);
    assert!(body["refresh_token"].is_string());
    refused(&poll(&tenant, &device), "invalid_grant", 54005);
    assert!(browser.open(&format!("{}/devicelogin?otc={letters}", tenant.origin())).field("otc").is_some_and(|otc| otc == letters));
}

#[test]
fn polls_that_come_too_early_slow_everything_down() {
    let tenant = Tenant::builder().directory(Directory::default().device_interval(1)).start();
    let device = begin(&tenant);
    refused(&poll(&tenant, &device), "authorization_pending", 70016);
    std::thread::sleep(Duration::from_millis(700));
    refused(&poll(&tenant, &device), "authorization_pending", 70016);
    refused(&poll(&tenant, &device), "slow_down", 70016);
    std::thread::sleep(Duration::from_millis(1100));
    // The interval has grown.
    refused(&poll(&tenant, &device), "slow_down", 70016);
}

#[test]
fn every_end_has_its_error() {
    let tenant = Tenant::builder().directory(fast()).start();
    let devices = [(); 4].map(|()| begin(&tenant));
    tenant.approve_device(user_code(&devices[0]), contoso::USER);
    assert_eq!(poll_as(&tenant, &devices[0], "device_code", contoso::PUBLIC_APP.client_id).status, 200);
    tenant.decline_device(user_code(&devices[1]));
    refused(&poll(&tenant, &devices[1]), "authorization_declined", 65004);
    tenant.expire_device(user_code(&devices[2]));
    refused(&poll(&tenant, &devices[2]), "expired_token", 70020);
    refused(&poll(&tenant, &json!({ "device_code": "x" })), "bad_verification_code", 70018);
    tenant.approve_device(user_code(&devices[3]), contoso::MULTI_FACTOR_USER);
    refused(&poll(&tenant, &devices[3]), "invalid_grant", 50076);
    let cancelled = begin(&tenant);
    let mut browser = tenant.browser();
    let page = browser.open(&format!("{}/devicelogin", tenant.origin()));
    let page = browser.submit(&page, &[("otc", user_code(&cancelled))], "Next");
    assert_eq!(browser.submit(&page, &[], "Cancel").status(), 400);
    refused(&poll(&tenant, &cancelled), "authorization_declined", 65004);
    let short = Tenant::builder().directory(fast().device_lifetime(Duration::ZERO)).start();
    refused(&poll(&short, &begin(&short)), "expired_token", 70020);
}

#[test]
fn apps_are_checked_as_elsewhere() {
    let blocked = App::new(contoso::PUBLIC_APP.client_id, "blocked", contoso::TENANT_ID)
        .policy(Policy::PublicClient)
        .policy(Policy::BlocksDeviceCode)
        .delegated(Permission::new(contoso::GRAPH_ID, "User.Read"));
    let tenant = Tenant::builder().directory(fast().app(blocked)).start();
    let device = begin(&tenant);
    tenant.approve_device(user_code(&device), contoso::USER);
    refused(&poll(&tenant, &device), "invalid_grant", 53003);
    let path = format!("/{}/oauth2/v2.0/devicecode", contoso::TENANT_ID);
    for (form, code) in [
        ([("client_id", "x"), ("scope", "User.Read")], 700016),
        ([("client_id", ""), ("scope", "User.Read")], 900144),
        ([("client_id", contoso::PUBLIC_APP.client_id), ("scope", "")], 900144),
        ([("client_id", contoso::PUBLIC_APP.client_id), ("scope", "https://nobody.example/.default")], 500011),
    ] {
        assert_eq!(post(&tenant, LOGIN, &path, &form).json()["error_codes"], json!([code]));
    }
    let confidential = [("client_id", contoso::DAEMON.client_id), ("scope", "User.Read")];
    let device = post(&tenant, LOGIN, &path, &confidential).json();
    let answer = poll_as(&tenant, &device, GRANT, contoso::DAEMON.client_id);
    assert_eq!((answer.status, &answer.json()["error_codes"]), (401, &json!([7000218])));
}

#[test]
fn the_interval_can_be_text_and_somebody_can_sit_there() {
    let tenant = Tenant::builder().directory(fast().person(contoso::USER)).start();
    tenant.next_for("/devicecode", Misbehaviour::Token(Map::from_iter([("interval".to_owned(), json!("5"))])));
    let device = begin(&tenant);
    assert_eq!(device["interval"], "5");
    refused(&poll(&tenant, &device), "authorization_pending", 70016);
    assert_eq!(part(&poll(&tenant, &device).token(), 1)["upn"], contoso::USER);
}

#[test]
fn other_authorities_have_device_codes_too() {
    let tenant = Tenant::builder().directory(fast()).start();
    for (host, at) in [("adfs.contoso.com", "/adfs"), (local_tenant::OIDC_HOST, "")] {
        let document = get(&tenant, host, &format!("{at}/.well-known/openid-configuration")).json();
        let path = |name: &str| {
            let address = document[name].as_str().expect("an address");
            address.strip_prefix(&format!("https://{host}")).expect("on the host").to_owned()
        };
        let client = ("client_id", contoso::PUBLIC_APP.client_id);
        let device = post(&tenant, host, &path("device_authorization_endpoint"), &[client, ("scope", "openid")]).json();
        let code = device["device_code"].as_str().expect("a device code");
        let form = [("grant_type", GRANT), client, ("device_code", code)];
        assert_eq!(post(&tenant, host, &path("token_endpoint"), &form).json()["error"], "authorization_pending", "{host}");
        tenant.approve_device(user_code(&device), contoso::USER);
        assert!(post(&tenant, host, &path("token_endpoint"), &form).json()["id_token"].is_string(), "{host}");
    }
}
