//! `username-password` for accounts whose passwords a federation checks: WS-Trust, its documents, its answers, and what they must
//! not do.

use std::time::{Duration, Instant};

use local_tenant::contoso::Person;
use local_tenant::{Misbehaviour, Tenant, contoso};
use serde_json::json;

use crate::cache_sharing::together;
use crate::sandbox::{Ran, Sandbox};
use crate::username_password::{asked, sign_in, signing_in};

const NAME: &str = contoso::FEDERATED_USER;
const PASSWORD: &str = contoso::FEDERATED_USER_PASSWORD;

fn run(sandbox: &Sandbox, tenant: &Tenant, person: &Person) -> Ran {
    sign_in(sandbox, tenant, person.name, person.password, &["-q"])
}

/// A part of an answer, replaced.
fn replaced(from: &str, to: &str) -> Misbehaviour {
    Misbehaviour::Replace { from: from.to_owned(), to: to.to_owned() }
}

#[test]
fn a_federation_checks_the_password_and_entra_takes_its_word() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let ran = sign_in(&sandbox, &tenant, NAME, PASSWORD, &["-o", "json"]);
    let tokens = ran.json();
    assert_eq!((&tokens["account"]["username"], &tokens["source"]), (&json!(NAME), &json!("network")));
    assert_eq!(ran.stderr.matches("discouraged").count(), 1, "{ran:?}");
    assert_eq!(asked(&tenant), ["NestorW%40sso.contoso.com", "mex", "usernamemixed", "token"]);
    let requests = tenant.requests();
    let (trust, token) = (&requests[2], &requests[3]);
    assert!(trust.path.contains("/trust/13/"), "1.3 is preferred: {}", trust.path);
    let header = |name: &str| trust.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("content-type"), "application/soap+xml; charset=utf-8");
    assert_eq!(header("soapaction"), "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue");
    assert!(!trust.headers.iter().any(|(name, _)| name.starts_with("x-client")), "a federation is told nothing that is Microsoft's");
    let names: Vec<String> = token.form().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["client_id", "scope", "grant_type", "assertion", "client_info"]);
    assert_eq!(token.field("grant_type").as_deref(), Some("urn:ietf:params:oauth:grant-type:saml1_1-bearer"));
    let assertion = token.field("assertion").unwrap();
    assert!(assertion.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "base64url without padding");
    for (at, request) in requests.iter().enumerate() {
        let body = String::from_utf8_lossy(&request.body);
        assert_eq!(body.contains(PASSWORD), at == 2, "only the federation gets the password: {} {}", request.method, request.path);
    }
    let again = sign_in(&sandbox, &tenant, NAME, PASSWORD, &["-q", "--force-refresh", "-o", "json"]);
    assert_eq!(again.json()["source"], "refresh_token", "the refresh token is Entra's own");
    assert_eq!(tenant.requests().len(), 5);
}

#[test]
fn every_kind_of_federation_is_understood() {
    let tenant = Tenant::start();
    for (person, path, grant) in [
        (contoso::FEB_2005_USER, "/trust/2005/", "saml1_1-bearer"),
        (contoso::TRUST_13_USER, "/trust/13/", "saml1_1-bearer"),
        (contoso::THIRD_PARTY_USER, "/trust/13/", "saml1_1-bearer"),
        (contoso::ODD_DOCUMENT_USER, "/trust/13/", "saml1_1-bearer"),
        (contoso::ACTIVE_2005_USER, "/trust/2005/", "saml1_1-bearer"),
        (contoso::ACTIVE_13_USER, "/trust/13/", "saml1_1-bearer"),
        (contoso::SAML_2_USER, "/trust/13/", "saml2-bearer"),
        (contoso::AUDIENCE_USER, "/trust/13/", "saml1_1-bearer"),
        (contoso::ESCAPED_USER, "/trust/13/", "saml1_1-bearer"),
    ] {
        let before = tenant.requests().len();
        run(&Sandbox::new(), &tenant, &person).token();
        let requests = tenant.requests().split_off(before);
        let asked = requests.iter().find(|request| request.path.ends_with("usernamemixed")).expect("the federation is asked");
        assert!(asked.path.contains(path), "{}: {}", person.name, asked.path);
        let kind = requests.last().unwrap().field("grant_type").unwrap();
        assert!(kind.ends_with(grant), "{}: {kind}", person.name);
    }
    run(&Sandbox::new(), &tenant, &contoso::SYNCHRONIZED_USER).token();
}

