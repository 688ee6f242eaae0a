//! `device-code`: a person signs in on another device.

use std::time::{Duration, Instant};

use local_tenant::{Directory, Misbehaviour, Policy, Tenant, contoso};
use serde_json::{Map, Value, json};

use crate::auth_code::arguments;
use crate::sandbox::Sandbox;
use crate::waiting::Waiting;

/// A tenant that may be polled every second.
fn tenant() -> Tenant {
    Tenant::builder().directory(Directory::default().device_interval(1)).start()
}

/// A sign-in that waits, with the page and the code.
fn begun(sandbox: &Sandbox, tenant: &Tenant, more: &[&str]) -> (Waiting, String, String) {
    let mut waiting = Waiting::start(sandbox.command(arguments("device-code", tenant, more)));
    let page = waiting.url();
    waiting.line(|line| line.contains("enter this code"));
    let code = waiting.line(|_| true);
    (waiting, page, code)
}

fn refusal(error: &str, codes: &[u32]) -> Misbehaviour {
    let (error, description) = (error.to_owned(), "Not now.".to_owned());
    Misbehaviour::Refusal { status: 400, error, codes: codes.to_vec(), description, extra: Map::new() }
}

#[test]
fn a_person_signs_in_on_another_device() {
    let (tenant, sandbox) = (tenant(), Sandbox::with_cache());
    let (mut waiting, page, code) = begun(&sandbox, &tenant, &["-o", "json", "--quiet"]);
    assert_eq!(page, format!("{}/devicelogin", tenant.origin()));
    assert!(code.len() == 9 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()), "the code alone: {code:?}");
    let asks = waiting.line(|line| line.contains(contoso::PUBLIC_APP.client_id));
    assert!(asks.contains(contoso::TENANT_DOMAIN) || asks.contains(contoso::TENANT_ID), "{asks}");
    let mut browser = tenant.browser();
    let shown = browser.open(&page);
    let shown = browser.submit(&shown, &[("otc", &code)], "Next");
    browser.go_on(shown, contoso::USER, contoso::USER_PASSWORD);
    let ran = waiting.ended();
    let tokens: Value = ran.json();
    assert_eq!(tokens["account"]["username"], contoso::USER);
    assert!(tokens["refresh_token"].is_string() && tokens["id_token"].is_string());
    assert!(!ran.stderr.contains('\r') && !ran.stderr.contains('\u{1b}'), "no countdown where nobody watches: {}", ran.stderr);
    let asked = tenant.token_requests();
    let names: Vec<String> = asked[0].form().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["client_id", "grant_type", "device_code", "client_info"]);
    let again = sandbox.run(arguments("auth-code", &tenant, &["--silent", "-o", "json"])).json();
    assert_eq!((&again["source"], &again["access_token"]), (&json!("cache"), &tokens["access_token"]));
}

#[test]
fn nothing_begins_where_nobody_may_be_asked() {
    let (tenant, sandbox) = (tenant(), Sandbox::with_cache());
    tenant.allow_idle();
    sandbox.run(arguments("device-code", &tenant, &["--silent"])).refused(4).says("nobody has signed in");
    let b2c = format!("{}/contoso.onmicrosoft.com/B2C_1_signin", tenant.origin());
    sandbox.run(arguments("device-code", &tenant, &["--authority", &b2c])).refused(2).says("B2C has no device codes");
    assert!(tenant.requests().is_empty());
}

#[test]
fn polls_survive_a_bad_network_and_a_busy_platform() {
    let (tenant, sandbox) = (tenant(), Sandbox::new());
    let busy = Misbehaviour::Status { status: 503, headers: Vec::new(), body: b"later".to_vec() };
    for trouble in [Misbehaviour::CutBeforeAnswer, busy, refusal("authorization_pending", &[70016])] {
        tenant.next_for("/token", trouble);
    }
    let (waiting, _, code) = begun(&sandbox, &tenant, &["-v"]);
    while tenant.token_requests().len() < 3 {
        std::thread::sleep(Duration::from_millis(20));
    }
    tenant.approve_device(&code, contoso::USER);
    let ran = waiting.ended();
    assert_eq!((ran.code, tenant.token_requests().len()), (Some(0), 4), "{ran:?}");
}

