//! Federated users: from a password to an assertion, and from that to tokens.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use local_tenant::contoso::{self, Person};
use local_tenant::{Misbehaviour, Tenant};
use serde_json::json;

use crate::client::{Answer, LOGIN, part, post, send, token_path};
use crate::federation::split;

pub(crate) const V13: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
pub(crate) const V2005: &str = "http://schemas.xmlsoap.org/ws/2005/02/trust";
pub(crate) const SAML_1: &str = "urn:ietf:params:oauth:grant-type:saml1_1-bearer";
pub(crate) const SAML_2: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";
pub(crate) const AUDIENCE: &str = "urn:federation:MicrosoftOnline";
pub(crate) const AD_FS_13: &str = "https://adfs.contoso.com/adfs/services/trust/13/usernamemixed";
pub(crate) const AD_FS_2005: &str = "https://adfs.contoso.com/adfs/services/trust/2005/usernamemixed";
pub(crate) const NESTOR: Person = Person { name: contoso::FEDERATED_USER, password: contoso::FEDERATED_USER_PASSWORD };

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A time as XML has it, so many seconds from now.
fn time(seconds: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A proper request for a token.
pub(crate) fn trust_request(address: &str, namespace: &str, person: Person, audience: &str) -> String {
    let key_type =
        if namespace == V13 { format!("{V13}/Bearer") } else { "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey".into() };
    let security = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    let utility = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"http://www.w3.org/2005/08/addressing\">\
         <s:Header><a:Action s:mustUnderstand=\"1\">{namespace}/RST/Issue</a:Action>\
         <a:MessageID>urn:uuid:6d4ca0f3-4fe4-4a4d-9a2d-3c2f0d1a7b55</a:MessageID>\
         <a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>\
         <a:To s:mustUnderstand=\"1\">{address}</a:To><o:Security s:mustUnderstand=\"1\" xmlns:o=\"{security}\" xmlns:u=\"{utility}\">\
         <u:Timestamp><u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>\
         <o:UsernameToken><o:Username>{name}</o:Username><o:Password>{password}</o:Password></o:UsernameToken></o:Security></s:Header>\
         <s:Body><t:RequestSecurityToken xmlns:t=\"{namespace}\"><p:AppliesTo xmlns:p=\"http://schemas.xmlsoap.org/ws/2004/09/policy\">\
         <a:EndpointReference><a:Address>{audience}</a:Address></a:EndpointReference></p:AppliesTo><t:KeyType>{key_type}</t:KeyType>\
         <t:RequestType>{namespace}/Issue</t:RequestType></t:RequestSecurityToken></s:Body></s:Envelope>",
        created = time(0),
        expires = time(600),
        name = escape(person.name),
        password = escape(person.password),
    )
}

/// Sends a request for a token to its endpoint.
pub(crate) fn ask(tenant: &Tenant, address: &str, namespace: &str, body: &str) -> Answer {
    let (host, path) = split(address);
    let action = format!("{namespace}/RST/Issue");
    let headers = [("Content-Type", "application/soap+xml; charset=utf-8"), ("SOAPAction", action.as_str())];
    send(tenant, "POST", host, path, &headers, body)
}

/// What stands between two texts.
fn between<'a>(text: &'a str, open: &str, close: &str) -> &'a str {
    let found = text.split_once(open).and_then(|(_, rest)| rest.split_once(close));
    found.unwrap_or_else(|| panic!("no {open} in {text}")).0
}

/// The assertion of an answer, and what the answer says that it is.
pub(crate) fn assertion(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/soap+xml; charset=utf-8"));
    roxmltree::Document::parse(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body));
    let assertion = between(&answer.body, "<t:RequestedSecurityToken>", "</t:RequestedSecurityToken>");
    (assertion.to_owned(), between(&answer.body, "<t:TokenType>", "</t:TokenType>").to_owned())
}

/// Nestor's assertion.
pub(crate) fn nestors(tenant: &Tenant) -> String {
    assertion(&ask(tenant, AD_FS_13, V13, &trust_request(AD_FS_13, V13, NESTOR, AUDIENCE))).0
}

pub(crate) fn grant(tenant: &Tenant, grant: &str, encoded: &str) -> Answer {
    let form = [
        ("grant_type", grant),
        ("assertion", encoded),
        ("client_id", contoso::PUBLIC_APP.client_id),
        ("scope", "User.Read openid profile offline_access"),
        ("client_info", "1"),
    ];
    post(tenant, LOGIN, &token_path(), &form)
}

