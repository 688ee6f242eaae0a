//! `username-password`: a person's name and password, at Entra, Azure AD B2C and AD FS.

use local_tenant::{Misbehaviour, Tenant, contoso};
use serde_json::{Map, Value, json};

use crate::auth_code::arguments;
use crate::cache_sharing::together;
use crate::process::{answered, typed};
use crate::sandbox::{Ran, Sandbox};

const APP: &str = contoso::PUBLIC_APP.client_id;

/// A user's sign-in with the password in a file.
pub(crate) fn sign_in(sandbox: &Sandbox, tenant: &Tenant, name: &str, password: &str, more: &[&str]) -> Ran {
    sandbox.run(signing_in(sandbox, tenant, name, password, more))
}

/// Its arguments.
pub(crate) fn signing_in(sandbox: &Sandbox, tenant: &Tenant, name: &str, password: &str, more: &[&str]) -> Vec<String> {
    sandbox.write("password.txt", password);
    let person = ["--username", name, "--password-file", "password.txt"];
    arguments("username-password", tenant, &[&person, more].concat())
}

/// What was asked for, in order: the last parts of the paths.
pub(crate) fn asked(tenant: &Tenant) -> Vec<String> {
    tenant.requests().iter().map(|request| request.path.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

fn refusal(code: u32, error: &str, extra: &Value) -> Misbehaviour {
    let Value::Object(extra) = extra.clone() else { panic!("an object") };
    let description = "Not with a password.".to_owned();
    Misbehaviour::Refusal { status: 400, error: error.to_owned(), codes: vec![code], description, extra }
}

#[test]
fn a_person_gets_tokens_for_a_name_and_a_password() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let ran = sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-o", "json"]);
    let tokens = ran.json();
    assert_eq!((&tokens["account"]["username"], &tokens["source"]), (&json!(contoso::USER), &json!("network")));
    assert!(tokens["refresh_token"].is_string() && tokens["id_token"].is_string());
    assert_eq!(ran.stderr.matches("discouraged").count(), 1, "{ran:?}");
    for better in ["entra-token auth-code", "entra-token device-code", "entra-token client-creds"] {
        ran.says(better);
    }
    let requests = tenant.requests();
    assert_eq!(requests.len(), 2, "the realm, and then the tokens");
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("GET", "/common/userrealm/AdeleV%40contoso.onmicrosoft.com"));
    let form = requests[1].form();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let names: Vec<&str> = form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["client_id", "scope", "grant_type", "username", "password", "client_info"]);
    assert_eq!(
        (field("grant_type"), field("username"), field("password")),
        (Some("password"), Some(contoso::USER), Some(contoso::USER_PASSWORD))
    );
    assert_eq!(field("scope"), Some("https://graph.microsoft.com/.default offline_access openid profile"));
}

#[test]
fn the_cache_and_the_refresh_token_come_before_the_password() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let first = sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q"]).token().to_owned();
    // Whoever has signed in needs no password, and nothing is said of what is not done.
    let by_name = sandbox.run(arguments("username-password", &tenant, &["--username", contoso::USER]));
    let by_nobody = sandbox.run(arguments("username-password", &tenant, &[]));
    assert_eq!((by_name.token(), by_nobody.token()), (first.as_str(), first.as_str()));
    let silent = sandbox.run(arguments("auth-code", &tenant, &["--silent"]));
    assert_eq!(silent.token(), first, "other commands find it too");
    assert_eq!(tenant.requests().len(), 2);
    let renewed = sign_in(&sandbox, &tenant, contoso::USER, "a wrong one", &["--force-refresh", "-o", "json"]);
    assert_eq!((renewed.json()["source"].as_str(), renewed.stderr.as_str()), (Some("refresh_token"), ""));
    tenant.revoke_sign_ins(contoso::USER);
    let arguments =
        |more: &[&str]| arguments("username-password", &tenant, &[&["--username", contoso::USER, "--force-refresh"], more].concat());
    sandbox.run(arguments(&["--silent"])).refused(4).says("AADSTS50173");
    sandbox.run(arguments(&[])).refused(4).says("AADSTS50173");
    let again = sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["--force-refresh", "-o", "json"]);
    again.says("a new sign-in is needed").says("discouraged");
    assert_eq!(again.json()["source"], "network");
}

