//! User names and passwords at Entra's token endpoint.

use local_tenant::{Misbehaviour, Tenant, Trouble, User, contoso};
use serde_json::{Value, json};

use crate::client::{Answer, LOGIN, part, post, token_path};

const SCOPE: &str = "User.Read openid profile offline_access";

fn form<'a>(name: &'a str, password: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "password"),
        ("client_id", contoso::PUBLIC_APP.client_id),
        ("username", name),
        ("password", password),
        ("scope", SCOPE),
        ("client_info", "1"),
    ]
}

fn with<'a>(mut form: Vec<(&'a str, &'a str)>, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    for (name, value) in changes {
        form.retain(|(key, _)| key != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    form
}

fn adele() -> Vec<(&'static str, &'static str)> {
    form(contoso::USER, contoso::USER_PASSWORD)
}

fn refused(answer: &Answer, error: &str, code: u64) -> Value {
    let json = answer.json();
    assert_eq!((&json["error"], &json["error_codes"]), (&json!(error), &json!([code])), "{json}");
    json
}

#[test]
fn a_user_signs_in_and_stays_signed_in() {
    let tenant = Tenant::start();
    for at in [contoso::TENANT_ID, contoso::TENANT_DOMAIN, "organizations"] {
        let answer = post(&tenant, LOGIN, &format!("/{at}/oauth2/v2.0/token"), &adele());
        assert_eq!(part(&answer.token(), 1)["upn"], contoso::USER);
        let json = answer.json();
        assert_eq!(json["token_type"], "Bearer");
        assert_eq!(json["scope"], "openid profile User.Read");
        assert_eq!(part(json["id_token"].as_str().expect("an id token"), 1)["preferred_username"], contoso::USER);
        assert!(json["client_info"].is_string());
        let refresh = [
            ("grant_type", "refresh_token"),
            ("client_id", contoso::PUBLIC_APP.client_id),
            ("scope", "https://graph.microsoft.com/.default"),
            ("refresh_token", json["refresh_token"].as_str().expect("a refresh token")),
        ];
        post(&tenant, LOGIN, &token_path(), &refresh).token();
    }
    let online = post(&tenant, LOGIN, &token_path(), &with(adele(), &[("scope", "User.Read"), ("client_info", "")])).json();
    assert_eq!((online.get("refresh_token"), online.get("id_token"), online.get("client_info")), (None, None, None));
}

#[test]
fn confidential_apps_prove_themselves_first() {
    let tenant = Tenant::start();
    let daemon = with(adele(), &[("client_id", contoso::DAEMON.client_id)]);
    let answer = post(&tenant, LOGIN, &token_path(), &daemon);
    assert_eq!(answer.status, 401);
    refused(&answer, "invalid_client", 7_000_218);
    post(&tenant, LOGIN, &token_path(), &with(daemon.clone(), &[("client_secret", contoso::DAEMON.secret)])).token();
    let wrong = post(&tenant, LOGIN, &token_path(), &with(daemon, &[("client_secret", "local~wrong")]));
    refused(&wrong, "invalid_client", 7_000_215);
    let public = post(&tenant, LOGIN, &token_path(), &with(adele(), &[("client_secret", "local~any")]));
    refused(&public, "invalid_client", 700_025);
}

#[test]
fn each_request_that_is_wrong_has_its_code() {
    let tenant = Tenant::start();
    for (change, error, code) in [
        (("username", ""), "invalid_request", 900_144),
        (("password", ""), "invalid_request", 900_144),
        (("scope", ""), "invalid_request", 900_144),
        (("client_id", "00000000-0000-0000-0000-000000000001"), "unauthorized_client", 700_016),
        (("username", "nobody@contoso.com"), "invalid_grant", 50034),
        (("password", "local~wrong"), "invalid_grant", 50126),
        (("password", "LOCAL~ADELE.Q8FUWZ4VKP"), "invalid_grant", 50126),
        (("scope", "https://nobody.example/x"), "invalid_resource", 500_011),
        (("scope", "api://ce4f2c9b-faff-47d7-b531-215741d25e35/Orders.Write"), "invalid_grant", 65001),
    ] {
        refused(&post(&tenant, LOGIN, &token_path(), &with(adele(), &[change])), error, code);
    }
    for (at, error, code) in [
        ("common", "invalid_request", 9_001_023),
        ("Consumers", "invalid_request", 9_001_023),
        ("nobody.example", "invalid_request", 90002),
    ] {
        refused(&post(&tenant, LOGIN, &format!("/{at}/oauth2/v2.0/token"), &adele()), error, code);
    }
}