#[test]
fn people_of_a_federation_are_refused_for_what_is_known_of_them() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let named = |name: &'static str, password: &'static str| Person { name, password };
    for (person, exit, said) in [
        (named(NAME, "wrong"), 3, "ID3242"),
        (named("nobody@sso.contoso.com", "x"), 3, "ID3242"),
        (contoso::FEDERATED_EXPIRED_USER, 4, "MSIS3125"),
        (contoso::FEDERATED_LOCKED_USER, 3, "ID3242"),
        (contoso::NOT_PERMITTED_USER, 3, "MSIS7068"),
        (contoso::FEDERATED_BLOCKED_USER, 3, "AADSTS53003"),
        (contoso::FEDERATED_MULTI_FACTOR_USER, 4, "AADSTS50076"),
        (contoso::NO_ADDRESS_USER, 3, "missing_federation_metadata_url"),
        (contoso::SAML_PROTOCOL_USER, 3, "wstrust_endpoint_not_found"),
    ] {
        let before = tenant.requests().len();
        let ran = run(&sandbox, &tenant, &person);
        assert_eq!(ran.stderr.contains("(asked at https://localhost:"), said.starts_with("ID") || said.starts_with("MSIS"), "{ran:?}");
        ran.refused(exit).says(said).says("\n  why:  ").says("\n  fix:  ").says("\n  ids:  correlation ");
        let requests = tenant.requests().split_off(before);
        let sent = requests.iter().filter(|request| String::from_utf8_lossy(&request.body).contains(person.password));
        assert!(sent.count() <= 1, "{}: a password is sent once, whatever answers it", person.name);
    }
    let unknown = Misbehaviour::fault("a:RequestFailed", "MSIS9999999: The moon is full.");
    tenant.next_for("/usernamemixed", unknown);
    let ran = sign_in(&sandbox, &tenant, NAME, PASSWORD, &["-q"]);
    ran.refused(3).says("the federation server refused: The moon is full (MSIS9999999 parsing_wstrust_response_failed)");
    tenant.next_for("/usernamemixed", Misbehaviour::fault("a:InvalidSecurity", "ID9876: An error occurred when verifying security."));
    let ran = sign_in(&sandbox, &tenant, NAME, PASSWORD, &["-q"]);
    ran.refused(3).says("(ID9876 parsing_wstrust_response_failed)").says("a clock is wrong");
    tenant.next_for("/usernamemixed", Misbehaviour::fault("a:FailedAuthentication", "AADSTS50126: Wrong, it says."));
    sign_in(&sandbox, &tenant, NAME, PASSWORD, &["-q"]).refused(3).says("AADSTS50126");
    let fault = Misbehaviour::fault("a:RequestFailed", "MSIS3127: The specified request failed.");
    tenant.next_for("/usernamemixed", fault);
    sign_in(&sandbox, &tenant, NAME, PASSWORD, &["-q"]).refused(3).says("MSIS3127");
}

#[test]
fn a_wrong_password_is_not_repeated_at_a_federation() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::with_cache());
    let arguments = signing_in(&sandbox, &tenant, NAME, "wrong", &["-q"]);
    for ran in together((0..10).map(|_| sandbox.command(&arguments))) {
        ran.refused(3).says("ID3242");
    }
    assert_eq!(asked(&tenant).iter().filter(|last| *last == "usernamemixed").count(), 1);
    tenant.next_for("/usernamemixed", Misbehaviour::busy(503, 1));
    run(&Sandbox::new(), &tenant, &Person { name: NAME, password: PASSWORD }).refused(5).says("503").says("try again in 1 second");
    tenant.next_for("/usernamemixed", Misbehaviour::CutBeforeAnswer);
    run(&Sandbox::new(), &tenant, &Person { name: NAME, password: PASSWORD }).refused(5).says("lost");
    assert_eq!(asked(&tenant).iter().filter(|last| *last == "usernamemixed").count(), 3);
}

