//! `auth-code`: a person signs in with a browser.

use std::process::Stdio;

use local_tenant::{Directory, Misbehaviour, Tenant, contoso};
use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox, claims};
use crate::waiting::{Waiting, parameter, port};

const APP: &str = contoso::PUBLIC_APP.client_id;

/// The arguments of a command for the desktop app.
pub(crate) fn arguments(command: &str, tenant: &Tenant, more: &[&str]) -> Vec<String> {
    let (authority, ca_file) = (tenant.authority(), tenant.ca_file().to_string_lossy().into_owned());
    let mut all: Vec<String> = [command, "--ca-file", &ca_file].map(str::to_owned).to_vec();
    let has = |name: &str| more.contains(&name);
    if !has("--authority") && !has("--oidc-authority") {
        all.extend(["--authority".to_owned(), authority]);
    }
    if !has("--scope") && !has("--resource") {
        all.extend(["--resource", "graph"].map(str::to_owned));
    }
    for (name, value) in [("--client-id", APP), ("--timeout", "25")].into_iter().filter(|(name, _)| !has(name)) {
        all.extend([name, value].map(str::to_owned));
    }
    all.extend(more.iter().map(|word| (*word).to_owned()));
    all
}

/// A sign-in that waits, without a browser of its own.
fn begun(sandbox: &Sandbox, tenant: &Tenant, more: &[&str]) -> (Waiting, String) {
    let more = [&["--no-browser"], more].concat();
    let mut waiting = Waiting::start(sandbox.command(arguments("auth-code", tenant, &more)));
    let url = waiting.url();
    (waiting, url)
}

/// A sign-in that the usual person goes through with.
#[track_caller]
pub(crate) fn signed_in(sandbox: &Sandbox, tenant: &Tenant, more: &[&str]) -> Ran {
    let (waiting, url) = begun(sandbox, tenant, more);
    tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
    waiting.ended()
}

fn silent(sandbox: &Sandbox, tenant: &Tenant, more: &[&str]) -> Ran {
    sandbox.run(arguments("auth-code", tenant, &[&["--silent"], more].concat()))
}

/// The first address of a sign-in to the desktop app, for Graph.
fn check_address(url: &str, tenant: &Tenant) {
    assert!(url.starts_with(&format!("{}/oauth2/v2.0/authorize?", tenant.authority())), "{url}");
    for (name, value) in [
        ("client_id", APP),
        ("response_type", "code"),
        ("redirect_uri", &format!("http://localhost:{}", port(url))),
        ("response_mode", "form_post"),
        ("scope", "https://graph.microsoft.com/.default offline_access openid profile"),
        ("code_challenge_method", "S256"),
        ("client_info", "1"),
    ] {
        assert_eq!(parameter(url, name).as_deref(), Some(value), "{url}");
    }
    let lengths = ["state", "nonce", "code_challenge"].map(|name| parameter(url, name).map_or(0, |value| value.len()));
    assert_eq!(lengths, [43; 3], "{url}");
    assert_eq!(["prompt", "login_hint", "domain_hint", "claims"].map(|name| parameter(url, name)), [const { None }; 4]);
}

