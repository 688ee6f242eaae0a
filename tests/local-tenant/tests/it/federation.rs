//! User realms, and the metadata of identity providers.

use local_tenant::{Misbehaviour, Tenant, contoso};
use serde_json::{Map, Value, json};

use crate::client::{Answer, LOGIN, get, port, send};

/// The realm of a user, whose name is escaped already.
fn realm_at(tenant: &Tenant, host: &str, name: &str) -> Value {
    let answer = get(tenant, host, &format!("/common/userrealm/{name}?api-version=1.0"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn realm(tenant: &Tenant, name: &str) -> Value {
    realm_at(tenant, LOGIN, name)
}

/// An address on any of the tenant's hosts.
pub(crate) fn open(tenant: &Tenant, address: &str) -> Answer {
    let (host, path) = split(address);
    get(tenant, host, path)
}

/// Host and path of an address.
pub(crate) fn split(address: &str) -> (&str, &str) {
    let rest = address.strip_prefix("https://").unwrap_or_else(|| panic!("no https: {address}"));
    rest.split_at(rest.find('/').expect("a path"))
}

#[test]
fn managed_users_are_entras() {
    let tenant = Tenant::start();
    for name in [contoso::USER, "nobody@Contoso.com", "%41dele%56@contoso.com", "o%27neil%2Btest@contoso.com", "o'neil+test@contoso.com"] {
        let realm = realm(&tenant, name);
        assert_eq!((&realm["ver"], &realm["account_type"]), (&json!("1.0"), &json!("Managed")), "{name}");
        assert_eq!(realm["cloud_audience_urn"], "urn:federation:MicrosoftOnline");
        assert_eq!(realm["cloud_instance_name"], "microsoftonline.com");
        assert_eq!(realm["federation_brand_name"], "Contoso");
        assert!(realm["domain_name"].as_str().is_some_and(|domain| domain.starts_with("contoso.")), "{realm}");
        assert_eq!(realm.get("federation_protocol"), None);
    }
    assert_eq!(get(&tenant, LOGIN, "/common/UserRealm/x@contoso.com?api-version=1.0").json()["domain_name"], "contoso.com");
}

#[test]
fn federated_users_have_an_identity_provider() {
    let tenant = Tenant::start();
    let sso = realm(&tenant, contoso::FEDERATED_USER);
    assert_eq!((&sso["account_type"], &sso["federation_protocol"]), (&json!("Federated"), &json!("WSTrust")));
    assert_eq!(sso["domain_name"], "sso.contoso.com");
    assert_eq!(sso["federation_metadata_url"], "https://adfs.contoso.com/adfs/services/trust/mex");
    assert_eq!(sso["federation_active_auth_url"], "https://adfs.contoso.com/adfs/services/trust/2005/usernamemixed");
    let other = realm(&tenant, contoso::FEB_2005_USER.name);
    assert_eq!(other["federation_metadata_url"], "https://sts.contoso.com/feb2005/services/trust/mex");
    let escaped = realm(&tenant, "o%27neil%2Btest%40sso.contoso.com");
    assert_eq!(escaped["federation_metadata_url"], sso["federation_metadata_url"]);
    for (person, metadata, active) in [
        (contoso::ACTIVE_2005_USER, None, Some("https://sts.contoso.com/active2005/services/trust/2005/usernamemixed")),
        (contoso::ACTIVE_13_USER, None, Some("https://sts.contoso.com/active13/services/trust/13/usernamemixed")),
        (contoso::NO_ADDRESS_USER, None, None),
    ] {
        let realm = realm(&tenant, person.name);
        let addresses = (realm["federation_metadata_url"].as_str(), realm["federation_active_auth_url"].as_str());
        assert_eq!(addresses, (metadata, active), "{}", person.name);
    }
    assert_eq!(realm(&tenant, contoso::SAML_PROTOCOL_USER.name)["federation_protocol"], "SAML20");
    assert_eq!(realm(&tenant, contoso::AUDIENCE_USER.name)["cloud_audience_urn"], "urn:federation:contoso:cloud");
}

#[test]
fn on_this_machine_everything_is_on_one_host() {
    let tenant = Tenant::start();
    let local = format!("localhost:{}", port(&tenant.origin()));
    let realm = realm_at(&tenant, &local, contoso::FEDERATED_USER);
    let metadata = realm["federation_metadata_url"].as_str().expect("an address");
    assert_eq!(metadata, format!("https://{local}/adfs/services/trust/mex"));
    let document = open(&tenant, metadata).body;
    assert!(document.contains(&format!("<wsa10:Address>https://{local}/adfs/services/trust/13/usernamemixed</wsa10:Address>")));
    assert_eq!(open(&tenant, &format!("https://{local}/idp/services/trust/mex")).status, 200);
    assert_eq!(open(&tenant, "https://sts.contoso.com/adfs/services/trust/mex").status, 404);
}

#[test]
fn others_are_personal_or_unknown() {
    let tenant = Tenant::start();
    for name in ["somebody@live.com", "somebody@Outlook.com", "somebody@hotmail.com"] {
        let realm = realm(&tenant, name);
        assert_eq!((&realm["account_type"], &realm["domain_name"]), (&json!("Federated"), &json!("live.com")), "{name}");
        assert_eq!(realm.get("federation_metadata_url"), None);
    }
    let unknown = realm(&tenant, "somebody@nobody.example");
    assert_eq!((&unknown["account_type"], unknown.get("domain_name")), (&json!("Unknown"), None));
}

#[test]
fn what_is_no_user_name_has_no_realm() {
    let tenant = Tenant::start();
    for (target, status) in [
        ("/common/userrealm/x@contoso.com", 400),
        ("/common/userrealm/x@contoso.com?api-version=2.0", 400),
        ("/common/userrealm/+15551234?api-version=1.0", 400),
        ("/common/userrealm/@contoso.com?api-version=1.0", 400),
        ("/common/userrealm/x@?api-version=1.0", 400),
        ("/common/userrealm/x%4?api-version=1.0", 400),
        ("/common/userrealm/x%FF@contoso.com?api-version=1.0", 400),
        ("/common/userrealm/?api-version=1.0", 404),
        ("/organizations/userrealm/x@contoso.com?api-version=1.0", 404),
    ] {
        assert_eq!(get(&tenant, LOGIN, target).status, status, "{target}");
    }
    let target = "/common/userrealm/x@contoso.com?api-version=1.0";
    for host in ["contoso.b2clogin.com", "contoso.ciamlogin.com", "adfs.contoso.com"] {
        assert_eq!(get(&tenant, host, target).status, 404, "{host}");
    }
    assert_eq!(send(&tenant, "POST", LOGIN, target, &[], "").status, 405);
}

#[test]
fn metadata_has_the_endpoints_of_each_version() {
    let tenant = Tenant::start();
    for (address, media_type, root, has_2005, has_13) in [
        ("https://adfs.contoso.com/adfs/services/trust/mex", "text/xml; charset=UTF-8", "definitions", true, true),
        ("https://sts.contoso.com/feb2005/services/trust/mex", "text/xml; charset=UTF-8", "definitions", true, false),
        ("https://sts.contoso.com/trust13/services/trust/mex", "text/xml; charset=UTF-8", "definitions", false, true),
        ("https://sts.contoso.com/idp/services/trust/mex", "application/soap+xml", "Envelope", true, true),
        ("https://sts.contoso.com/odd/services/trust/mex", "text/xml; charset=UTF-8", "definitions", true, true),
    ] {
        let answer = open(&tenant, address);
        assert_eq!(answer.header("content-type"), Some(media_type));
        let document = roxmltree::Document::parse(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body));
        assert_eq!(document.root_element().tag_name().name(), root);
        let definitions = document
            .descendants()
            .find(|node| node.has_tag_name("definitions"))
            .or_else(|| document.descendants().find(|node| node.tag_name().name() == "definitions"));
        assert!(definitions.is_some(), "{address}");
        for (name, is_there) in [("IWSTrustFeb2005Async", has_2005), ("IWSTrust13Async", has_13)] {
            for binding in ["UserNameWSTrustBinding", "CertificateWSTrustBinding", "CustomBinding"] {
                let policy = format!("wsu:Id=\"{binding}_{name}_policy\"");
                assert_eq!(answer.body.contains(&policy), is_there, "{address}: {policy}");
            }
        }
    }
    assert_eq!(send(&tenant, "POST", "adfs.contoso.com", "/adfs/services/trust/mex", &[], "").status, 405);
    assert_eq!(open(&tenant, "https://sts.contoso.com/active13/services/trust/mex").status, 404);
    assert_eq!(open(&tenant, "https://sts.contoso.com/feb2005/services/trust/13/usernamemixed").status, 404);
}

#[test]
fn an_odd_document_has_what_is_to_be_passed_over_first() {
    let tenant = Tenant::start();
    let body = open(&tenant, "https://sts.contoso.com/odd/services/trust/mex").body;
    let at = |text: &str| body.find(text).unwrap_or_else(|| panic!("{text} is not in {body}"));
    let good = at("<wsa10:Address>https://sts.contoso.com/odd/services/trust/13/usernamemixed<");
    assert!(at("<wsdl:binding name=\"Bare\"") < at("<wsdl:binding name=\"UserNameWSTrustBinding_IWSTrust13Async\""));
    assert!(at("<wsa10:Address>http://sts.contoso.com/odd/services/trust/13/usernamemixed<") < good);
    assert!(at("https://sts.contoso.com/odd/services/trust/spare/usernamemixed") > good);
}

#[test]
fn each_trap_is_what_it_says() {
    let tenant = Tenant::start();
    let mex = "https://adfs.contoso.com/adfs/services/trust/mex";
    let body = |trap: Misbehaviour| {
        tenant.next_for("/mex", trap);
        open(&tenant, mex)
    };
    let redirect = body(Misbehaviour::redirect(302, "https://elsewhere.example/"));
    assert_eq!((redirect.status, redirect.header("location")), (302, Some("https://elsewhere.example/")));
    assert!(body(Misbehaviour::entity_bomb()).body.contains("<!ENTITY e9 \"&e8;&e8;"));
    assert!(body(Misbehaviour::external_entity("file:///etc/passwd")).body.contains("SYSTEM \"file:///etc/passwd\""));
    assert_eq!(body(Misbehaviour::nested_xml(1_000_000)).body.len(), 7_000_000);
    assert!(body(Misbehaviour::large_xml(3 << 20)).body.len() > 3 << 20);
    assert!(body(Misbehaviour::utf_16()).body.contains("<\0w\0s\0d\0l\0"));
    assert!(body(Misbehaviour::latin_1()).body.ends_with("<!-- \u{fffd} -->"));
    assert!(body(Misbehaviour::content("text/html", "<html>")).body.starts_with("<html>"));
    assert_eq!(body(Misbehaviour::content("text/xml", "")).body, "");
    assert!(!body(Misbehaviour::no_soap_12()).body.contains("soap12:binding "));
    let busy = body(Misbehaviour::busy(503, 7));
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("7")));
    let moved = body(Misbehaviour::Replace { from: "https://adfs.contoso.com".to_owned(), to: "http://adfs.contoso.com".to_owned() });
    assert!(moved.body.contains("<wsa10:Address>http://adfs.contoso.com/adfs/services/trust/13/usernamemixed<"));
    let fault = body(Misbehaviour::fault("FailedAuthentication", "wrong: local~secret <&>"));
    assert!(fault.status == 500 && fault.body.contains("wrong: local~secret &lt;&amp;&gt;"));
    let members = Map::from_iter([("federation_metadata_url".to_owned(), json!("http://adfs.contoso.com/mex"))]);
    tenant.next_for("/userrealm/", Misbehaviour::Token(members));
    assert_eq!(realm(&tenant, contoso::FEDERATED_USER)["federation_metadata_url"], "http://adfs.contoso.com/mex");
}

#[test]
fn a_replacement_of_what_is_not_there_fails_the_test() {
    let tenant = Tenant::start();
    tenant.next(Misbehaviour::Replace { from: "nowhere".to_owned(), to: String::new() });
    assert_eq!(open(&tenant, "https://adfs.contoso.com/adfs/services/trust/mex").status, 200);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(tenant))).expect_err("it complains");
    assert!(panic.downcast_ref::<String>().is_some_and(|text| text.contains("Misbehaviour::Replace")));
}