#[test]
fn whoever_polls_too_fast_polls_slower_for_good() {
    let (tenant, sandbox) = (tenant(), Sandbox::new());
    tenant.next_for("/token", refusal("slow_down", &[]));
    tenant.next_for("/token", refusal("authorization_pending", &[70016]));
    let (waiting, _, code) = begun(&sandbox, &tenant, &[]);
    tenant.approve_device(&code, contoso::USER);
    let start = Instant::now();
    assert_eq!(waiting.ended().code, Some(0));
    assert!(start.elapsed() > Duration::from_secs(11), "each poll after it comes five seconds later than it would have");
    assert_eq!(tenant.token_requests().len(), 3);
}

#[test]
fn how_it_ends_without_a_token_is_told_apart() {
    let (tenant, sandbox) = (tenant(), Sandbox::new());
    let (waiting, _, code) = begun(&sandbox, &tenant, &[]);
    tenant.decline_device(&code);
    waiting.ended().refused(6).says("cancelled or declined");
    let (waiting, _, code) = begun(&sandbox, &tenant, &[]);
    tenant.expire_device(&code);
    waiting.ended().refused(6).says("the code expired");
    let (waiting, ..) = begun(&sandbox, &tenant, &["--timeout", "2"]);
    waiting.ended().refused(6).says("nobody signed in within 2 seconds");
    let (waiting, ..) = begun(&sandbox, &tenant, &[]);
    waiting.signal("INT");
    waiting.ended().refused(130);
    let plain = json!({"verification_uri": "http://phishing.example/device"});
    let Value::Object(members) = plain else { panic!("an object") };
    tenant.next_for("/devicecode", Misbehaviour::Token(members));
    sandbox.run(arguments("device-code", &tenant, &[])).refused(5).says("verification_uri is not https");
    sandbox.run(arguments("device-code", &tenant, &["--scope", "api://unknown/x"])).refused(3).says("AADSTS500011");
    let short = Tenant::builder().directory(Directory::default().device_interval(1).device_lifetime(Duration::from_secs(2))).start();
    let (waiting, ..) = begun(&sandbox, &short, &[]);
    waiting.ended().refused(6).says("the code expired");
}

#[test]
fn a_network_that_stays_away_is_not_taken_for_a_person_who_does() {
    let (tenant, sandbox) = (tenant(), Sandbox::new());
    // After the first second, and two after that.
    for _ in 0..2 {
        tenant.next_for("/token", Misbehaviour::CutBeforeAnswer);
    }
    let (waiting, ..) = begun(&sandbox, &tenant, &["--timeout", "4"]);
    waiting.ended().refused(5).says("was lost before the answer was complete");
    let quick = Tenant::builder().directory(Directory::default().device_interval(1)).start();
    quick.next_for("/token", Misbehaviour::Delay(Duration::from_secs(20)));
    let (waiting, ..) = begun(&sandbox, &quick, &["--timeout", "3"]);
    let start = Instant::now();
    waiting.ended().refused(5).says("no answer");
    assert!(start.elapsed() < Duration::from_secs(8), "a poll that hangs ends with the command's time");
}

#[test]
fn a_policy_against_the_flow_comes_with_another_way() {
    let id = "7c1d2f9a-3b64-4e0f-9a51-d2c8b7e6f043";
    let app = local_tenant::App::new(id, "no devices", contoso::TENANT_ID).policy(Policy::BlocksDeviceCode).policy(Policy::PublicClient);
    let app = app.delegated(local_tenant::Permission::new(contoso::GRAPH_ID, "User.Read"));
    let tenant = Tenant::builder().directory(Directory::default().device_interval(1).app(app)).start();
    let sandbox = Sandbox::new();
    let (waiting, _, code) = begun(&sandbox, &tenant, &["--client-id", id]);
    tenant.approve_device(&code, contoso::USER);
    waiting.ended().refused(3).says("AADSTS53003").says("entra-token auth-code");
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_the_time_that_is_left_counts_down() {
    let (tenant, sandbox) = (tenant(), Sandbox::new());
    let words = arguments("device-code", &tenant, &["--timeout", "4"]).iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &format!("{} {words}", env!("CARGO_BIN_EXE_entra-token")), "/dev/null"]);
    let output = command.env("TERM", "xterm").env("ENTRA_TOKEN_CACHE", "none").env("HOME", sandbox.path("")).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(6), "{shown}");
    for left in ["4 seconds left", "3 seconds left", "2 seconds left"] {
        assert!(shown.contains(&format!("\r\u{1b}[KWaiting for the sign-in: {left}")), "{left}: {shown}");
    }
    let (_, after) = shown.rsplit_once("left").unwrap();
    assert!(after.starts_with("\r\u{1b}[K") && after.contains("error:"), "the line is taken away: {after:?}");
}