#[test]
fn a_person_signs_in_once_and_stays_signed_in() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let (waiting, url) = begun(&sandbox, &tenant, &["-o", "json"]);
    check_address(&url, &tenant);
    let page = tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
    assert_eq!(page.status(), 200);
    assert!(page.text().contains("Go back to the terminal") && !page.url().contains("code="), "{} {}", page.url(), page.text());
    for (name, value) in [("cache-control", "no-store"), ("referrer-policy", "no-referrer")] {
        assert_eq!(page.header(name), Some(value));
    }
    let tokens = waiting.ended().json();
    assert_eq!(tokens["account"]["username"], contoso::USER);
    assert_eq!((&tokens["source"], &tokens["client_id"]), (&json!("network"), &json!(APP)));
    assert!(tokens["refresh_token"].is_string() && tokens["id_token"].is_string(), "{tokens}");
    let sent = tenant.token_requests();
    assert_eq!(sent.len(), 1, "one request for tokens");
    let sent: Vec<String> = sent[0].form().into_iter().map(|(name, _)| name).collect();
    assert_eq!(sent, ["client_id", "scope", "grant_type", "code", "redirect_uri", "code_verifier", "client_info"]);
    // From now on nobody is asked.
    let again = silent(&sandbox, &tenant, &["-o", "json"]).json();
    assert_eq!((&again["source"], &again["access_token"]), (&json!("cache"), &tokens["access_token"]));
    assert_eq!((&again["refresh_token"], &again["id_token"]), (&tokens["refresh_token"], &tokens["id_token"]));
    let other = silent(&sandbox, &tenant, &["--resource", "arm", "-o", "json"]).json();
    assert_eq!((other["source"].as_str(), tenant.token_requests().len()), (Some("refresh_token"), 2));
    sandbox.run(arguments("device-code", &tenant, &["--silent", "--resource", "arm"])).token();
    sandbox.run(arguments("refresh", &tenant, &["--silent"])).token();
    // The list names the person, and whoever is removed has signed out.
    let list = sandbox.run(["cache", "list"]).stdout;
    assert!(list.contains(contoso::USER) && !list.contains(tokens["refresh_token"].as_str().unwrap()), "{list}");
    assert_eq!(sandbox.run(["cache", "remove", "--username", contoso::USER]).code, Some(0));
    silent(&sandbox, &tenant, &[]).refused(4).says("nobody has signed in").says("entra-token auth-code");
    assert_eq!(tenant.token_requests().len(), 2);
}

#[test]
fn the_browser_is_opened_with_the_address_and_nothing_else() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let browser =
        sandbox.write("my browser", "#!/bin/sh\nprintf '%s\\n' \"$#\" \"$1\" > asked.new; env > environment\nmv asked.new asked\n");
    executable(&browser);
    let sandbox = sandbox.env("BROWSER", &browser).env("AZURE_CLIENT_SECRET", "CNRY-environment-secret").env("AZURE_CLIENT_ID", "other");
    let mut waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &["-q", "--error-format", "json"])));
    let url = waiting.url();
    let start = std::time::Instant::now();
    while !sandbox.path("asked").exists() {
        assert!(start.elapsed().as_secs() < 20, "no browser was opened");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(std::fs::read_to_string(sandbox.path("asked")).unwrap(), format!("1\n{url}\n"));
    assert!(!std::fs::read_to_string(sandbox.path("environment")).unwrap().contains("CNRY"));
    let command_line = std::fs::read_to_string(format!("/proc/{}/cmdline", waiting.id())).unwrap_or_default();
    assert!(!command_line.contains("CNRY"));
    tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
}

#[test]
fn what_the_sign_in_page_is_told_comes_from_flags_or_parameters() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let hints = json!({"login_hint": contoso::OTHER_USER, "domain_hint": "contoso.com", "prompt": "select_account",
        "claims": {"id_token": {"auth_time": {"essential": true}}}});
    sandbox.write("p.json", hints.to_string());
    let (waiting, url) = begun(&sandbox, &tenant, &["p.json", "--prompt", "login"]);
    for (name, value) in [
        ("login_hint", contoso::OTHER_USER),
        ("domain_hint", "contoso.com"),
        ("prompt", "login"),
        ("claims", "{\"id_token\": {\"auth_time\": {\"essential\": true}}}"),
    ] {
        assert_eq!(parameter(&url, name).map(|text| text.replace([' '], "")), Some(value.replace(' ', "")), "{url}");
    }
    tenant.browser().sign_in(&url, contoso::OTHER_USER, contoso::OTHER_USER_PASSWORD);
    waiting.ended();
    assert!(tenant.token_requests()[0].field("claims").is_some());
    tenant.allow_idle();
    let (waiting, url) = begun(&sandbox, &tenant, &["--username", contoso::USER]);
    assert_eq!(parameter(&url, "login_hint").as_deref(), Some(contoso::USER));
    waiting.signal("KILL");
    for (bad, what) in [
        (&["--prompt", "maybe"][..], "the prompt of --prompt is maybe"),
        (&["--redirect-uri", "http://localhost#x"], "has a fragment"),
        (&["--redirect-uri", "https://app.example/answer"], "leads to no port of this machine"),
        (&["--redirect-uri", "http://127.0.0.2:8400"], "nobody listens on"),
        (&["--manual", "--secret-file", "-"], "--secret-file gives"),
        (&["--redirect-uri", "http://localhost:8400", "--port", "8401"], "--port names port 8401"),
        (&["--port", "0"], "--port"),
        (&["--manual", "--port", "8400"], "--port"),
        (&["--login-hint", "your_username"], "placeholder"),
    ] {
        sandbox.run(arguments("auth-code", &tenant, bad)).refused(2).says(what);
    }
}