#[test]
fn each_user_whom_something_stands_in_the_way_of_has_its_code() {
    let tenant = Tenant::start();
    for (person, code, suberror, has_claims) in [
        (contoso::EXPIRED_USER, 50055, Some("user_password_expired"), false),
        (contoso::LOCKED_USER, 50053, None, false),
        (contoso::DISABLED_USER, 50057, None, false),
        (contoso::REGISTRATION_USER, 50079, Some("basic_action"), false),
        (contoso::BLOCKED_USER, 53003, Some("message_only"), true),
        (contoso::DEVICE_USER, 53000, Some("message_only"), true),
        (contoso::RISKY_USER, 53004, Some("message_only"), false),
        (contoso::NOT_ASSIGNED_USER, 50105, None, false),
        (contoso::EXTERNAL_USER, 90072, None, false),
        (
            contoso::Person { name: contoso::MULTI_FACTOR_USER, password: contoso::MULTI_FACTOR_USER_PASSWORD },
            50076,
            Some("basic_action"),
            true,
        ),
    ] {
        let answer = post(&tenant, LOGIN, &token_path(), &form(person.name, person.password));
        assert_eq!(answer.status, 400);
        let json = refused(&answer, "invalid_grant", code);
        assert_eq!((json["suberror"].as_str(), json["claims"].is_string()), (suberror, has_claims), "{json}");
        refused(&post(&tenant, LOGIN, &token_path(), &form(person.name, "local~wrong")), "invalid_grant", 50126);
    }
    let alex = form(contoso::FABRIKAM_USER, contoso::FABRIKAM_USER_PASSWORD);
    refused(&post(&tenant, LOGIN, &token_path(), &alex), "invalid_grant", 50020);
}

#[test]
fn troubles_come_by_the_way_and_can_be_made() {
    let tenant = Tenant::start();
    post(&tenant, LOGIN, &token_path(), &adele()).token();
    tenant.trouble(contoso::USER, Trouble::LOCKED);
    refused(&post(&tenant, LOGIN, &token_path(), &adele()), "invalid_grant", 50053);
    tenant.trouble(contoso::USER, Trouble::new(50132, "interaction_required", "The session is over.").suberror("basic_action").claims());
    let json = refused(&post(&tenant, LOGIN, &token_path(), &adele()), "interaction_required", 50132);
    assert!(json["suberror"] == "basic_action" && json["claims"].is_string());
    let user = User::new("1", "x", "x@contoso.com", "local~x").refused_with(50128, "invalid_grant", Some("bad_token"));
    let organization = local_tenant::Organization::new(contoso::TENANT_ID, "Contoso").domain("contoso.com").users(vec![user]);
    let app = local_tenant::App::new(contoso::PUBLIC_APP.client_id, "x", contoso::TENANT_ID).policy(local_tenant::Policy::PublicClient);
    let directory = local_tenant::Directory::empty().organization(organization).app(app);
    let own = Tenant::builder().directory(directory).start();
    let json = refused(&post(&own, LOGIN, &token_path(), &form("x@contoso.com", "local~x")), "invalid_grant", 50128);
    assert_eq!(json["suberror"], "bad_token");
}

#[test]
fn any_refusal_can_be_ordered() {
    let tenant = Tenant::start();
    tenant.next_for("/token", Misbehaviour::refused(90010, "invalid_request", &[]));
    refused(&post(&tenant, LOGIN, &token_path(), &adele()), "invalid_request", 90010);
    tenant.next_for("/token", Misbehaviour::refused(50076, "invalid_grant", &[("suberror", "basic_action"), ("claims", "{}")]));
    assert_eq!(refused(&post(&tenant, LOGIN, &token_path(), &adele()), "invalid_grant", 50076)["claims"], "{}");
}

#[test]
fn a_federated_users_password_is_not_entras_to_check() {
    let tenant = Tenant::start();
    let nestor = form(contoso::FEDERATED_USER, contoso::FEDERATED_USER_PASSWORD);
    refused(&post(&tenant, LOGIN, &token_path(), &nestor), "invalid_grant", 50126);
    let person = contoso::SYNCHRONIZED_USER;
    post(&tenant, LOGIN, &token_path(), &form(person.name, person.password)).token();
}

#[test]
fn a_password_beside_an_assertion_fails_the_test() {
    let tenant = Tenant::start();
    let form = with(adele(), &[("assertion", "x")]);
    refused(&post(&tenant, LOGIN, &token_path(), &form), "invalid_request", 9_002_313);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(tenant))).expect_err("it complains");
    assert!(panic.downcast_ref::<String>().is_some_and(|text| text.contains("nobody's business")));
}

#[test]
fn troubled_users_are_refused_at_the_page_too() {
    let tenant = Tenant::start();
    let query = format!(
        "client_id={}&response_type=code&redirect_uri=http%3A%2F%2Flocalhost&scope=User.Read&state=s&code_challenge={}\
         &code_challenge_method=S256",
        contoso::PUBLIC_APP.client_id,
        "x".repeat(43)
    );
    let mut browser = tenant.browser();
    let page = browser.open(&format!("{}/oauth2/v2.0/authorize?{query}", tenant.authority()));
    let person = contoso::DISABLED_USER;
    let page = browser.submit(&page, &[("username", person.name), ("password", person.password)], "Sign in");
    assert!(page.text().contains("AADSTS50057"), "{}", page.text());
}