#[test]
fn what_is_known_is_said_in_words_of_its_own() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    run(&sandbox, &tenant, &contoso::SAML_PROTOCOL_USER).refused(3).says("the account's federation speaks SAML20").says("auth-code");
    let localized = Misbehaviour::fault("a:FailedAuthentication.ExpiredPassword", "Das Kennwort ist abgelaufen.");
    tenant.next_for("/usernamemixed", localized);
    sign_in(&sandbox, &tenant, NAME, PASSWORD, &["-q"]).refused(4).says("the password has expired (MSIS3125");
}

#[test]
fn a_federations_description_that_is_not_what_it_claims_is_refused() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let (mex, realm) = ("/mex", "/NestorW%40sso.contoso.com");
    let realm_with = |name: &str, value: &str| {
        let mut members = serde_json::Map::new();
        members.insert(name.to_owned(), json!(value));
        Misbehaviour::Token(members)
    };
    for (path, misbehaviour, said) in [
        (realm, realm_with("federation_metadata_url", "http://sts.contoso.com/mex"), "its federation_metadata_url is at http://"),
        (
            realm,
            realm_with("federation_metadata_url", "https://a@sts.contoso.com/mex"),
            "its federation_metadata_url has an address with a user",
        ),
        (realm, realm_with("federation_active_auth_url", "http://sts.contoso.com/x"), "its federation_active_auth_url is at http://"),
        (realm, realm_with("account_type", "Odd"), "the account's type is odd"),
        (realm, Misbehaviour::content("text/html", "<title>Sign in to the WiFi</title>"), "Sign in to the WiFi"),
        (realm, Misbehaviour::redirect(302, "https://evil.example/"), "a redirect to evil.example"),
        (realm, Misbehaviour::busy(503, 99), "503"),
        (mex, replaced("https://", "http://"), "not https"),
        (mex, Misbehaviour::redirect(307, "https://evil.example/mex"), "a redirect to evil.example"),
        (mex, Misbehaviour::entity_bomb(), "document type"),
        (mex, Misbehaviour::external_entity(&format!("{}/stolen", tenant.origin())), "document type"),
        (mex, Misbehaviour::nested_xml(1_000_000), "larger than 2097152 bytes"),
        (mex, Misbehaviour::nested_xml(200_000), "its XML"),
        (mex, Misbehaviour::large_xml(3 << 20), "larger than 2097152 bytes"),
        (mex, Misbehaviour::utf_16(), "UTF-16"),
        (mex, Misbehaviour::latin_1(), "not UTF-8"),
        (mex, Misbehaviour::content("text/html", "<html><title>Not here</title>"), "Not here"),
        (mex, Misbehaviour::content("text/xml", ""), "it is empty"),
        (mex, Misbehaviour::content("text/xml", "<a><b>"), "cut off"),
        (mex, Misbehaviour::Status { status: 404, headers: Vec::new(), body: b"gone".to_vec() }, "status 404"),
        (mex, Misbehaviour::busy(503, 99), "503"),
    ] {
        let before = tenant.requests().len();
        tenant.next_for(path, misbehaviour);
        let start = Instant::now();
        let ran = sign_in(&sandbox, &tenant, NAME, PASSWORD, &["-q"]);
        ran.refused(5).says(said);
        assert!(start.elapsed() < Duration::from_secs(10), "{said} takes {:?}", start.elapsed());
        let requests = tenant.requests().split_off(before);
        let leaked =
            requests.iter().any(|request| String::from_utf8_lossy(&request.body).contains(PASSWORD) || request.path.contains("stolen"));
        assert!(!leaked, "{said}: the password was sent");
    }
    tenant.next_for(mex, Misbehaviour::no_soap_12());
    sign_in(&sandbox, &tenant, NAME, PASSWORD, &["-q"]).refused(3).says("wstrust_endpoint_not_found");
}