#[test]
fn the_answer_comes_to_the_port_and_path_that_were_asked_for() {
    let client_id = "0f0a3c5e-9d1b-4a52-8a7e-5b1f3c2d4e60";
    let app = local_tenant::App::new(client_id, "paths", contoso::TENANT_ID);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let app = app.redirect_uri("http://localhost/answer/here").redirect_uri(&format!("http://127.0.0.1:{free}/x"));
    let app = app.delegated(local_tenant::Permission::new(contoso::GRAPH_ID, "User.Read")).policy(local_tenant::Policy::PublicClient);
    let tenant = Tenant::builder().directory(Directory::default().app(app)).start();
    let sandbox = Sandbox::new();
    let more = ["--client-id", client_id, "--redirect-uri", "http://localhost/answer/here"];
    let (waiting, url) = begun(&sandbox, &tenant, &more);
    let expected = format!("http://localhost:{}/answer/here", port(&url));
    assert_eq!(parameter(&url, "redirect_uri"), Some(expected));
    tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
    let more = ["--client-id", client_id, "--redirect-uri", "http://127.0.0.1/x", "--port", &free];
    let (waiting, url) = begun(&sandbox, &tenant, &more);
    assert_eq!(parameter(&url, "redirect_uri"), Some(format!("http://127.0.0.1:{free}/x")));
    tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
}

#[test]
fn a_busy_port_is_noticed_before_a_browser_opens() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    tenant.allow_idle();
    let browser = sandbox.write("browser", "#!/bin/sh\ntouch opened\n");
    executable(&browser);
    let sandbox = sandbox.env("BROWSER", &browser);
    let mut taken = vec![std::net::TcpListener::bind("127.0.0.1:0").unwrap()];
    taken.extend(std::net::TcpListener::bind("[::1]:0"));
    for listener in &taken {
        let port = listener.local_addr().unwrap().port().to_string();
        let ran = sandbox.run(arguments("auth-code", &tenant, &["--port", &port]));
        ran.refused(2).says(&format!("port {port} is in use")).says("--port");
        assert!(!ran.stderr.contains("authorize") && !sandbox.path("opened").exists());
    }
    assert!(tenant.requests().is_empty());
}

#[test]
fn on_a_machine_without_a_browser_the_answer_is_pasted() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let mut command = sandbox.command(arguments("auth-code", &tenant, &["--manual", "-vv"]));
    command.stdin(Stdio::piped());
    let mut waiting = Waiting::start(command);
    let url = waiting.url();
    assert_eq!(parameter(&url, "response_mode").as_deref(), Some("query"));
    assert_eq!(parameter(&url, "redirect_uri").as_deref(), Some("http://localhost"));
    waiting.line(|line| line.contains("nowhere else"));
    let ended_at = tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD).url();
    assert!(ended_at.starts_with("http://localhost/?code="), "{ended_at}");
    waiting.tell(&format!("\nnot this\n  \"{ended_at}\" \n"));
    let ran = waiting.ended();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let code = parameter(&ended_at, "code").unwrap();
    assert!(!ran.stderr.contains(&code), "the code is not shown");
    // What is not the answer.
    tenant.allow_idle();
    for (pasted, exit, what) in [
        (format!("{ended_at}\n"), 2, "not the answer to this sign-in"),
        ("\n".to_owned(), 6, "standard input ended"),
        ("hello\nworld\n".to_owned(), 2, "not the answer to this sign-in"),
        ("hello".to_owned(), 2, "not the answer to this sign-in"),
        (String::new(), 6, "standard input ended"),
    ] {
        sandbox.run_with_input(arguments("auth-code", &tenant, &["--manual"]), pasted.as_bytes()).refused(exit).says(what);
    }
    let ran = sandbox.run_with_input(arguments("auth-code", &tenant, &["-", "--manual"]), b"{}");
    ran.refused(2).says("standard input");
}