#[test]
fn a_password_comes_from_every_place_but_a_flag() {
    let tenant = Tenant::start();
    let sandbox = || Sandbox::new().env("AZURE_USERNAME", contoso::USER);
    let run = |sandbox: Sandbox, more: &[&str]| sandbox.run(arguments("username-password", &tenant, &[&["-q"], more].concat()));
    run(sandbox().env("AZURE_PASSWORD", contoso::USER_PASSWORD), &[]).token();
    for password in
        [json!(contoso::USER_PASSWORD), json!({"env": "MINE"}), json!({"file": "p.txt"}), json!({"command": ["printenv", "MINE"]})]
    {
        let sandbox = sandbox().env("MINE", contoso::USER_PASSWORD);
        sandbox.write("p.txt", format!("{}\r\n", contoso::USER_PASSWORD));
        sandbox.write("p.json", json!({"password": password, "username": contoso::USER}).to_string());
        run(sandbox, &["p.json"]).token();
    }
    let piped = sandbox();
    piped
        .run_with_input(arguments("username-password", &tenant, &["-q", "--password-file", "-"]), contoso::USER_PASSWORD.as_bytes())
        .token();
    let both = arguments("username-password", &tenant, &["-", "--password-file", "-"]);
    sandbox().run_with_input(both, b"a password").refused(2).says("standard input cannot be both");
    let ran = run(sandbox(), &["--password", "CNRY-hunter2"]);
    ran.refused(2);
    assert!(!ran.stderr.contains("CNRY"), "{ran:?}");
    // Of another person's name it says nothing.
    let other = Sandbox::new().env("AZURE_USERNAME", contoso::OTHER_USER).env("AZURE_PASSWORD", contoso::OTHER_USER_PASSWORD);
    run(other, &["--username", contoso::USER]).refused(2).says("no password is given");
}

#[test]
fn a_terminal_is_asked_for_what_is_missing() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let command = |more: &str| {
        let line = arguments("username-password", &tenant, &[]).join(" ");
        format!("{} {line} {more}; echo code=$?; stty -a", env!("CARGO_BIN_EXE_entra-token"))
    };
    sandbox.write("password.txt", contoso::USER_PASSWORD);
    let question = format!("Password of {}: ", contoso::USER);
    let shown = answered(&sandbox, &command(&format!("--username {}", contoso::USER)), &question, &format!("{}\n", contoso::USER_PASSWORD));
    assert!(!shown.contains(contoso::USER_PASSWORD), "the password is shown: {shown}");
    assert!(shown.contains("eyJ") && shown.contains("code=0") && shown.contains(" echo "), "{shown}");
    // Longer than a line of a terminal, with characters of several bytes, and mended while it is typed.
    let long = "ü]]>&".repeat(1_000);
    let shown = answered(&sandbox, &command(&format!("--username {}", contoso::USER)), &question, &format!("{long}é\u{7f}!\n"));
    assert!(shown.contains("AADSTS50126") && shown.contains("code=3"), "{shown}");
    assert_eq!(tenant.token_requests()[1].field("password"), Some(format!("{long}!")));
    let both = format!("{}\n", contoso::USER);
    let shown = answered(&sandbox, &command("--password-file password.txt"), "User name: ", &both);
    assert!(shown.contains("eyJ") && shown.contains("code=0"), "{shown}");
    let shown = answered(&sandbox, &command("--no-input"), "code=", "");
    assert!(shown.contains("no user name is given") && shown.contains("code=2"), "{shown}");
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_sent() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    tenant.allow_idle();
    let origin = tenant.origin();
    for (shared, reason) in
        [("common", "AADSTS90010"), ("consumers", "AADSTS90010"), ("9188040d-6c67-4c5b-b112-36a304b66dad", "AADSTS90010")]
    {
        let authority = format!("{origin}/{shared}");
        let ran = sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["--authority", &authority]);
        ran.refused(2).says(reason).says("--tenant-id").says("organizations");
    }
    sandbox.write("empty.txt", "\n");
    sandbox.write("sample.json", json!({"username": contoso::USER, "password": "<password>"}).to_string());
    sandbox.write("sample-name.json", json!({"username": "your_username@your_tenant.com", "password": "x"}).to_string());
    for (more, said) in [
        (&[][..], "no user name is given"),
        (&["--username", contoso::USER], "no password is given"),
        (&["--username", contoso::USER, "--password-file", "empty.txt"], "the password of --password-file is empty"),
        (&["--username", contoso::USER, "--password-file", "nowhere.txt"], "cannot be read"),
        (&["--username", ""], "--username"),
        (&["--username", "a\u{7}b@contoso.com"], "control character"),
        (&["sample.json"], "still a sample's placeholder"),
        (&["sample-name.json"], "still a sample's placeholder"),
    ] {
        sandbox.run(arguments("username-password", &tenant, more)).refused(2).says(said);
    }
    sandbox.run(arguments("username-password", &tenant, &["--silent", "--username", contoso::USER])).refused(4).says("has not signed in");
    assert!(tenant.requests().is_empty());
}

