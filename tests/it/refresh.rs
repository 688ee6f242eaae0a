//! `refresh`: new tokens for a person, by a refresh token that is given or cached.

use std::path::PathBuf;

use local_tenant::{App, Directory, Misbehaviour, Policy, Tenant, contoso};
use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox, claims};

const CLI: &str = contoso::AZURE_CLI.client_id;

/// `refresh` of an app at the tenant, with further arguments.
fn refresh<'a>(sandbox: &Sandbox, tenant: &'a Tenant, client_id: &'a str, more: &[&'a str]) -> Ran {
    let (authority, ca_file) = (format!("{}/organizations", tenant.origin()), tenant.ca_file().to_string_lossy().into_owned());
    let fixed = ["refresh", "--authority", &authority, "--client-id", client_id, "--ca-file", &ca_file];
    sandbox.run(fixed.into_iter().chain(more.iter().copied()))
}

/// Signs a person in and gives the file with the refresh token.
fn signed_in(sandbox: &Sandbox, tenant: &Tenant, client_id: &str, user: &str) -> PathBuf {
    sandbox.write("refresh-token", tenant.sign_in(client_id, user) + "\n")
}

fn object(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_given_token_gets_both_new_tokens_and_says_whose_they_are() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let file = signed_in(&sandbox, &tenant, CLI, contoso::USER);
    let file = file.to_str().unwrap();
    let tokens = object(&refresh(&sandbox, &tenant, CLI, &["--resource", "databricks", "--refresh-token-file", file, "-o", "json"]));
    let given = std::fs::read_to_string(file).unwrap();
    assert!(tokens["refresh_token"].as_str().is_some_and(|token| token != given.trim()), "{tokens}");
    assert_eq!(tokens["account"]["username"], contoso::USER);
    assert_eq!((&tokens["source"], &tokens["tenant_id"]), (&json!("refresh_token"), &json!(contoso::TENANT_ID)));
    assert_eq!(claims(tokens["access_token"].as_str().unwrap())["aud"], contoso::DATABRICKS_ID);
    assert!(tokens["id_token"].is_string());
    assert_eq!(tenant.requests().len(), 1);
    // What -o json has written is understood.
    let file = sandbox.write("tokens.json", tokens.to_string());
    refresh(&sandbox, &tenant, CLI, &["--resource", "databricks", "--refresh-token-file", file.to_str().unwrap()]).token();
    // The other places that it can come from.
    let token = given.trim();
    let parameters = json!({"authority": tenant.authority(), "client_id": CLI, "scope": ["User.Read"], "refresh_token": token});
    sandbox.write("p.json", parameters.to_string());
    let ca_file = tenant.ca_file().to_str().unwrap();
    let granted = claims(sandbox.run(["refresh", "p.json", "--ca-file", ca_file]).token())["scp"].clone();
    assert!(granted.as_str().is_some_and(|scopes| scopes.contains("User.Read")), "{granted}");
    let in_environment = Sandbox::new().env("ENTRA_TOKEN_REFRESH_TOKEN", token);
    let ran = refresh(&in_environment, &tenant, CLI, &["--resource", "arm", "-v"]);
    ran.says("refresh token (from ENTRA_TOKEN_REFRESH_TOKEN)");
    assert!(ran.code == Some(0) && !ran.stderr.contains(token), "{ran:?}");
    let authority = tenant.authority();
    let arguments = ["refresh", "--authority", &authority, "--client-id", CLI, "--ca-file", ca_file, "--resource", "arm"];
    sandbox.run_with_input(arguments.into_iter().chain(["--refresh-token-file", "-"]), given.as_bytes()).token();
}