#[test]
fn whoever_cancels_declines_or_stays_away_is_told_from_a_refusal() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    tenant.allow_idle();
    let mut browser = tenant.browser();
    let (waiting, url) = begun(&sandbox, &tenant, &[]);
    let page = browser.open(&url);
    let page = browser.submit(&page, &[], "Cancel");
    assert!(page.text().contains("not signed in"), "{}", page.text());
    waiting.ended().refused(6).says("cancelled or declined");
    // A consent that is not given.
    let write = format!("{}/Orders.Write", contoso::API_URI);
    let (waiting, url) = begun(&sandbox, &tenant, &["--scope", &write]);
    let page = browser.open(&url);
    let page = browser.submit(&page, &[("username", contoso::USER), ("password", contoso::USER_PASSWORD)], "Sign in");
    browser.submit(&page, &[], "Cancel");
    waiting.ended().refused(6);
    // Nobody comes; the port is closed afterwards.
    let (waiting, url) = begun(&sandbox, &tenant, &["--timeout", "1", "--username", contoso::OTHER_USER]);
    waiting.ended().refused(6).says("nobody signed in within 1 second");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port(&url))).is_err());
    // The platform says no, through the browser.
    for (more, code, what) in [(&["--prompt", "none"][..], 4, "AADSTS50058"), (&["--scope", "api://unknown/.default"], 3, "AADSTS500011")] {
        let (waiting, url) = begun(&sandbox, &tenant, more);
        assert!(tenant.browser().open(&url).text().contains("not signed in"));
        waiting.ended().refused(code).says(what).says("ids:  correlation");
    }
    assert!(tenant.token_requests().is_empty());
}

#[test]
fn a_signal_ends_the_wait_and_closes_the_port() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    tenant.allow_idle();
    let hangup = if cfg!(target_os = "linux") { &[("HUP", 129)][..] } else { &[] };
    for (name, code) in [("INT", 130), ("TERM", 143)].iter().chain(hangup) {
        let (waiting, url) = begun(&sandbox, &tenant, &[]);
        waiting.signal(name);
        waiting.ended().refused(*code);
        assert!(std::net::TcpStream::connect(("127.0.0.1", port(&url))).is_err());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn who_is_to_outlive_its_terminal_does() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let words = arguments("auth-code", &tenant, &["--no-browser"]);
    let mut waiting = Waiting::start(sandbox.command_by(&["nohup"], words));
    let url = waiting.url();
    waiting.signal("HUP");
    tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
}

#[test]
fn an_app_with_a_secret_proves_itself() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let daemon = contoso::DAEMON;
    sandbox.write("s", daemon.secret);
    let more = ["--client-id", daemon.client_id, "--secret-file", "s", "-o", "json"];
    let tokens = signed_in(&sandbox, &tenant, &more).json();
    assert_eq!(tokens["account"]["username"], contoso::USER);
    assert_eq!(tenant.token_requests()[0].field("client_secret").as_deref(), Some(daemon.secret));
    signed_in(&sandbox, &tenant, &["--client-id", daemon.client_id]).refused(3).says("AADSTS7000218");
}

#[test]
fn a_word_on_who_signed_in_that_is_not_right_is_refused() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    for (claims, what) in [
        (json!({"aud": contoso::DAEMON.client_id}), "(aud)"),
        (json!({"iss": "https://login.evil.example/x/v2.0"}), "(iss)"),
        (json!({"iss": format!("https://login.microsoftonline.com/{}/v2.0", contoso::FABRIKAM_ID)}), "(iss)"),
        (json!({"nonce": "other"}), "(nonce)"),
        (json!({"nonce": null}), "(nonce)"),
        (json!({"exp": 1_000}), "expired"),
        (json!({"nbf": 99_999_999_999_u64}), "not valid yet"),
    ] {
        let Value::Object(members) = claims else { panic!("an object") };
        tenant.next_for("/token", Misbehaviour::IdToken(members));
        signed_in(&sandbox, &tenant, &[]).refused(5).says("id_token").says(what);
    }
    assert!(sandbox.run(["cache", "list"]).stdout.is_empty(), "nothing of them is kept");
}

#[test]
fn the_environment_of_another_app_does_not_get_in_the_way() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let sandbox = sandbox.env("AZURE_FEDERATED_TOKEN_FILE", "/nowhere").env("AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere");
    assert_eq!(signed_in(&sandbox, &tenant, &[]).code, Some(0));
    let sandbox = Sandbox::new().env("AZURE_CLIENT_SECRET", "CNRY-another-apps");
    let ran = signed_in(&sandbox, &tenant, &["-v"]);
    ran.says("client secret of AZURE_CLIENT_SECRET left out");
    assert_eq!(ran.code, Some(0));
}