#[test]
fn each_refusal_says_what_to_do_and_ends_as_the_contract_says() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let none = json!({});
    for (code, error, extra, exit, said) in [
        (65001, "invalid_grant", json!({"suberror": "consent_required"}), 4, "auth-code"),
        (50079, "invalid_grant", json!({"suberror": "basic_action"}), 4, "device-code"),
        (50076, "invalid_grant", json!({"suberror": "basic_action", "claims": "{\"access_token\":{}}"}), 4, "auth-code"),
        (50055, "invalid_grant", json!({"suberror": "user_password_expired"}), 4, "auth-code"),
        (70002, "invalid_client", none.clone(), 3, "Allow public client flows"),
        (7000218, "invalid_client", none.clone(), 3, "Allow public client flows"),
        (50126, "invalid_grant", none.clone(), 3, "--password-file"),
        (50034, "invalid_grant", none.clone(), 3, "user name"),
        (50053, "invalid_grant", none.clone(), 3, "lock"),
        (50057, "invalid_grant", none.clone(), 3, "enable"),
        (90010, "invalid_request", none.clone(), 3, "--tenant-id"),
        (9001023, "invalid_request", none.clone(), 3, "--tenant-id"),
        (700016, "unauthorized_client", none.clone(), 3, "application (client) id"),
        (70011, "invalid_scope", none.clone(), 3, "RESOURCE/.default"),
        (53003, "invalid_grant", json!({"suberror": "message_only", "claims": "{\"access_token\":{}}"}), 3, "administrator"),
        (50105, "invalid_grant", none.clone(), 3, "Users and groups"),
        (50020, "invalid_grant", none.clone(), 3, "guest"),
        (50196, "invalid_grant", none, 5, "wait"),
    ] {
        tenant.next_for("/token", refusal(code, error, &extra));
        let ran = sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q"]);
        ran.refused(exit).says(&format!("AADSTS{code} {error}")).says(said);
        assert!(!ran.stderr.contains('{'), "every placeholder is filled in: {ran:?}");
    }
}