#[test]
fn a_federated_user_gets_tokens_by_an_assertion() {
    let tenant = Tenant::start();
    let at = |folder: &str, version: &str| format!("https://sts.contoso.com/{folder}/services/trust/{version}/usernamemixed");
    let (saml_1, saml_2) = ("urn:oasis:names:tc:SAML:1.0:assertion", "urn:oasis:names:tc:SAML:2.0:assertion");
    let profile = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1";
    for (person, address, namespace, audience, token_type, grant_type) in [
        (NESTOR, AD_FS_13.to_owned(), V13, AUDIENCE, saml_1, SAML_1),
        (NESTOR, AD_FS_2005.to_owned(), V2005, AUDIENCE, saml_1, SAML_1),
        (contoso::ESCAPED_USER, AD_FS_13.to_owned(), V13, AUDIENCE, saml_1, SAML_1),
        (contoso::ESCAPED_USER, AD_FS_2005.to_owned(), V2005, AUDIENCE, saml_1, SAML_1),
        (contoso::FEB_2005_USER, at("feb2005", "2005"), V2005, AUDIENCE, saml_1, SAML_1),
        (contoso::TRUST_13_USER, at("trust13", "13"), V13, AUDIENCE, saml_1, SAML_1),
        (contoso::THIRD_PARTY_USER, at("idp", "13"), V13, AUDIENCE, profile, SAML_1),
        (contoso::ODD_DOCUMENT_USER, at("odd", "13"), V13, AUDIENCE, saml_1, SAML_1),
        (contoso::ACTIVE_2005_USER, at("active2005", "2005"), V2005, AUDIENCE, saml_1, SAML_1),
        (contoso::ACTIVE_13_USER, at("active13", "13"), V13, AUDIENCE, saml_1, SAML_1),
        (contoso::SAML_2_USER, at("saml2", "13"), V13, AUDIENCE, saml_2, SAML_2),
        (contoso::AUDIENCE_USER, at("audience", "2005"), V2005, "urn:federation:contoso:cloud", saml_1, SAML_1),
    ] {
        let answer = ask(&tenant, &address, namespace, &trust_request(&address, namespace, person, audience));
        let (assertion, said) = assertion(&answer);
        assert_eq!(said, token_type, "{}", person.name);
        for encoded in [URL_SAFE_NO_PAD.encode(&assertion), STANDARD.encode(&assertion)] {
            let answer = grant(&tenant, grant_type, &encoded);
            assert_eq!(part(&answer.token(), 1)["upn"], person.name);
            let json = answer.json();
            assert_eq!(part(json["id_token"].as_str().expect("an id token"), 1)["preferred_username"], person.name);
            assert!(json["refresh_token"].is_string() && json["client_info"].is_string());
        }
    }
    assert!(!tenant.token_requests().iter().any(|request| request.field("password").is_some()));
}

#[test]
fn answers_fit_their_version() {
    let tenant = Tenant::start();
    let answer = ask(&tenant, AD_FS_13, V13, &trust_request(AD_FS_13, V13, NESTOR, AUDIENCE)).body;
    assert!(answer.contains(&format!("<t:RequestSecurityTokenResponseCollection xmlns:t=\"{V13}\">")));
    assert!(answer.contains(&format!("{V13}/RSTRC/IssueFinal</a:Action>")));
    assert!(answer.contains("<a:RelatesTo>urn:uuid:6d4ca0f3-4fe4-4a4d-9a2d-3c2f0d1a7b55</a:RelatesTo>"));
    let answer = ask(&tenant, AD_FS_2005, V2005, &trust_request(AD_FS_2005, V2005, NESTOR, AUDIENCE)).body;
    assert!(answer.contains(&format!("<t:RequestSecurityTokenResponse xmlns:t=\"{V2005}\">")));
    assert!(answer.contains(&format!("{V2005}/RSTR/Issue</a:Action>")));
}

#[test]
fn every_byte_of_an_assertion_counts() {
    let tenant = Tenant::start();
    let good = nestors(&tenant);
    for (what, changed) in [
        ("quotes", good.replacen("MinorVersion='1'", "MinorVersion=\"1\"", 1)),
        ("order", good.replacen("MinorVersion='1' MajorVersion=\"1\"", "MajorVersion=\"1\" MinorVersion='1'", 1)),
        ("space", good.replacen("</saml:Audience >", "</saml:Audience>", 1)),
        ("reference", good.replacen("&#64;", "@", 1)),
        ("letter", good.replacen("&#xFC;", "ü", 1)),
        ("line end", good.replacen("\r\n", "\n", 1)),
        ("comment", good.replacen("<!-- \"signed\" & <as it stands> -->", "", 1)),
        ("namespace", good.replacen("xmlns:unused='urn:nothing' ", "", 1)),
        ("empty element", good.replacen("<saml:SubjectLocality></saml:SubjectLocality>", "<saml:SubjectLocality/>", 1)),
        ("white space before it", format!(" {good}")),
        ("white space behind it", format!("{good}\n")),
        ("the signature itself", good.replacen("Algorithm='http://www.w3.org/2001/04/xmldsig-more#rsa-sha256' />", "Algorithm='x' />", 1)),
        ("space in a tag", good.replacen("<saml:NameIdentifier ", "<saml:NameIdentifier  ", 1)),
    ] {
        assert_ne!(changed, good, "{what}");
        let json = grant(&tenant, SAML_1, &URL_SAFE_NO_PAD.encode(changed)).json();
        assert_eq!((&json["error"], &json["error_codes"]), (&json!("invalid_grant"), &json!([50008])), "{what}: {json}");
    }
    grant(&tenant, SAML_1, &URL_SAFE_NO_PAD.encode(good)).token();
}