#[test]
fn who_was_signed_in_once_stays_so_for_every_resource() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let file = signed_in(&sandbox, &tenant, CLI, contoso::USER);
    refresh(&sandbox, &tenant, CLI, &["--resource", "databricks", "--refresh-token-file", file.to_str().unwrap()]).token();
    let cached = object(&refresh(&sandbox, &tenant, CLI, &["--resource", "databricks", "-o", "json", "--silent"]));
    assert_eq!((cached["source"].as_str(), tenant.requests().len()), (Some("cache"), 1));
    assert_eq!((&cached["account"]["username"], &cached["tenant_id"]), (&json!(contoso::USER), &json!(contoso::TENANT_ID)));
    let other = object(&refresh(&sandbox, &tenant, CLI, &["--resource", "keyvault", "-o", "json", "--silent"]));
    assert_eq!((other["source"].as_str(), tenant.requests().len()), (Some("refresh_token"), 2));
    let anew = object(&refresh(&sandbox, &tenant, CLI, &["--resource", "keyvault", "-o", "json", "--force-refresh"]));
    assert_eq!((anew["source"].as_str(), tenant.requests().len()), (Some("refresh_token"), 3));
    let list: Value = serde_json::from_str(&sandbox.run(["cache", "list", "-o", "json"]).stdout).unwrap();
    let kinds: Vec<&str> = list.as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "refresh_token").count(), 1, "the one that was used is gone: {kinds:?}");
    assert_eq!(sandbox.run(["cache", "remove", "--username", &contoso::USER.to_uppercase()]).code, Some(0));
    refresh(&sandbox, &tenant, CLI, &["--resource", "keyvault"]).refused(4).says("nobody has signed in");
}

#[test]
fn a_sign_in_of_one_client_serves_its_whole_family_and_no_other() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let file = signed_in(&sandbox, &tenant, CLI, contoso::USER);
    refresh(&sandbox, &tenant, CLI, &["--resource", "arm", "--refresh-token-file", file.to_str().unwrap()]).token();
    refresh(&sandbox, &tenant, contoso::AZURE_POWERSHELL.client_id, &["--resource", "storage"]).token();
    let stranger = refresh(&sandbox, &tenant, contoso::PUBLIC_APP.client_id, &["--scope", "User.Read"]);
    stranger.refused(4).says("has signed in to app").says(contoso::PUBLIC_APP.client_id);
}

#[test]
fn of_several_people_the_one_who_is_named_is_meant() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    for user in ["MeganB@contoso.onmicrosoft.com", contoso::USER] {
        let file = signed_in(&sandbox, &tenant, CLI, user);
        refresh(&sandbox, &tenant, CLI, &["--resource", "arm", "--refresh-token-file", file.to_str().unwrap()]).token();
    }
    let either = refresh(&sandbox, &tenant, CLI, &["--resource", "arm"]);
    either.refused(4).says("2 people have signed in").says("MeganB@contoso.onmicrosoft.com").says("--username");
    let megan = refresh(&sandbox, &tenant, CLI, &["--resource", "arm", "--username", "meganb@contoso.onmicrosoft.com"]);
    assert_eq!(claims(megan.token())["upn"], "MeganB@contoso.onmicrosoft.com");
    refresh(&sandbox, &tenant, CLI, &["--resource", "arm", "--username", "nobody@contoso.com"]).refused(4).says("nobody@contoso.com");
}

#[test]
fn a_refresh_token_that_is_not_taken_any_more_needs_a_person() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    for (user, end, code) in [(contoso::USER, Some(()), "AADSTS700082"), (contoso::MULTI_FACTOR_USER, None, "AADSTS50076")] {
        let file = signed_in(&sandbox, &tenant, CLI, user);
        if end.is_some() {
            tenant.expire_refresh_token(std::fs::read_to_string(&file).unwrap().trim());
        }
        let ran = refresh(&sandbox, &tenant, CLI, &["--resource", "arm", "--refresh-token-file", file.to_str().unwrap()]);
        ran.refused(4).says(code);
    }
    let made_up = sandbox.write("made-up", "1.AXmade-up");
    let arguments = ["--resource", "arm", "--refresh-token-file", made_up.to_str().unwrap(), "--error-format", "json"];
    let ran = refresh(&sandbox, &tenant, CLI, &arguments);
    let error: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((ran.code, &error["error"]), (Some(4), &json!("invalid_grant")));
    assert!(!ran.stderr.contains("made-up"), "{ran:?}");
}