#[test]
fn people_are_refused_for_what_is_known_of_them() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    for (name, password, exit, said) in [
        (contoso::USER, "wrong", 3, "AADSTS50126"),
        ("Nobody@contoso.onmicrosoft.com", "x", 3, "AADSTS50034"),
        (contoso::MULTI_FACTOR_USER, contoso::MULTI_FACTOR_USER_PASSWORD, 4, "AADSTS50076"),
        ("someone@outlook.com", "x", 3, "ropc_not_supported_for_msa"),
        ("someone@nowhere.example", "x", 3, "unknown_user_type"),
        ("+49 89 1234", "x", 3, "user_realm_discovery_failed"),
        (contoso::FABRIKAM_USER, contoso::FABRIKAM_USER_PASSWORD, 3, "AADSTS50020"),
    ] {
        let ran = sign_in(&sandbox, &tenant, name, password, &["-q"]);
        ran.refused(exit).says(said).says("\n  why:  ").says("\n  fix:  ");
    }
    assert!(!sandbox.run(["cache", "list"]).stdout.contains("token"), "nothing is kept");
    let realms = tenant.requests().iter().filter(|request| request.path.contains("userrealm")).count();
    assert_eq!((realms, tenant.token_requests().len()), (7, 4), "the password goes nowhere where nobody is known to check it");
}

#[test]
fn a_password_that_may_have_been_looked_at_is_not_sent_again() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let ad_fs = format!("{}/adfs", tenant.origin());
    for (misbehaviour, said, requests) in [
        (Misbehaviour::CutBeforeAnswer, "lost", 1),
        (Misbehaviour::busy(500, 0), "status 500", 1),
        // Nobody has looked at it.
        (Misbehaviour::busy(503, 0), "eyJ", 2),
    ] {
        for more in [&["-q"][..], &["-q", "--authority", &ad_fs, "--scope", "openid"]] {
            let before = tenant.token_requests().len();
            tenant.next_for("/token", misbehaviour.clone());
            let ran = sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, more);
            assert!(ran.stderr.contains(said) || ran.stdout.starts_with(said), "{said}: {ran:?}");
            assert_eq!(tenant.token_requests().len() - before, requests, "{said}");
        }
    }
}

#[test]
fn a_person_is_known_by_each_name_that_they_sign_in_with() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let mut claims = Map::new();
    claims.insert("preferred_username".to_owned(), json!("primary@contoso.com"));
    let delayed = Misbehaviour::IdToken(claims);
    tenant.next_for("/token", delayed);
    let arguments = signing_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q"]);
    let all = together((0..6).map(|_| sandbox.command(&arguments)));
    assert!(all.iter().all(|ran| ran.code == Some(0)), "{all:?}");
    for name in [contoso::USER, "primary@contoso.com"] {
        sandbox.run(crate::auth_code::arguments("username-password", &tenant, &["--silent", "--username", name])).token();
    }
    assert_eq!(tenant.token_requests().len(), 1);
    // What is renewed keeps the name.
    let renewed =
        sandbox.run(crate::auth_code::arguments("refresh", &tenant, &["--username", contoso::USER, "--force-refresh", "-o", "json"]));
    assert_eq!(renewed.json()["source"], "refresh_token");
    sandbox.run(crate::auth_code::arguments("username-password", &tenant, &["--silent", "--username", contoso::USER])).token();
}

#[test]
fn a_password_is_not_sent_for_what_it_cannot_give() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q"]).token();
    tenant.demand_multi_factor(contoso::USER);
    let ran = sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["--force-refresh"]);
    ran.refused(4).says("AADSTS50076").says("device-code");
    assert!(!ran.stderr.contains("discouraged"), "{ran:?}");
    assert_eq!(tenant.token_requests().len(), 2, "the refresh token's answer is the password's too");
}

#[test]
fn what_is_remembered_of_a_password_does_not_give_it_away() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let failures =
        || crate::sandbox::names(&sandbox.state()).into_iter().filter(|name| name.starts_with("password-") && name.ends_with("failure"));
    let person = contoso::REGISTRATION_USER;
    sign_in(&sandbox, &tenant, person.name, person.password, &["-q"]).refused(4).says("AADSTS50079");
    assert_eq!(failures().count(), 0, "of a right one nothing is kept");
    for password in ["wrong", "other", "wrong", "other", "wrong"] {
        sign_in(&sandbox, &tenant, person.name, password, &["-q"]).refused(3).says("AADSTS50126");
    }
    assert_eq!(tenant.token_requests().len(), 3, "each wrong one was sent once");
    let kept = std::fs::read_to_string(sandbox.state().join(failures().next().unwrap())).unwrap();
    assert!(kept.contains("\"salt\"") && !kept.contains("wrong") && failures().count() == 2, "{kept}");
    let more = ["-q", "--client-id", contoso::AZURE_CLI.client_id];
    sign_in(&sandbox, &tenant, person.name, "wrong", &more).refused(3).says("AADSTS50126");
    assert_eq!(tenant.token_requests().len(), 3, "a wrong one is wrong for every app");
    std::thread::sleep(std::time::Duration::from_millis(5_200));
    sign_in(&sandbox, &tenant, contoso::USER, "wrong", &["-q"]).refused(3);
    assert_eq!(failures().count(), 1, "what is over goes");
}

