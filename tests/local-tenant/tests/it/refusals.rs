//! Every refusal of the token endpoint, with its status, its OAuth code and its number.

use local_tenant::{Misbehaviour, Tenant, contoso};
use serde_json::{Map, json};

use crate::client::{LOGIN, daemon_form, encode, post, send, token_path};

const GRAPH: &str = "https://graph.microsoft.com/.default";

/// A proper request with fields replaced; an empty value takes the field away.
fn form<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = daemon_form(GRAPH);
    for (name, value) in changes {
        form.retain(|(key, _)| key != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    form
}

fn as_app(app: contoso::Registration) -> Vec<(&'static str, &'static str)> {
    form(&[("client_id", app.client_id), ("client_secret", app.secret)])
}

#[test]
fn each_fault_has_its_code() {
    let tenant = Tenant::start();
    let faults = [
        ("no grant", form(&[("grant_type", "")]), 400, "invalid_request", 900144),
        ("no client", form(&[("client_id", "")]), 400, "invalid_request", 900144),
        ("no scope", form(&[("scope", "")]), 400, "invalid_request", 900144),
        ("only reserved scopes", form(&[("scope", "openid profile offline_access")]), 400, "invalid_request", 900144),
        ("other grant", form(&[("grant_type", "no such grant")]), 400, "unsupported_grant_type", 70003),
        ("unknown app", form(&[("client_id", "00000000-0000-0000-0000-000000000001")]), 400, "unauthorized_client", 700016),
        ("app of another tenant", as_app(contoso::FABRIKAM_DAEMON), 400, "unauthorized_client", 700016),
        ("disabled app", as_app(contoso::DISABLED), 400, "unauthorized_client", 7000112),
        ("no credential", form(&[("client_secret", "")]), 401, "invalid_client", 7000218),
        ("wrong secret", form(&[("client_secret", "local~wrong")]), 401, "invalid_client", 7000215),
        ("the secret's id", form(&[("client_secret", contoso::DAEMON.secret_id)]), 401, "invalid_client", 7000215),
        (
            "the secret with a line feed",
            form(&[("client_secret", "local~daemon.PtYgjmUh_Bel31iEl2hpChYgCfr\n")]),
            401,
            "invalid_client",
            7000215,
        ),
        ("expired secret", as_app(contoso::EXPIRED), 401, "invalid_client", 7000222),
        ("public client", form(&[("client_id", contoso::PUBLIC_APP.client_id)]), 401, "invalid_client", 700025),
        ("assertion without certificate", form(&[("client_secret", ""), ("client_assertion", "a.b.c")]), 401, "invalid_client", 700027),
        ("no .default", form(&[("scope", "https://graph.microsoft.com/User.Read")]), 400, "invalid_scope", 1002012),
        ("no slash", form(&[("scope", "https://graph.microsoft.com.default")]), 400, "invalid_scope", 1002012),
        (
            "two resources",
            form(&[("scope", "https://graph.microsoft.com/.default https://vault.azure.net/.default")]),
            400,
            "invalid_scope",
            70011,
        ),
        ("unknown resource", form(&[("scope", "https://nobody.example/.default")]), 400, "invalid_resource", 500011),
        ("two slashes too many", form(&[("scope", "https://database.windows.net///.default")]), 400, "invalid_resource", 500011),
        ("policy", as_app(contoso::BLOCKED), 400, "invalid_grant", 53003),
        ("limit", as_app(contoso::THROTTLED), 429, "temporarily_unavailable", 90055),
    ];
    for (what, form, status, error, code) in faults {
        let answer = post(&tenant, LOGIN, &token_path(), &form);
        let json = answer.json();
        assert_eq!((answer.status, &json["error"], &json["error_codes"]), (status, &json!(error), &json!([code])), "{what}");
        let description = json["error_description"].as_str().unwrap_or_default();
        assert!(description.starts_with(&format!("AADSTS{code}: ")) && !description.contains('\n'), "{what}: {description}");
    }
}

#[test]
fn each_tenant_that_is_not_one_has_its_code() {
    let tenant = Tenant::start();
    for (name, code) in [
        ("nobody.example", 90002),
        ("00000000-0000-0000-0000-000000000001", 90002),
        ("nobody", 900023),
        ("common", 9001023),
        ("consumers", 9001023),
        ("organizations", 50059),
    ] {
        let answer = post(&tenant, LOGIN, &format!("/{name}/oauth2/v2.0/token"), &daemon_form(GRAPH));
        assert_eq!((answer.status, &answer.json()["error_codes"]), (400, &json!([code])), "{name}");
    }
}

#[test]
fn what_is_no_form_is_refused() {
    let tenant = Tenant::start();
    let good = encode(&daemon_form(GRAPH));
    let form = "application/x-www-form-urlencoded";
    for (what, method, media_type, body, status, code) in [
        ("charset", "POST", "Application/X-WWW-Form-Urlencoded; charset=utf-8", good.clone(), 200, None),
        ("GET", "GET", form, String::new(), 400, Some(900561)),
        ("JSON", "POST", "application/json", good.clone(), 400, Some(900144)),
        ("no type", "POST", "", good.clone(), 400, Some(900144)),
        ("repeated", "POST", form, format!("{good}&scope=x"), 400, Some(9002313)),
        ("half an escape", "POST", form, format!("{good}&x=%4"), 400, Some(9002313)),
        ("raw space", "POST", form, format!("{good}&x=a b"), 400, Some(9002313)),
        ("no UTF-8", "POST", form, format!("{good}&x=%FF"), 400, Some(9002313)),
    ] {
        let answer = send(&tenant, method, LOGIN, &token_path(), &[("Content-Type", media_type)], &body);
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        assert_eq!(answer.json()["error_codes"][0].as_u64(), code, "{what}");
    }
}

#[test]
fn a_secret_in_the_authorization_header_is_refused() {
    let tenant = Tenant::start();
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", "Basic YTpi")];
    let answer = send(&tenant, "POST", LOGIN, &token_path(), &headers, &encode(&daemon_form(GRAPH)));
    assert_eq!(answer.json()["error_codes"], json!([7000218]));
}

#[test]
fn refusals_have_entras_shape() {
    let tenant = Tenant::start();
    let id = "8a1f33c4-5b1e-4a7e-9c57-6a0f3f1f7c11";
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("client-request-id", id), ("return-client-request-id", "true")];
    let answer = send(&tenant, "POST", LOGIN, &token_path(), &headers, &encode(&form(&[("client_secret", "x")])));
    let json = answer.json();
    assert_eq!(json["correlation_id"], id);
    assert_eq!(json["error_uri"], "https://login.microsoftonline.com/error?code=7000215");
    let end = format!(
        " Trace ID: {} Correlation ID: {id} Timestamp: {}",
        json["trace_id"].as_str().expect("a trace id"),
        json["timestamp"].as_str().expect("a timestamp")
    );
    assert!(json["error_description"].as_str().expect("a description").ends_with(&end), "{json}");
    assert_eq!(json["timestamp"].as_str().map(str::len), Some("2026-11-21 02:09:00Z".len()));
    for (name, value) in [
        ("client-request-id", id),
        ("x-ms-request-id", json["trace_id"].as_str().expect("a trace id")),
        ("cache-control", "no-store, no-cache"),
        ("pragma", "no-cache"),
        ("content-type", "application/json; charset=utf-8"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let throttled = post(&tenant, LOGIN, &token_path(), &as_app(contoso::THROTTLED));
    assert_eq!(throttled.header("retry-after"), Some("60"));
    assert_eq!(throttled.header("client-request-id"), None);
    let blocked = post(&tenant, LOGIN, &token_path(), &as_app(contoso::BLOCKED)).json();
    assert_eq!(blocked["suberror"], "message_only");
    assert!(blocked["claims"].as_str().is_some_and(|claims| claims.contains("capolids")));
}

#[test]
fn any_refusal_can_be_ordered() {
    let tenant = Tenant::start();
    tenant.next(Misbehaviour::Refusal {
        status: 400,
        error: "interaction_required".to_owned(),
        codes: vec![50076],
        description: "More proof is needed.".to_owned(),
        extra: Map::from_iter([("suberror".to_owned(), json!("basic_action")), ("error_uri".to_owned(), json!(null))]),
    });
    let answer = post(&tenant, LOGIN, &token_path(), &daemon_form(GRAPH));
    let json = answer.json();
    assert_eq!((answer.status, &json["suberror"], json.get("error_uri")), (400, &json!("basic_action"), None));
    assert!(json["error_description"].as_str().is_some_and(|text| text.starts_with("AADSTS50076: More proof is needed. Trace ID: ")));
    assert_eq!(post(&tenant, LOGIN, &token_path(), &daemon_form(GRAPH)).status, 200);
}

#[test]
fn an_empty_parameter_is_a_missing_one() {
    let tenant = Tenant::start();
    for name in ["grant_type", "client_id", "scope"] {
        let mut form = form(&[(name, "")]);
        form.push((name, ""));
        let json = post(&tenant, LOGIN, &token_path(), &form).json();
        assert_eq!(json["error_codes"], json!([900144]), "{name}");
        assert!(json["error_description"].as_str().is_some_and(|text| text.contains(&format!("'{name}'"))), "{json}");
    }
}

#[test]
fn resources_of_one_tenant_are_unknown_in_another() {
    let tenant = Tenant::start();
    let path = format!("/{}/oauth2/v2.0/token", contoso::FABRIKAM_DOMAIN);
    let ask = |scope| {
        let app = contoso::FABRIKAM_DAEMON;
        post(&tenant, LOGIN, &path, &form(&[("client_id", app.client_id), ("client_secret", app.secret), ("scope", scope)]))
    };
    assert_eq!(ask(GRAPH).status, 200);
    assert_eq!(ask("api://ce4f2c9b-faff-47d7-b531-215741d25e35/.default").json()["error_codes"], json!([500011]));
}

#[test]
fn only_posts_to_token_endpoints_count_as_token_requests() {
    let tenant = Tenant::start();
    send(&tenant, "GET", LOGIN, &token_path(), &[], "");
    send(&tenant, "POST", LOGIN, "/elsewhere", &[], "");
    post(&tenant, LOGIN, &token_path(), &form(&[]));
    assert_eq!((tenant.requests().len(), tenant.token_requests().len()), (3, 1));
    let recorded = &tenant.token_requests()[0];
    assert_eq!((recorded.host.as_str(), recorded.path.as_str(), recorded.query.as_deref()), (LOGIN, token_path().as_str(), None));
}