#[test]
fn a_token_that_is_taken_once_is_never_sent_twice() {
    let strict = |app: App| app.delegated(local_tenant::Permission::new(contoso::GRAPH_ID, "User.Read")).policy(Policy::PublicClient);
    let id = "11111111-2222-4333-8444-555555555555";
    let app = strict(App::new(id, "strict", contoso::TENANT_ID)).policy(Policy::RevokesReusedRefreshTokens);
    let tenant = Tenant::builder().directory(Directory::default().app(app)).start();
    let sandbox = Sandbox::with_cache();
    let file = signed_in(&sandbox, &tenant, id, contoso::USER);
    tenant.next(Misbehaviour::CutAfter(20));
    let given = ["--scope", "User.Read", "--refresh-token-file", file.to_str().unwrap()];
    refresh(&sandbox, &tenant, id, &given).refused(5);
    assert_eq!(tenant.token_requests().len(), 1, "what may have arrived is not sent again");
    // A whole sign-in, used by many at once: each token is redeemed once, or the tenant would revoke them all.
    let file = signed_in(&sandbox, &tenant, id, contoso::USER);
    refresh(&sandbox, &tenant, id, &["--scope", "User.Read", "--refresh-token-file", file.to_str().unwrap()]).token();
    let before = tenant.token_requests().len();
    for anew in [&["--min-ttl", "99999"][..], &["--force-refresh"], &["--claims", "{}"]] {
        let runs: Vec<_> = (0..12)
            .map(|_| {
                let authority = tenant.authority();
                let mut command = sandbox.command(["refresh", "--client-id", id, "--scope", "User.Read"].iter().chain(anew));
                command.args(["--authority", &authority, "-q", "--ca-file"]).arg(tenant.ca_file());
                command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for run in runs {
            Ran::new(&run.wait_with_output().unwrap()).token();
        }
    }
    assert!(tenant.token_requests().len() > before, "they did ask");
    let sent: Vec<_> = tenant.token_requests().iter().skip(1).map(|request| request.field("refresh_token")).collect();
    let mut once = sent.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), sent.len(), "no refresh token was sent twice");
}

#[test]
fn a_confidential_client_proves_itself_too() {
    let tenant = Tenant::start();
    let sandbox = Sandbox::new().env("AZURE_CLIENT_SECRET", contoso::DAEMON.secret).env("AZURE_CLIENT_ID", contoso::DAEMON.client_id);
    let file = signed_in(&sandbox, &tenant, contoso::DAEMON.client_id, contoso::USER);
    let more = ["--scope", "User.Read", "--refresh-token-file", file.to_str().unwrap()];
    refresh(&sandbox, &tenant, contoso::DAEMON.client_id, &more).token();
    assert!(tenant.requests()[0].field("client_secret").is_some());
    // The environment's secret is the environment's app's, where it names one.
    let of_nobody = Sandbox::new().env("AZURE_CLIENT_SECRET", contoso::DAEMON.secret);
    for of_another in [sandbox, of_nobody] {
        let file = signed_in(&of_another, &tenant, CLI, contoso::USER);
        refresh(&of_another, &tenant, CLI, &["--resource", "arm", "--refresh-token-file", file.to_str().unwrap()]).token();
        assert!(tenant.requests().last().unwrap().field("client_secret").is_none());
    }
}

#[test]
fn what_was_refused_is_remembered_for_that_request_alone() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let file = signed_in(&sandbox, &tenant, CLI, contoso::USER);
    refresh(&sandbox, &tenant, CLI, &["--resource", "arm", "--refresh-token-file", file.to_str().unwrap()]).token();
    let ca_file = tenant.ca_file().to_str().unwrap();
    let of_tenant = |name: &str, more: &[&str]| {
        let authority = format!("{}/{name}", tenant.origin());
        let fixed = ["refresh", "--client-id", CLI, "--resource", "graph", "--ca-file", ca_file, "--authority", &authority];
        sandbox.run(fixed.into_iter().chain(more.iter().copied()))
    };
    let asked = || tenant.requests().len();
    of_tenant("nobody.example", &[]).refused(3).says("AADSTS90002");
    let before = asked();
    of_tenant("nobody.example", &[]).refused(3).says("AADSTS90002");
    assert_eq!(asked(), before, "the same request has the same answer");
    let secret = sandbox.write("secret", "local~not.this.one");
    let with_secret = of_tenant("nobody.example", &["--secret-file", secret.to_str().unwrap()]);
    assert_eq!((with_secret.code, asked()), (Some(3), before + 1), "another proof is another request");
    of_tenant(contoso::TENANT_ID, &[]).token();
    assert_eq!(asked(), before + 2, "another tenant is another request");
}