#[test]
fn while_the_platform_throttles_an_app_no_password_is_sent_for_it() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    tenant.next_for("/token", Misbehaviour::busy(429, 60));
    sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q"]).refused(5).says("429");
    let more = ["-q", "--resource", "arm"];
    sign_in(&sandbox, &tenant, contoso::OTHER_USER, contoso::OTHER_USER_PASSWORD, &more).refused(5).says("429").says("try again in");
    assert_eq!(tenant.token_requests().len(), 1);
}

#[test]
fn a_name_that_passes_on_to_another_person_is_told_by_the_password() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let named = |name: &str| {
        let mut claims = Map::new();
        claims.insert("preferred_username".to_owned(), json!(name));
        Misbehaviour::IdToken(claims)
    };
    // Both are known by another name, and have signed in by the same.
    for (user, password) in [(contoso::USER, contoso::USER_PASSWORD), (contoso::OTHER_USER, contoso::OTHER_USER_PASSWORD)] {
        tenant.next_for("/token", named(&format!("x{user}")));
        sign_in(&sandbox, &tenant, user, password, &["-q"]).token();
    }
    let state = crate::sandbox::names(&sandbox.state()).into_iter().filter(|name| crate::sandbox::has_extension(name, "json"));
    for name in state {
        let path = sandbox.state().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace(contoso::OTHER_USER, contoso::USER)).unwrap();
    }
    sandbox.run(arguments("refresh", &tenant, &["--username", contoso::USER])).refused(4).says("2 people");
    sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q"]).token();
    let removed = sandbox.run(["cache", "remove", "--username", contoso::USER]);
    assert_eq!(removed.code, Some(0), "{removed:?}");
    sandbox.run(arguments("refresh", &tenant, &["--username", contoso::USER])).refused(4).says("has not signed in");
}

#[test]
fn a_password_goes_with_no_name_that_nobody_gave() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache().env("AZURE_PASSWORD", contoso::USER_PASSWORD));
    sandbox.run(arguments("auth-code", &tenant, &["--silent"])).refused(4);
    sign_in(&sandbox, &tenant, contoso::OTHER_USER, contoso::OTHER_USER_PASSWORD, &["-q"]).token();
    tenant.revoke_sign_ins(contoso::OTHER_USER);
    let before = tenant.token_requests().len();
    let ran = sandbox.run(arguments("username-password", &tenant, &["--force-refresh"]));
    ran.refused(2).says("no user name is given");
    assert_eq!(tenant.token_requests().len(), before + 1, "the refresh token alone was tried");
}

#[test]
fn a_file_s_secret_goes_with_the_file_s_app() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    sandbox.write("p.json", json!({"client_id": contoso::DAEMON.client_id, "secret": contoso::DAEMON.secret}).to_string());
    sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["p.json", "-q"]).token();
    assert_eq!(tenant.token_requests()[0].field("client_secret"), None, "the app is another one: {APP}");
    let sandbox = Sandbox::new().env("AZURE_CLIENT_SECRET", contoso::DAEMON.secret);
    sandbox.write("p.json", json!({"client_id": contoso::DAEMON.client_id}).to_string());
    let more = ["p.json", "-q", "--client-id", contoso::DAEMON.client_id];
    sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &more).token();
    assert_eq!(tenant.token_requests()[1].field("client_secret").as_deref(), Some(contoso::DAEMON.secret), "the file names the app");
}

