//! What the endpoints of identity providers refuse.

use local_tenant::contoso::{self, Person};
use local_tenant::{Tenant, Trouble};

use crate::client::{Answer, send};
use crate::federation::split;
use crate::trust::{AD_FS_13, AD_FS_2005, AUDIENCE, NESTOR, V13, V2005, ask, assertion, trust_request};

/// What a fault says: its subcode, the namespace of that, its text.
fn fault(answer: &Answer) -> (String, String, String) {
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/soap+xml; charset=utf-8"));
    let document = roxmltree::Document::parse(&answer.body).expect("XML");
    let find = |name: &str| document.descendants().find(|node| node.tag_name().name() == name).expect("a part of a fault");
    let value = find("Subcode").first_element_child().expect("a value");
    let subcode = value.text().unwrap_or_default();
    let (prefix, name) = subcode.split_once(':').expect("a prefix");
    let namespace = value.lookup_namespace_uri(Some(prefix)).expect("a namespace");
    (name.to_owned(), namespace.to_owned(), find("Text").text().unwrap_or_default().to_owned())
}

fn refused(tenant: &Tenant, person: Person) -> (String, String, String) {
    fault(&ask(tenant, AD_FS_13, V13, &trust_request(AD_FS_13, V13, person, AUDIENCE)))
}

#[test]
fn each_user_who_may_not_has_their_fault() {
    let tenant = Tenant::start();
    let security = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    for person in [
        Person { name: NESTOR.name, password: "local~wrong" },
        Person { name: NESTOR.name, password: "local~nesto.R8vbHq2kTz " },
        Person { name: "nobody@sso.contoso.com", password: "local~any" },
        Person { name: contoso::USER, password: contoso::USER_PASSWORD },
        contoso::FEB_2005_USER,
        contoso::FEDERATED_LOCKED_USER,
        Person { name: contoso::FEDERATED_EXPIRED_USER.name, password: "local~wrong" },
    ] {
        let (subcode, namespace, text) = refused(&tenant, person);
        assert_eq!((subcode.as_str(), namespace.as_str()), ("FailedAuthentication", security), "{}", person.name);
        assert_eq!(text, "ID3242: The security token could not be authenticated or authorized.");
    }
    let (subcode, namespace, text) = refused(&tenant, contoso::FEDERATED_EXPIRED_USER);
    assert_eq!(subcode, "FailedAuthentication.ExpiredPassword");
    assert_eq!(namespace, "http://schemas.microsoft.com/ws/2009/12/identityserver/");
    assert_eq!(text, "MSIS3125: The password for PattiF@sso.contoso.com has expired.");
    let (subcode, namespace, text) = refused(&tenant, contoso::NOT_PERMITTED_USER);
    assert_eq!((subcode.as_str(), namespace.as_str(), text.as_str()), ("FailedAuthentication", V13, "MSIS7068: Access denied."));
    tenant.trouble(NESTOR.name, Trouble::DISABLED);
    assert_eq!(refused(&tenant, NESTOR).0, "FailedAuthentication");
}

#[test]
fn only_soap_in_utf_8_by_post_is_taken() {
    let tenant = Tenant::start();
    let good = trust_request(AD_FS_13, V13, NESTOR, AUDIENCE);
    let (host, path) = split(AD_FS_13);
    let soap = "application/soap+xml; charset=utf-8";
    let action = format!("{V13}/RST/Issue");
    for (what, method, media_type, body, status) in [
        ("GET", "GET", soap, String::new(), 405),
        ("PUT", "PUT", soap, good.clone(), 405),
        ("no type", "POST", "", good.clone(), 415),
        ("no charset", "POST", "application/soap+xml", good.clone(), 415),
        ("other charset", "POST", "application/soap+xml; charset=utf-16", good.clone(), 415),
        ("other type", "POST", "text/xml; charset=utf-8", good.clone(), 415),
        ("no XML", "POST", soap, good.replace("</s:Envelope>", ""), 400),
        ("document type", "POST", soap, format!("<!DOCTYPE x>{good}"), 400),
        (
            "SOAP 1.1",
            "POST",
            soap,
            good.replace("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"),
            400,
        ),
        ("no header", "POST", soap, good.replace("s:Header>", "s:Other>"), 400),
        ("good", "POST", "Application/SOAP+xml;charset=\"UTF-8\"", good.clone(), 200),
    ] {
        let headers = [("Content-Type", media_type), ("SOAPAction", action.as_str())];
        assert_eq!(send(&tenant, method, host, path, &headers, &body).status, status, "{what}");
    }
    let quoted = format!("\"{action}\"");
    for (header, status) in [(quoted.as_str(), 200), ("", 500), ("http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue", 500)] {
        let headers = [("Content-Type", soap), ("SOAPAction", header)];
        assert_eq!(send(&tenant, "POST", host, path, &headers, &good).status, status, "{header}");
    }
}