#[test]
fn of_two_refusals_the_one_of_the_apps_own_sign_in_is_told() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    for client in [contoso::PUBLIC_APP.client_id, CLI] {
        let file = signed_in(&sandbox, &tenant, client, contoso::USER);
        refresh(&sandbox, &tenant, client, &["--scope", "User.Read", "--refresh-token-file", file.to_str().unwrap()]).token();
    }
    tenant.revoke_sign_ins(contoso::USER);
    let ran = refresh(&sandbox, &tenant, contoso::PUBLIC_APP.client_id, &["--scope", "User.Read", "--force-refresh"]);
    ran.refused(4).says("AADSTS50173");
}

#[test]
fn a_token_of_another_person_than_the_one_who_is_named_is_not_printed() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let file = signed_in(&sandbox, &tenant, CLI, contoso::USER);
    let given = ["--resource", "arm", "--refresh-token-file", file.to_str().unwrap()];
    let named = |name| refresh(&sandbox, &tenant, CLI, &[&given[..], &["--username", name]].concat());
    named("somebody.else@contoso.com").refused(2).says(contoso::USER).says("somebody.else@contoso.com");
    named(&contoso::USER.to_lowercase()).token();
}

#[test]
fn a_new_refresh_token_that_nobody_keeps_is_spoken_of() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let file = signed_in(&sandbox, &tenant, CLI, contoso::USER);
    let given = ["--resource", "arm", "--refresh-token-file", file.to_str().unwrap()];
    let nobodys = || {
        Misbehaviour::Token(
            [("client_info", Value::Null), ("id_token", Value::Null)].map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
        )
    };
    tenant.next(nobodys());
    refresh(&sandbox, &tenant, CLI, &given).token_with_warning("the new refresh token is kept nowhere");
    tenant.next(nobodys());
    assert_eq!(refresh(&sandbox, &tenant, CLI, &[&given[..], &["-o", "json"]].concat()).stderr, "");
}

#[test]
fn a_cached_token_runs_no_program_for_the_secret() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let token = tenant.sign_in(contoso::DAEMON.client_id, contoso::USER);
    sandbox.write("secret.sh", format!("echo run >> runs\nprintf '%s' '{}'\n", contoso::DAEMON.secret));
    let parameters = json!({"authority": tenant.authority(), "client_id": contoso::DAEMON.client_id, "scope": "User.Read",
        "secret": {"command": ["sh", "secret.sh"]}});
    sandbox.write("p.json", parameters.to_string());
    sandbox.write("rt", token);
    let ca_file = tenant.ca_file().to_str().unwrap();
    sandbox.run(["refresh", "p.json", "--ca-file", ca_file, "--refresh-token-file", "rt"]).token();
    for _ in 0..2 {
        sandbox.run(["refresh", "p.json", "--ca-file", ca_file]).token();
    }
    assert_eq!(std::fs::read_to_string(sandbox.path("runs")).unwrap(), "run\n");
}

#[test]
fn what_cannot_work_is_said_before_anything_is_sent() {
    let tenant = Tenant::start();
    tenant.allow_idle();
    let sandbox = Sandbox::new();
    refresh(&sandbox, &tenant, CLI, &["--resource", "arm"]).refused(2).says("no refresh token is given").says("--refresh-token-file");
    let empty = sandbox.write("empty", "\n");
    let ran = refresh(&sandbox, &tenant, CLI, &["--resource", "arm", "--refresh-token-file", empty.to_str().unwrap()]);
    ran.refused(2).says("--refresh-token-file").says("empty");
    refresh(&sandbox, &tenant, CLI, &["--refresh-token-file", "x"]).refused(2).says("no scope is given");
}