#[test]
fn a_wrong_password_is_not_repeated_for_other_resources() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    for resource in ["graph", "arm", "databricks"] {
        let ran = sign_in(&sandbox, &tenant, contoso::USER, "wrong", &["-q", "--resource", resource]);
        ran.refused(3).says("AADSTS50126");
    }
    assert_eq!(tenant.token_requests().len(), 1);
    let ran = sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q", "--scope", "api://unknown/x"]);
    ran.refused(3).says("AADSTS500011");
    sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q", "--resource", "arm"]).token();
}

#[test]
fn nobody_waits_for_somebody_who_types() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let line = arguments("username-password", &tenant, &["--username", contoso::USER]).join(" ");
    let asking = format!("{} {line}; echo code=$?", env!("CARGO_BIN_EXE_entra-token"));
    let other = signing_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q", "--force-refresh"]);
    let meanwhile = format!("(sleep 0.5; {} {} > other.txt; echo other=$?) & {asking}", env!("CARGO_BIN_EXE_entra-token"), other.join(" "));
    let answer = format!("{}\n", contoso::USER_PASSWORD);
    let shown = typed(&sandbox, &meanwhile, &[("Password of ", b""), ("other=0", answer.as_bytes())]);
    assert!(shown.contains("code=0"), "{shown}");
    assert!(std::fs::read_to_string(sandbox.path("other.txt")).unwrap().starts_with("eyJ"), "it got a token beside the one who types");
}

#[test]
fn an_authority_without_realms_checks_passwords_itself() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let missing = || Misbehaviour::Status { status: 404, headers: Vec::new(), body: Vec::new() };
    tenant.next_for("/AdeleV%40contoso.onmicrosoft.com", missing());
    sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q"]).token();
    tenant.next_for("/%2B49", missing());
    sign_in(&sandbox, &tenant, "+49", "x", &["-q"]).refused(3).says("user_realm_discovery_failed");
    tenant.next_for("/AdeleV%40contoso.onmicrosoft.com", Misbehaviour::Status { status: 403, headers: Vec::new(), body: Vec::new() });
    sign_in(&sandbox, &tenant, contoso::USER, "x", &["-q"]).refused(5).says("it says nothing of the account (status 403)");
    assert_eq!(tenant.token_requests().len(), 1);
}

#[test]
fn a_wrong_password_is_not_repeated() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let arguments = signing_in(&sandbox, &tenant, contoso::USER, "wrong", &["-q"]);
    for ran in together((0..12).map(|_| sandbox.command(&arguments))) {
        ran.refused(3).says("AADSTS50126");
    }
    sandbox.run(&arguments).refused(3).says("AADSTS50126");
    assert_eq!(tenant.token_requests().len(), 1, "a few wrong ones lock an account");
    sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q"]).token();
    assert_eq!(tenant.token_requests().len(), 2, "the right one is another question");
}

#[test]
fn many_at_once_sign_in_once() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    tenant.next_for("/token", Misbehaviour::Delay(std::time::Duration::from_millis(300)));
    let arguments = signing_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q"]);
    let all = together((0..12).map(|_| sandbox.command(&arguments)));
    let tokens: Vec<&str> = all.iter().map(|ran| ran.stdout.trim()).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0] && token.starts_with("eyJ")), "{all:?}");
    assert_eq!(tenant.token_requests().len(), 1);
}

#[test]
fn a_client_with_a_credential_needs_no_realm() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    sandbox.write("secret.txt", contoso::DAEMON.secret);
    let more = ["-q", "--client-id", contoso::DAEMON.client_id, "--secret-file", "secret.txt"];
    sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &more).token();
    assert_eq!(asked(&tenant), ["token"]);
    assert_eq!(tenant.token_requests()[0].field("client_secret").as_deref(), Some(contoso::DAEMON.secret));
    let more = ["-q", "--client-id", contoso::DAEMON.client_id];
    let ran = sign_in(&sandbox, &tenant, contoso::USER, contoso::USER_PASSWORD, &more);
    ran.refused(3).says("AADSTS7000218").says("Allow public client flows");
}