#[test]
fn assertions_that_do_not_fit_have_their_codes() {
    let tenant = Tenant::start();
    let good = nestors(&tenant);
    let at = "https://sts.contoso.com/saml2/services/trust/2005/usernamemixed";
    let second = assertion(&ask(&tenant, at, V2005, &trust_request(at, V2005, contoso::SAML_2_USER, AUDIENCE))).0;
    for (what, grant_type, encoded, error, code) in [
        ("none", SAML_1, String::new(), "invalid_request", 900_144),
        ("no base64", SAML_1, "%%%".to_owned(), "invalid_grant", 50008),
        ("no XML", SAML_1, URL_SAFE_NO_PAD.encode("a.b.c"), "invalid_grant", 50008),
        ("other XML", SAML_1, URL_SAFE_NO_PAD.encode("<a/>"), "invalid_grant", 50008),
        ("1.1 as 2.0", SAML_2, URL_SAFE_NO_PAD.encode(&good), "invalid_grant", 50008),
        ("2.0 as 1.1", SAML_1, URL_SAFE_NO_PAD.encode(&second), "invalid_grant", 50008),
        ("unknown grant", "urn:ietf:params:oauth:grant-type:saml3-bearer", URL_SAFE_NO_PAD.encode(&good), "unsupported_grant_type", 70003),
    ] {
        let json = grant(&tenant, grant_type, &encoded).json();
        assert_eq!((&json["error"], &json["error_codes"]), (&json!(error), &json!([code])), "{what}: {json}");
    }
    let form = [("grant_type", SAML_1), ("assertion", good.as_str()), ("client_id", contoso::PUBLIC_APP.client_id), ("scope", "User.Read")];
    let common = post(&tenant, LOGIN, "/common/oauth2/v2.0/token", &form).json();
    assert_eq!(common["error_codes"], json!([9_001_023]));
}

#[test]
fn assertions_of_others_have_their_codes() {
    let tenant = Tenant::start();
    let good = URL_SAFE_NO_PAD.encode(nestors(&tenant));
    let federation = || local_tenant::Federation::new("adfs").host("adfs.contoso.com");
    let organization = || local_tenant::Organization::new(contoso::TENANT_ID, "Contoso");
    for (what, organization, code) in [
        ("no federation", organization(), 50107),
        ("another audience", organization().federated_domain("sso.contoso.com", federation().audience("urn:x")), 50013),
        ("no such user", organization().federated_domain("sso.contoso.com", federation()), 51004),
    ] {
        let app = local_tenant::App::new(contoso::PUBLIC_APP.client_id, "x", contoso::TENANT_ID).policy(local_tenant::Policy::PublicClient);
        let directory = local_tenant::Directory::empty().organization(organization).app(app);
        let other = Tenant::builder().directory(directory).start();
        assert_eq!(grant(&other, SAML_1, &good).json()["error_codes"], json!([code]), "{what}");
    }
}

#[test]
fn what_entra_has_against_federated_users_comes_with_the_grant() {
    let tenant = Tenant::start();
    for (person, code) in [(contoso::FEDERATED_BLOCKED_USER, 53003), (contoso::FEDERATED_MULTI_FACTOR_USER, 50076)] {
        let answer = ask(&tenant, AD_FS_13, V13, &trust_request(AD_FS_13, V13, person, AUDIENCE));
        let json = grant(&tenant, SAML_1, &STANDARD.encode(assertion(&answer).0)).json();
        assert_eq!(json["error_codes"], json!([code]), "{json}");
        assert!(json["claims"].is_string());
    }
}

#[test]
fn answers_can_have_two_tokens_or_none() {
    let tenant = Tenant::start();
    let count = |trap: Misbehaviour, text: &str| {
        tenant.next_for("usernamemixed", trap);
        let answer = ask(&tenant, AD_FS_13, V13, &trust_request(AD_FS_13, V13, NESTOR, AUDIENCE));
        roxmltree::Document::parse(&answer.body).expect("XML all the same");
        answer.body.matches(text).count()
    };
    assert_eq!(count(Misbehaviour::two_assertions(), "</saml:Assertion>"), 2);
    assert_eq!(count(Misbehaviour::no_assertion(), "</saml:Assertion>"), 0);
    assert_eq!(count(Misbehaviour::two_tokens(), "</t:RequestedSecurityToken>"), 2);
    let other = Misbehaviour::Replace { from: "<t:TokenType>urn:oasis:".to_owned(), to: "<t:TokenType>urn:nobody:".to_owned() };
    assert_eq!(count(other, "<t:TokenType>urn:nobody:"), 1);
}