#[test]
fn each_part_of_a_request_is_checked() {
    let tenant = Tenant::start();
    let good = trust_request(AD_FS_13, V13, NESTOR, AUDIENCE);
    let created = good.split_once("<u:Created>").and_then(|(_, rest)| rest.split_once('<')).expect("a time").0;
    let expires = good.split_once("<u:Expires>").and_then(|(_, rest)| rest.split_once('<')).expect("a time").0;
    let changes = [
        ("action", "RST/Issue</a:Action>", "RST/Renew</a:Action>", "ActionNotSupported"),
        ("to", AD_FS_13, AD_FS_2005, "DestinationUnreachable"),
        ("message id", "urn:uuid:6d4ca0f3-", "urn:uuid:", "InvalidAddressingHeader"),
        ("message id of another kind", "urn:uuid:", "uuid:", "InvalidAddressingHeader"),
        ("reply to", "addressing/anonymous", "addressing/none", "InvalidAddressingHeader"),
        ("must understand", "<o:Security s:mustUnderstand=\"1\"", "<o:Security s:mustUnderstand=\"0\"", "InvalidSecurity"),
        ("no user", "o:UsernameToken>", "o:Other>", "InvalidSecurity"),
        ("password type", "<o:Password>", "<o:Password Type=\"#PasswordDigest\">", "InvalidSecurity"),
        ("element in the password", "<o:Password>", "<o:Password><x/>", "InvalidSecurity"),
        ("two tokens", "<o:UsernameToken>", "<o:UsernameToken/><o:UsernameToken>", "InvalidSecurity"),
        ("no time", "u:Timestamp>", "u:Other>", "InvalidSecurity"),
        ("expired", expires, "2020-01-01T00:00:00Z", "InvalidSecurity"),
        ("created later", created, expires, "InvalidSecurity"),
        ("good for years", expires, "2099-01-01T00:00:00Z", "InvalidSecurity"),
        ("no time at all", created, "now", "InvalidSecurity"),
        ("key type", "/Bearer<", "/PublicKey<", "RequestFailed"),
        ("request type", "/Issue</t:RequestType>", "/Renew</t:RequestType>", "RequestFailed"),
        ("no audience", "p:AppliesTo", "p:Other", "RequestFailed"),
        ("other version", &format!("xmlns:t=\"{V13}\""), &format!("xmlns:t=\"{V2005}\""), "RequestFailed"),
        ("other audience", AUDIENCE, "urn:federation:other", "InvalidScope"),
    ];
    for (what, from, to, subcode) in changes {
        let wrong = good.replace(from, to);
        assert_ne!(wrong, good, "{what}");
        assert_eq!(fault(&ask(&tenant, AD_FS_13, V13, &wrong)).0, subcode, "{what}");
    }
    let other_version = trust_request(AD_FS_13, V2005, NESTOR, AUDIENCE);
    assert_eq!(fault(&ask(&tenant, AD_FS_13, V2005, &other_version)).0, "ActionNotSupported");
    assertion(&ask(&tenant, AD_FS_13, V13, &good));
}

#[test]
fn passwords_are_compared_as_they_were_before_they_were_xml() {
    let tenant = Tenant::start();
    let person = contoso::ESCAPED_USER;
    let good = trust_request(AD_FS_2005, V2005, person, AUDIENCE);
    assertion(&ask(&tenant, AD_FS_2005, V2005, &good));
    let section = good.replace("<o:Password>local~]]&gt;&amp;", "<o:Password><![CDATA[local~]]]]>&gt;&amp;");
    assert_ne!(section, good);
    assertion(&ask(&tenant, AD_FS_2005, V2005, &section));
    for wrong in [good.replace("&amp;amp;", "&amp;"), good.replace("%41", "A"), good.replace("</o:Password>", " </o:Password>")] {
        assert_eq!(fault(&ask(&tenant, AD_FS_2005, V2005, &wrong)).0, "FailedAuthentication");
    }
}

#[test]
fn requests_are_recorded_in_their_order() {
    let tenant = Tenant::start();
    crate::federation::open(&tenant, "https://adfs.contoso.com/adfs/services/trust/mex");
    ask(&tenant, AD_FS_13, V13, &trust_request(AD_FS_13, V13, NESTOR, AUDIENCE));
    let requests = tenant.requests();
    let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/adfs/services/trust/mex", "/adfs/services/trust/13/usernamemixed"]);
    let has_password = |index: usize| String::from_utf8_lossy(&requests[index].body).contains(NESTOR.password);
    assert!(!has_password(0) && has_password(1));
    assert!(tenant.token_requests().is_empty());
}