#[test]
fn b2c_ad_fs_and_other_providers_check_passwords_themselves() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let policy = |name: &str| format!("{}/{}/{name}", tenant.origin(), contoso::TENANT_DOMAIN);
    let (ropc, sign_up) = (policy("B2C_1_ROPC_Auth"), policy("B2C_1_signup"));
    let run = |authority: &str, password: &str, more: &[&str]| {
        sign_in(&sandbox, &tenant, contoso::USER, password, &[&["-q", "--authority", authority], more].concat())
    };
    run(&ropc, contoso::USER_PASSWORD, &["--scope", APP]).token();
    assert_eq!(asked(&tenant), ["token"], "no realm is asked for");
    run(&ropc, contoso::USER_PASSWORD, &["--scope", APP, "--silent"]).token();
    run(&ropc, "wrong", &["--scope", APP, "--force-refresh"]).token();
    let new = Sandbox::new();
    let ran = sign_in(&new, &tenant, contoso::USER, contoso::USER_PASSWORD, &["-q", "--authority", &sign_up, "--scope", APP]);
    ran.refused(3).says("AADB2C").says("\n  fix:  ");
    let federation = format!("{}/adfs", tenant.origin());
    run(&federation, contoso::USER_PASSWORD, &["--scope", "openid"]).token();
    let ran = sign_in(&new, &tenant, contoso::USER, "wrong", &["-q", "--authority", &federation, "--scope", "openid"]);
    ran.refused(3).says("MSIS9659").says("\n  fix:  ");
    let provider = format!("{}/oidc", tenant.origin());
    let more = ["-q", "--oidc-authority", &provider, "--scope", "api"];
    sign_in(&new, &tenant, contoso::USER, contoso::USER_PASSWORD, &more).token();
    sign_in(&new, &tenant, contoso::USER, "wrong", &more).refused(3).says("invalid_grant");
    assert!(tenant.requests().iter().all(|request| !request.path.contains("userrealm")));
}

#[test]
fn a_password_that_is_cut_is_not_shown_either() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let canary = "CNRY-correct horse battery staple";
    for before in [8 << 10, 1_000, 290, 280, 20].map(|length: usize| "x ".repeat(length / 2 - 5)) {
        let text = format!("AADSTS1: {before}{canary}");
        tenant.next_for(
            "/token",
            Misbehaviour::Refusal { status: 400, error: "odd".to_owned(), codes: vec![1], description: text, extra: Map::new() },
        );
        let ran = sign_in(&sandbox, &tenant, contoso::USER, canary, &["-vv"]);
        assert!(ran.code == Some(3) && !ran.stderr.contains("CNRY"), "{ran:?}");
        let kept = crate::sandbox::names(&sandbox.state()).into_iter().map(|name| std::fs::read(sandbox.state().join(name)).unwrap());
        assert!(kept.into_iter().all(|bytes| !String::from_utf8_lossy(&bytes).contains("CNRY")), "nothing of it is kept");
        std::fs::remove_dir_all(sandbox.state()).unwrap();
    }
}

#[test]
fn nothing_shows_the_password() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let canary = "CNRY\"pass]]>&<'ü";
    let mut extra = Map::new();
    extra.insert("error_description".to_owned(), json!(format!("AADSTS50126: {canary} is wrong")));
    tenant.next_for(
        "/token",
        Misbehaviour::Refusal { status: 400, error: canary.to_owned(), codes: vec![1], description: canary.to_owned(), extra },
    );
    for more in [&["-vv"][..], &["-vv", "--error-format", "json"]] {
        let ran = sign_in(&sandbox, &tenant, contoso::USER, canary, more);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(ran.stderr.contains("password=***") && !ran.stderr.contains("CNRY"), "{ran:?}");
    }
}