#[test]
fn a_reader_that_has_stopped_stops_nothing() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    tenant.allow_idle();
    let (_reader, mut writer) = std::io::pipe().unwrap();
    let full = writer.try_clone().unwrap();
    // More than any pipe takes; who waits for room there waits for ever.
    std::thread::spawn(move || std::io::Write::write_all(&mut writer, &vec![b'x'; 4 << 20]));
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut command = sandbox.command(arguments("auth-code", &tenant, &["--no-browser", "--timeout", "2"]));
    let start = std::time::Instant::now();
    let status = command.stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(6));
    assert!(start.elapsed().as_secs() < 15, "the time-out holds");
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_takes_an_address_of_any_length() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let words = arguments("auth-code", &tenant, &["--manual", "--out-file", "token"]);
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let mut command = std::process::Command::new("script");
    command.args(["-qefc", &format!("{} {}", env!("CARGO_BIN_EXE_entra-token"), quoted.join(" ")), "typescript"]);
    command.current_dir(sandbox.path("")).env("ENTRA_TOKEN_CACHE", "none").env("HOME", sandbox.path("")).stdin(Stdio::piped());
    let mut waiting = Waiting::start(command);
    let shown = || std::fs::read_to_string(sandbox.path("typescript")).unwrap_or_default();
    let start = std::time::Instant::now();
    while !shown().contains("Address: ") {
        assert!(start.elapsed().as_secs() < 20, "{}", shown());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let url = shown().lines().find(|line| line.starts_with("https://")).unwrap().trim().to_owned();
    let ended_at = tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD).url();
    let long = ended_at.replace("/?", &format!("/?padding={}&", "x".repeat(6_000)));
    waiting.tell(&format!("{long}\n"));
    let ran = waiting.ended();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(sandbox.path("token").exists());
}

#[test]
fn a_code_that_may_have_arrived_is_not_sent_again() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    tenant.next_for("/token", Misbehaviour::CutBeforeAnswer);
    signed_in(&sandbox, &tenant, &[]).refused(5).says("was lost before the answer was complete");
    let busy = Misbehaviour::Status { status: 503, headers: vec![("Retry-After".to_owned(), "0".to_owned())], body: Vec::new() };
    tenant.next_for("/token", busy);
    signed_in(&sandbox, &tenant, &[]).refused(5).says("503");
    assert_eq!(tenant.token_requests().len(), 2, "each code once");
}

#[test]
fn every_kind_of_authority_signs_people_in() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let origin = tenant.origin();
    for (authority, mode) in [
        (["--authority", &format!("{origin}/organizations")], "form_post"),
        (["--authority", &format!("{origin}/adfs")], "form_post"),
        (["--authority", &format!("{origin}/contoso.onmicrosoft.com/B2C_1_signin")], "form_post"),
        (["--oidc-authority", &format!("{origin}/oidc")], "query"),
    ] {
        let scope = if authority[1].ends_with("oidc") { "api" } else { "https://graph.microsoft.com/User.Read" };
        let (waiting, url) = begun(&sandbox, &tenant, &[&authority[..], &["--scope", scope]].concat());
        assert_eq!(parameter(&url, "response_mode").as_deref(), Some(mode), "{url}");
        tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
        let ran = waiting.ended();
        assert_eq!(ran.code, Some(0), "{authority:?} {ran:?}");
        assert!(claims(ran.stdout.trim())["exp"].is_number());
    }
}

#[test]
fn what_is_said_step_by_step_has_no_secret_in_it() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let ran = signed_in(&sandbox, &tenant, &["-vv", "-o", "json"]);
    let tokens: Value = serde_json::from_str(&ran.stdout).unwrap();
    let sent = &tenant.token_requests()[0];
    let secrets = ["access_token", "refresh_token", "id_token"].map(|name| tokens[name].as_str().unwrap().to_owned());
    for secret in secrets.into_iter().chain([sent.field("code").unwrap(), sent.field("code_verifier").unwrap()]) {
        assert!(!ran.stderr.contains(&secret), "{secret} is in {}", ran.stderr);
    }
    ran.says("grant_type=authorization_code");
}

pub(crate) fn executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).expect("it is ours");
}
