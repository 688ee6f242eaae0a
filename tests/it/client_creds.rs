//! The flow end to end: what is sent, what comes back, and each refusal of the platform.

use local_tenant::{Misbehaviour, Tenant, contoso};
use serde_json::json;

use crate::sandbox::Sandbox;

#[test]
fn the_daemon_samples_file_gives_a_token_with_one_request() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let claims = sandbox.client_creds(&tenant, []).claims();
    assert_eq!((&claims["appid"], &claims["tid"]), (&json!(contoso::DAEMON.client_id), &json!(contoso::TENANT_ID)));
    let requests = tenant.requests();
    assert_eq!(requests.len(), 1, "one POST is one token");
    let request = &requests[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", format!("/{}/oauth2/v2.0/token", contoso::TENANT_ID).as_str()));
    let form = request.form();
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        form,
        [
            ("client_id", contoso::DAEMON.client_id),
            ("scope", "https://graph.microsoft.com/.default"),
            ("client_secret", contoso::DAEMON.secret),
            ("grant_type", "client_credentials"),
            ("client_info", "1"),
        ]
    );
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    let id = request.header("client-request-id").expect("the request has an id");
    assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'), "a random UUID: {id}");
}

#[test]
fn flags_and_environment_can_say_everything() {
    let tenant = Tenant::start();
    let ca = tenant.ca_file().to_string_lossy().into_owned();
    let authority = tenant.authority();
    let azure = Sandbox::new()
        .env("AZURE_AUTHORITY_HOST", tenant.origin())
        .env("AZURE_TENANT_ID", contoso::TENANT_DOMAIN)
        .env("AZURE_CLIENT_ID", contoso::DAEMON.client_id)
        .env("AZURE_CLIENT_SECRET", contoso::DAEMON.secret)
        .env("SSL_CERT_FILE", &ca);
    assert_eq!(azure.run(["client-creds", "--resource", "graph"]).claims()["aud"], "https://graph.microsoft.com");
    let ran = azure.run(["client-creds", "--resource", "graph", "-v"]);
    for variable in ["AZURE_AUTHORITY_HOST", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"] {
        ran.says(variable);
    }
    let arm = Sandbox::new().env("ARM_CLIENT_ID", contoso::DAEMON.client_id).env("ARM_CLIENT_SECRET", contoso::DAEMON.secret);
    let flags = ["client-creds", "--authority", &authority, "--ca-file", &ca];
    assert_eq!(arm.run(flags.into_iter().chain(["--resource", "sql"])).claims()["aud"], "https://database.windows.net/");
    let sandbox = Sandbox::new();
    sandbox.write("secret.txt", format!("{}\r\n", contoso::DAEMON.secret));
    let flags = ["--client-id", contoso::DAEMON.client_id, "--secret-file", "secret.txt", "--authority", &authority, "--ca-file", &ca];
    let scope = ["client-creds", "--scope", "https://database.windows.net/.default"];
    assert_eq!(sandbox.run(scope.into_iter().chain(flags)).claims()["aud"], "https://database.windows.net", "no slash is added");
}

#[test]
fn secrets_come_from_every_place_that_the_contract_names() {
    let tenant = Tenant::start();
    let sandbox = Sandbox::new().env("MY_SECRET", contoso::DAEMON.secret);
    std::fs::create_dir(sandbox.path("keys")).unwrap();
    sandbox.write("keys/secret", contoso::DAEMON.secret);
    std::fs::create_dir(sandbox.path("config")).unwrap();
    for secret in [
        json!(contoso::DAEMON.secret),
        json!({"env": "MY_SECRET"}),
        json!({"file": "../keys/secret"}),
        json!({"command": ["printenv", "MY_SECRET"]}),
    ] {
        let parameters =
            json!({"authority": tenant.authority(), "client_id": contoso::DAEMON.client_id, "resource": "graph", "secret": secret});
        let parameters = sandbox.write("config/p.json", parameters.to_string());
        sandbox.client_creds_with(&tenant, &parameters, []).token();
    }
    let parameters = json!({"authority": tenant.authority(), "client_id": contoso::DAEMON.client_id, "resource": "graph"});
    let parameters = sandbox.write("p.json", parameters.to_string());
    let ca = tenant.ca_file().to_string_lossy().into_owned();
    let line = ["client-creds", &parameters.to_string_lossy(), "--secret-file", "-", "--ca-file", &ca];
    sandbox.run_with_input(line, contoso::DAEMON.secret.as_bytes()).token();
    let whole = json!({"authority": tenant.authority(), "client_id": contoso::DAEMON.client_id, "resource": "graph", "secret": contoso::DAEMON.secret});
    sandbox.run_with_input(["client-creds", "-", "--ca-file", &ca], whole.to_string().as_bytes()).token();
}

