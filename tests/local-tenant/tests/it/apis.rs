//! The APIs behind the tokens.

use local_tenant::{Directory, Tenant, contoso};
use serde_json::{Value, json};

use crate::client::{Answer, LOGIN, daemon_form, daemon_token, part, post, send, token_path};

const GRAPH: &str = "graph.microsoft.com";
const GRAPH_SCOPE: &str = "https://graph.microsoft.com/.default";

fn call(tenant: &Tenant, host: &str, target: &str, headers: &[(&str, &str)], token: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    let mut headers = headers.to_vec();
    headers.push(("Authorization", &authorization));
    send(tenant, "GET", host, target, &headers, "")
}

fn token_of(tenant: &Tenant, app: contoso::Registration, scope: &str) -> String {
    let mut form = daemon_form(scope);
    (form[1].1, form[2].1) = (app.client_id, app.secret);
    post(tenant, LOGIN, &token_path(), &form).token()
}

#[test]
fn graph_takes_only_its_own_tokens() {
    let tenant = Tenant::start();
    let good = daemon_token(&tenant, GRAPH_SCOPE);
    // Not the very last character: its low bits are padding.
    let place = good.len() - 9;
    let other = if good.as_bytes()[place] == b'A' { "B" } else { "A" };
    let forged = format!("{}{other}{}", &good[..place], &good[place + 1..]);
    let elsewhere = daemon_token(&tenant, "https://vault.azure.net/.default");
    let other_cloud = daemon_token(&tenant, "https://graph.microsoft.us/.default");
    for (what, token) in
        [("forged", forged.as_str()), ("elsewhere", &elsewhere), ("other cloud", &other_cloud), ("no JWT", "x"), ("none", "")]
    {
        let answer = call(&tenant, GRAPH, "/v1.0/users", &[], token);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (401, &json!("InvalidAuthenticationToken")), "{what}");
        assert!(answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer ")), "{what}");
    }
    assert_eq!(call(&tenant, GRAPH, "/v1.0/users", &[], &good).status, 200);
    assert_eq!(call(&tenant, "graph.microsoft.us", "/v1.0/users", &[], &other_cloud).status, 200);
}

#[test]
fn graph_refuses_a_token_whose_time_is_over() {
    let directory = Directory::default().token_lifetime(std::time::Duration::ZERO);
    let tenant = Tenant::builder().directory(directory).start();
    let answer = call(&tenant, GRAPH, "/v1.0/users", &[], &daemon_token(&tenant, GRAPH_SCOPE));
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("expired"), "{}", answer.body);
}

#[test]
fn graph_refuses_an_app_without_the_role() {
    let tenant = Tenant::start();
    let token = token_of(&tenant, contoso::UNPRIVILEGED, GRAPH_SCOPE);
    let answer = call(&tenant, GRAPH, "/v1.0/users", &[], &token);
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["code"]), (403, &json!("Authorization_RequestDenied")));
    assert_eq!(error["message"], "Insufficient privileges to complete the operation.");
    assert!(error["innerError"]["request-id"].is_string() && error["innerError"]["date"].is_string());
}

#[test]
fn users_come_in_pages() {
    let tenant = Tenant::start();
    let token = daemon_token(&tenant, GRAPH_SCOPE);
    let mut names = Vec::new();
    let mut sizes = Vec::new();
    let mut target = "/v1.0/users?$top=2&$select=displayName,id".to_owned();
    loop {
        let page = call(&tenant, GRAPH, &target, &[], &token).json();
        let users = page["value"].as_array().cloned().unwrap_or_default();
        sizes.push(users.len());
        for user in users {
            assert_eq!(user.as_object().map(serde_json::Map::len), Some(2), "{user}");
            names.push(user["displayName"].clone());
        }
        let Some(next) = page["@odata.nextLink"].as_str() else { break };
        target = next.strip_prefix("https://graph.microsoft.com").expect("the same host").to_owned();
    }
    assert!(sizes.len() > 3 && sizes.iter().rev().skip(1).all(|size| *size == 2), "{sizes:?}");
    let whole = call(&tenant, GRAPH, "/v1.0/users", &[], &token).json();
    let all: Vec<Value> = whole["value"].as_array().into_iter().flatten().map(|user| user["displayName"].clone()).collect();
    assert_eq!(names, all);
    assert!(whole.get("@odata.nextLink").is_none());
}

#[test]
fn graph_refuses_what_it_does_not_have() {
    let tenant = Tenant::start();
    let token = daemon_token(&tenant, GRAPH_SCOPE);
    for target in [
        "/v1.0/me",
        "/v1.0/nothing",
        "/v9/users",
        "/v1.0/users?$top=0",
        "/v1.0/users?$select=shoeSize",
        "/v1.0/users?$skiptoken=x",
        "/v1.0/users?$orderby=id",
    ] {
        let answer = call(&tenant, GRAPH, target, &[], &token);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!("BadRequest")), "{target}");
    }
}

#[test]
fn databricks_takes_members_and_proven_contributors() {
    let scope = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default";
    let contributor = local_tenant::App::new(contoso::UNPRIVILEGED.client_id, "contributor", contoso::TENANT_ID)
        .secret("s", contoso::UNPRIVILEGED.secret)
        .arm_contributor();
    let tenant = Tenant::builder().directory(Directory::default().app(contributor)).start();
    let list = |headers: &[(&str, &str)], token: &str| {
        let answer = call(&tenant, contoso::DATABRICKS_HOST, "/api/2.0/clusters/list", headers, token);
        (answer.status, answer.json()["clusters"].as_array().map(Vec::len))
    };
    assert_eq!(list(&[], &daemon_token(&tenant, scope)), (200, Some(2)));
    assert_eq!(list(&[], &daemon_token(&tenant, GRAPH_SCOPE)), (403, None));
    let token = token_of(&tenant, contoso::UNPRIVILEGED, scope);
    let management = token_of(&tenant, contoso::UNPRIVILEGED, "https://management.core.windows.net//.default");
    assert_eq!(part(&management, 1)["aud"], "https://management.core.windows.net/");
    let of_another = daemon_token(&tenant, "https://management.azure.com/.default");
    let workspace = ("X-Databricks-Azure-Workspace-Resource-Id", contoso::DATABRICKS_RESOURCE_ID);
    let second = "X-Databricks-Azure-SP-Management-Token";
    assert_eq!(list(&[], &token), (403, None));
    assert_eq!(list(&[workspace], &token), (403, None));
    assert_eq!(list(&[workspace, (second, &of_another)], &token), (403, None));
    assert_eq!(list(&[workspace, (second, &management)], &token), (200, Some(2)));
    let none = send(&tenant, "GET", contoso::DATABRICKS_HOST, "/api/2.0/clusters/list", &[], "");
    assert_eq!(none.status, 401);
}