#[test]
fn a_federations_answer_that_is_not_what_it_claims_is_refused() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    for (misbehaviour, said) in [
        (Misbehaviour::redirect(307, "https://evil.example/"), "a redirect to evil.example"),
        (Misbehaviour::entity_bomb(), "document type"),
        (Misbehaviour::nested_xml(20_000), "its XML"),
        (Misbehaviour::large_xml(2 << 20), "larger than 1048576 bytes"),
        (Misbehaviour::utf_16(), "UTF-16"),
        (Misbehaviour::content("text/html", "<html><title>Blocked by policy</title>"), "Blocked by policy"),
        (Misbehaviour::content("application/soap+xml", ""), "it is empty"),
        (Misbehaviour::two_assertions(), "more than one"),
        (Misbehaviour::two_tokens(), "more than one RequestedSecurityToken"),
        (Misbehaviour::no_assertion(), "its RequestedSecurityToken holds no assertion"),
        (replaced("urn:oasis:names:tc:SAML:1.0:assertion</", "urn:of:nobody</"), "urn:of:nobody"),
    ] {
        tenant.next_for("/usernamemixed", misbehaviour);
        sign_in(&sandbox, &tenant, NAME, PASSWORD, &["-q"]).refused(5).says(said);
    }
    assert!(tenant.token_requests().is_empty());
}

#[test]
fn nothing_shows_the_password_or_the_assertion() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let person = contoso::ESCAPED_USER;
    let ran = sign_in(&sandbox, &tenant, person.name, person.password, &["-vv"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let assertion = tenant.token_requests()[0].field("assertion").unwrap();
    let inside = "local~]]";
    assert!(!ran.stderr.contains(inside) && !ran.stderr.contains("%5D%5D") && !ran.stderr.contains("Assertion"), "{ran:?}");
    assert!(!ran.stderr.contains(&assertion[40..80]) && ran.stderr.contains("assertion=***"), "{ran:?}");
    for before in [1_000, 990, 300, 285, 40].map(|length: usize| "x ".repeat(length / 2 - 5)) {
        let canary = "CNRY-correct horse battery staple";
        let fault = Misbehaviour::fault("a:FailedAuthentication", &format!("ID3242: {before}{canary}"));
        let plain = Misbehaviour::Status { status: 400, headers: Vec::new(), body: format!("{before}{canary}").into_bytes() };
        let kind = Misbehaviour::Replace { from: "urn:oasis:names:tc:SAML:1.0:assertion</".to_owned(), to: format!("{before}{canary}</") };
        for (misbehaviour, password) in [(fault, canary), (plain, canary), (kind, PASSWORD)] {
            tenant.next_for("/usernamemixed", misbehaviour);
            let ran = sign_in(&sandbox, &tenant, NAME, password, &["-v"]);
            assert!(matches!(ran.code, Some(3 | 5)) && (password == PASSWORD || !ran.stderr.contains("CNRY")), "{ran:?}");
        }
    }
    let canary = "CNRY]]>&amp;<'\"ü";
    let fault = Misbehaviour::fault("a:FailedAuthentication", &format!("ID3242: {canary} is not the password."));
    tenant.next_for("/usernamemixed", fault);
    let ran = sign_in(&sandbox, &tenant, NAME, canary, &["-vv"]);
    assert!(ran.code == Some(3) && !ran.stderr.contains("CNRY"), "{ran:?}");
    let ran = sign_in(&sandbox, &tenant, NAME, "CNRY\u{1}\u{7f}", &["-q"]);
    ran.refused(2).says("control character");
    assert!(!ran.stderr.contains("CNRY"), "{ran:?}");
}

/// What they are read as is the protocol's own test, which looks at no folder.
#[test]
fn every_document_of_the_folder_has_its_place_in_the_table() {
    let table = include_str!("../../src/entra/wstrust_tests.rs");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/federation");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let left_out: Vec<String> = files.filter(|file| !table.contains(&format!("\"{file}\","))).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}