#[test]
fn each_refusal_is_explained_with_cause_and_next_step() {
    let tenant = Tenant::start();
    let sandbox = Sandbox::new();
    let daemon = contoso::DAEMON;
    let fabrikam = format!("{}/{}", tenant.origin(), contoso::FABRIKAM_ID);
    let nowhere = format!("{}/nowhere.example", tenant.origin());
    let own = tenant.authority();
    for (authority, client_id, secret, exit, message) in [
        (&own, daemon.client_id, "local~wrong", 3, "error: the client secret is not right (AADSTS7000215 invalid_client)"),
        (&own, contoso::EXPIRED.client_id, contoso::EXPIRED.secret, 3, "(AADSTS7000222 invalid_client)"),
        (&own, contoso::DISABLED.client_id, contoso::DISABLED.secret, 3, "(AADSTS7000112 unauthorized_client)"),
        (&own, contoso::BLOCKED.client_id, contoso::BLOCKED.secret, 3, "(AADSTS53003 "),
        (&fabrikam, daemon.client_id, daemon.secret, 3, "(AADSTS700016 unauthorized_client)"),
        (&nowhere, daemon.client_id, daemon.secret, 3, "(AADSTS90002 invalid_request)"),
    ] {
        let parameters = sandbox.parameters(authority, client_id, secret);
        let ran = sandbox.client_creds_with(&tenant, &parameters, []);
        ran.refused(exit).says(message).says("\n  why:  ").says("\n  fix:  ").says("\n  ids:  correlation ");
        assert!(!ran.stderr.contains(secret) && !ran.stderr.contains("the platform refused"), "{ran:?}");
    }
    let unknown = sandbox.client_creds(&tenant, ["--resource", "https://nobody.example"]);
    unknown.refused(3).says("(AADSTS500011 invalid_resource)").says("https://nobody.example/.default");
    assert_eq!(tenant.requests().len(), 7, "a refusal is not asked for twice");
}

#[test]
fn the_exit_code_says_who_can_lift_a_refusal() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    for (error, codes, suberror, exit) in [
        ("invalid_grant", vec![65_001], Some("consent_required"), 4),
        ("interaction_required", vec![50_076], Some("basic_action"), 4),
        ("invalid_grant", vec![53_003], Some("message_only"), 3),
        ("invalid_grant", vec![4_242_424], Some("basic_action"), 4),
        ("unauthorized_client", vec![4_242_424], None, 3),
        ("temporarily_unavailable", vec![90_033], None, 5),
    ] {
        let extra = suberror.map(|suberror| ("suberror".to_owned(), json!(suberror))).into_iter().collect();
        tenant.next(Misbehaviour::Refusal { status: 400, error: error.to_owned(), codes, description: "Made up.".to_owned(), extra });
        sandbox.client_creds(&tenant, []).refused(exit).says(error);
    }
}

#[test]
fn an_error_as_json_is_one_object_with_every_field() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let challenge = r#"{"access_token":{"nbf":{"essential":true}}}"#;
    let extra = [("suberror".to_owned(), json!("basic_action")), ("claims".to_owned(), json!(challenge))].into_iter().collect();
    let codes = vec![50_076];
    tenant.next(Misbehaviour::Refusal {
        status: 400,
        error: "interaction_required".to_owned(),
        codes,
        description: "More.".to_owned(),
        extra,
    });
    let ran = sandbox.client_creds(&tenant, ["--error-format", "json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""));
    let object: serde_json::Value = serde_json::from_str(&ran.stderr).expect("standard error is one JSON object");
    assert_eq!(object["error"], "interaction_required");
    assert_eq!(object["error_codes"], json!([50076]));
    assert_eq!((&object["suberror"], &object["claims"], &object["exit_code"]), (&json!("basic_action"), &json!(challenge), &json!(4)));
    let sent = tenant.requests()[0].header("client-request-id").map(str::to_owned);
    assert_eq!(object["correlation_id"].as_str(), sent.as_deref());
    assert!(object["trace_id"].is_string() && object["timestamp"].is_string() && object["retry_after"].is_null());
    assert!(object["message"].is_string() && object["why"].is_string() && object["fix"].is_string());
}

#[test]
fn claims_are_sent_as_they_are_given() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let claims = r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#;
    sandbox.client_creds(&tenant, ["--claims", claims]).token();
    assert_eq!(tenant.requests()[0].field("claims").as_deref(), Some(claims));
}

#[test]
fn the_trace_names_places_and_steps_and_no_secret() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let ran = sandbox.client_creds(&tenant, ["-v"]);
    assert_eq!(ran.code, Some(0));
    ran.says("* client id").says("parameters.json line").says("* client-request-id ").says("answered with status 200");
    assert!(!ran.stderr.contains("client_secret="), "one -v shows no requests");
    let ran = sandbox.client_creds(&tenant, ["-vv"]);
    ran.says("> POST https://localhost:").says("client_secret=***").says("grant_type=client_credentials").says("access_token: ***");
    assert!(!ran.stderr.contains(contoso::DAEMON.secret) && !ran.stderr.contains(ran.stdout.trim()), "{ran:?}");
}

#[test]
fn every_well_known_resource_is_one_that_the_platform_knows() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let readme = include_str!("../../README.md");
    let list = readme.split("Resources by name").nth(1).and_then(|rest| rest.split('.').next()).expect("the README lists them");
    let names: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    assert_eq!(names.len(), 20);
    for name in &names {
        let audience = sandbox.client_creds(&tenant, ["--resource", name]).claims()["aud"].clone();
        assert!(audience.is_string(), "{name}");
    }
    let unknown = sandbox.client_creds(&tenant, ["--resource", "nothing"]).stderr;
    let known = unknown.split("Known are ").nth(1).and_then(|rest| rest.split(';').next()).expect("the error lists them");
    assert_eq!(known.split(", ").collect::<Vec<_>>(), names, "the error lists what the README lists");
}
