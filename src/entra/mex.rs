//! A federation service's own description: where it takes user names and passwords (WS-MetadataExchange, WSDL 1.1, WS-Policy 1.2).
//!
//! The description is a WSDL document. Its policies say what a caller has to show, its bindings how a policy's service is spoken to,
//! its ports where. Those who wrap it put it below a root of their own, so its parts are looked for at any depth.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::{Document, Node};
use url::Url;

use super::reply::Reply;
use super::wstrust::{Endpoint, Version, check_address};
use super::xml::{self, children, content, is};
use crate::redact::foreign;

const WSDL: &[&str] = &["http://schemas.xmlsoap.org/wsdl/"];
/// How WSDL speaks of SOAP 1.2.
const SOAP12: &[&str] = &["http://schemas.xmlsoap.org/wsdl/soap12/"];
/// SOAP over HTTP, as a binding's transport (WSDL 1.1 section 3.3).
const OVER_HTTP: &str = "http://schemas.xmlsoap.org/soap/http";
const POLICY: &[&str] = &["http://schemas.xmlsoap.org/ws/2004/09/policy"];
/// WS-SecurityPolicy 1.2 and its draft of 2005, which go with WS-Trust 1.3 and its draft of 2005.
const SECURITY_POLICY: &[&str] =
    &["http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702", "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy"];
const UTILITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const ADDRESSING: &[&str] = &["http://www.w3.org/2005/08/addressing"];

/// The service's endpoint for user names and passwords: of WS-Trust 1.3 where there is one, else of 2005, and the first of several.
/// `None` where it takes none.
///
/// # Errors
///
/// What is wrong with the description, as a fragment that follows "the answer cannot be used: ".
///
/// `source` is the address that the description was asked from.
pub(crate) fn endpoint(reply: &Reply, source: &Url) -> Result<Option<Endpoint>, String> {
    let document = xml::document(reply)?;
    if reply.status != 200 {
        return Err(format!("its status is {}", reply.status));
    }
    if !elements(&document, WSDL, "binding").any(|_| true) {
        return Err(format!(
            "it describes no services: it is a document of the kind {}",
            foreign(document.root_element().tag_name().name())
        ));
    }
    let bindings = bindings(&document, &policies(&document));
    let mut unusable = None;
    let mut older = None;
    for (version, address) in ports(&document, &bindings) {
        match (usable(&address, source), version) {
            (Ok(address), Version::V13) => return Ok(Some(Endpoint { address, version })),
            (Ok(address), Version::V2005) => older = older.or(Some(Endpoint { address, version })),
            (Err(why), _) => unusable = unusable.or(Some(why)),
        }
    }
    match (older, unusable) {
        (None, Some(why)) => Err(format!("its WS-Trust endpoint for user names {why}")),
        (older, _) => Ok(older),
    }
}

/// The references to policies under which a user name and a password are enough, sent over TLS (WS-SecurityPolicy 1.2 sections
/// 5.4.1, 7.3 and 8).
fn policies(document: &Document<'_>) -> BTreeSet<String> {
    let policies = elements(document, POLICY, "Policy").filter(|policy| takes_user_names(*policy) && is_over_tls(*policy));
    policies.filter_map(|policy| Some(format!("#{}", policy.attribute((UTILITY, "Id"))?.trim()))).collect()
}

fn takes_user_names(policy: Node<'_, '_>) -> bool {
    let alternatives = children(policy, POLICY, "ExactlyOne").flat_map(|choice| choice.descendants());
    let tokens = alternatives.filter(|node| is(*node, POLICY, "All")).flat_map(|all| all.children()).filter(|assertion| {
        is(*assertion, SECURITY_POLICY, "SignedEncryptedSupportingTokens") || is(*assertion, SECURITY_POLICY, "SignedSupportingTokens")
    });
    let nested = |node| children(node, POLICY, "Policy");
    tokens
        .flat_map(nested)
        .flat_map(|policy| children(policy, SECURITY_POLICY, "UsernameToken"))
        .flat_map(nested)
        .any(|policy| children(policy, SECURITY_POLICY, "WssUsernameToken10").any(|_| true))
}

fn is_over_tls(policy: Node<'_, '_>) -> bool {
    policy.descendants().any(|node| is(node, SECURITY_POLICY, "TransportBinding"))
}

/// The bindings that speak SOAP 1.2 over HTTP under one of these policies, by name (WSDL 1.1 section 2.5, WS-PolicyAttachment
/// section 4.1).
fn bindings<'a>(document: &'a Document<'_>, policies: &BTreeSet<String>) -> BTreeMap<&'a str, Version> {
    let is_under = |binding: Node<'_, '_>| {
        children(binding, POLICY, "PolicyReference").any(|policy| policy.attribute("URI").is_some_and(|uri| policies.contains(uri.trim())))
    };
    let over_http = |binding: Node<'_, '_>| {
        let mut own = children(binding, SOAP12, "binding");
        own.any(|soap| soap.attribute("transport").is_some_and(|transport| transport.trim().eq_ignore_ascii_case(OVER_HTTP)))
    };
    let version = |binding: Node<'_, '_>| {
        let mut operations = children(binding, WSDL, "operation").flat_map(|operation| children(operation, SOAP12, "operation"));
        operations.find_map(|operation| Version::of_action(operation.attribute("soapAction")?))
    };
    let usable = elements(document, WSDL, "binding").filter(|binding| is_under(*binding) && over_http(*binding));
    usable.filter_map(|binding| Some((binding.attribute("name")?.trim(), version(binding)?))).collect()
}

/// What stands for an address in the ports of these bindings, in order (WSDL 1.1 section 2.6, WS-Addressing Core section 2).
fn ports(document: &Document<'_>, bindings: &BTreeMap<&str, Version>) -> Vec<(Version, String)> {
    let ports = elements(document, WSDL, "service").flat_map(|service| children(service, WSDL, "port"));
    let of_users = ports.filter_map(|port| {
        // A qualified name. Its prefix stands for the document's own namespace.
        let name = port.attribute("binding")?.trim();
        let version = bindings.get(name.rsplit(':').next().unwrap_or(name))?;
        let reference = children(port, ADDRESSING, "EndpointReference").next()?;
        Some((*version, content(children(reference, ADDRESSING, "Address").next()?)))
    });
    of_users.collect()
}

/// The address, where a password may be sent there; else why not, as a fragment that follows what it is the address of.
fn usable(address: &str, source: &Url) -> Result<Url, String> {
    let address = Url::parse(address).map_err(|_| format!("is no address: {}", foreign(address)))?;
    check_address(&address, source)?;
    Ok(address)
}

fn elements<'a, 'input>(document: &'a Document<'input>, namespaces: &[&str], name: &str) -> impl Iterator<Item = Node<'a, 'input>> {
    document.descendants().filter(move |node| is(*node, namespaces, name))
}

#[cfg(test)]
mod tests {
    use super::super::reply::of;
    use super::*;

    const POLICY_13: &str = r#"<p:Policy u:Id="user" xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy"
        xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
        xmlns:sp="http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702"><p:ExactlyOne><p:All><sp:TransportBinding/>
        <sp:SignedEncryptedSupportingTokens><p:Policy><sp:UsernameToken><p:Policy><sp:WssUsernameToken10/></p:Policy>
        </sp:UsernameToken></p:Policy></sp:SignedEncryptedSupportingTokens></p:All></p:ExactlyOne></p:Policy>"#;

    fn binding(name: &str, action: &str) -> String {
        format!(
            r##"<w:binding name="{name}"><p:PolicyReference URI="#user" xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy"/>
            <s:binding transport="http://schemas.xmlsoap.org/soap/http"/><w:operation name="o"><s:operation soapAction="{action}"/>
            </w:operation></w:binding>"##
        )
    }

    fn port(binding: &str, address: &str) -> String {
        format!(r#"<w:port binding="tns:{binding}"><a:EndpointReference><a:Address>{address}</a:Address></a:EndpointReference></w:port>"#)
    }

    fn wsdl(parts: &[&str]) -> String {
        format!(
            r#"<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap12/"
            xmlns:a="http://www.w3.org/2005/08/addressing">{}</w:definitions>"#,
            parts.concat()
        )
    }

    /// A description with a binding `b` for user names.
    fn with_ports(ports: &str) -> String {
        let action = Version::V13.action();
        wsdl(&[POLICY_13, &binding("b", action), "<w:service>", ports, "</w:service>"])
    }

    fn read_from(source: &str, body: &str) -> Result<String, String> {
        let source = Url::parse(source).unwrap();
        let found = endpoint(&of(200, body), &source)?;
        Ok(found.map_or_else(|| "none".to_owned(), |endpoint| format!("{} {}", endpoint.version.name(), endpoint.address)))
    }

    fn read(body: &str) -> Result<String, String> {
        read_from("https://sts.example/mex", body)
    }

    #[test]
    fn an_address_is_trimmed_and_one_that_no_password_may_go_to_is_passed_over() {
        let good = port("b", "\r\n  https://sts.example/13  \n");
        assert_eq!(read(&with_ports(&good)).as_deref(), Ok("WS-Trust 1.3 https://sts.example/13"));
        assert_eq!(read(&with_ports(&port("b", "HTTPS://sts.example/13"))).as_deref(), Ok("WS-Trust 1.3 https://sts.example/13"));
        assert_eq!(
            read(&with_ports(&port("b", "https://sts.<!-- x -->example/<![CDATA[13]]>"))).as_deref(),
            Ok("WS-Trust 1.3 https://sts.example/13")
        );
        for (address, why) in [
            ("http://sts.example/13", "is at http://sts.example/13, which is not https"),
            ("http://localhost/13", "is at http://localhost/13, which is not https"),
            ("https://user@sts.example/13", "has an address with a user name"),
            ("https://:pass@sts.example/13", "has an address with a user name"),
            ("https://sts.example/13#x", "has an address with a fragment"),
            ("https://sts.example/?a={13}", "has an address that no request can be sent to"),
            ("ftp://sts.example/13", "is at ftp://sts.example/13, which is not https"),
            ("", "is no address: "),
            ("/13", "is no address: /13"),
            ("sts.example\u{202e}", "is no address: sts.example\\u{202e}"),
        ] {
            let alone = read(&with_ports(&port("b", address))).unwrap_err();
            assert_eq!(alone, format!("its WS-Trust endpoint for user names {why}"));
            assert!(read(&with_ports(&format!("{}{good}", port("b", address)))).is_ok(), "{address}");
        }
        let broken = "<w:port/><w:port binding='tns:b'/><w:port binding='b'><a:EndpointReference/></w:port><w:port binding=':'/>";
        assert!(read(&with_ports(&format!("{broken}{good}"))).is_ok());
        assert_eq!(read(&with_ports(broken)).unwrap(), "none");
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        let local = with_ports(&port("b", "http://127.0.0.1:8080/13"));
        assert!(read_from("http://localhost:8080/mex", &local).is_ok());
        assert!(read_from("https://localhost:8080/mex", &local).is_err());
        assert!(read_from("http://sts.example/mex", &local).is_err());
        assert!(read_from("http://localhost:8080/mex", &with_ports(&port("b", "http://sts.example/13"))).is_err());
    }

    #[test]
    fn the_newer_version_is_preferred_and_the_first_of_several() {
        let cancel = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Cancel";
        let bindings = [("old", Version::V2005.action()), ("new", Version::V13.action()), ("other", cancel)];
        let bindings = bindings.map(|(name, action)| binding(name, action)).concat();
        let all = |ports: &[&str]| wsdl(&[POLICY_13, &bindings, "<w:service>", &ports.concat(), "</w:service>"]);
        let address = |name: &str| format!("https://sts.example/{name}");
        let old = ["a", "b"].map(|name| port("old", &address(name)));
        let new = ["c", "d"].map(|name| port("new", &address(name)));
        let other = port("other", &address("e"));
        let [all_old, all_new] = [old.concat(), new.concat()];
        assert_eq!(read(&all(&[&other, &all_old, &all_new])).as_deref(), Ok("WS-Trust 1.3 https://sts.example/c"));
        assert_eq!(read(&all(&[&other, &all_old])).as_deref(), Ok("WS-Trust 2005 https://sts.example/a"));
        let plain = port("new", "http://sts.example/c");
        assert_eq!(read(&all(&[&plain, &all_old])).as_deref(), Ok("WS-Trust 2005 https://sts.example/a"));
        assert_eq!(read(&all(&[&other])).unwrap(), "none");
    }

    #[test]
    fn a_binding_needs_its_policy_its_action_and_soap_over_http() {
        let whole = with_ports(&port("b", "https://sts.example/13"));
        assert!(read(&whole).is_ok());
        for (part, other) in [
            ("URI=\"#user\"", "URI=\"user\""),
            ("URI=\"#user\"", ""),
            ("name=\"b\"", ""),
            ("<s:binding transport=\"http://schemas.xmlsoap.org/soap/http\"/>", ""),
            ("transport=\"http://schemas.xmlsoap.org/soap/http\"", "transport=\"http://schemas.microsoft.com/soap/tcp\""),
            ("transport=\"http://schemas.xmlsoap.org/soap/http\"", ""),
            ("soapAction=", "action="),
            ("/RST/Issue", "/RST/Renew"),
            ("u:Id=", "Id="),
            ("<sp:TransportBinding/>", ""),
            ("<sp:WssUsernameToken10/>", "<sp:WssX509V3Token10/>"),
            ("sp:SignedEncryptedSupportingTokens", "sp:EndorsingSupportingTokens"),
            ("ws-securitypolicy/200702", "ws-securitypolicy/209902"),
            ("binding=\"tns:b\"", "binding=\"tns:c\""),
        ] {
            assert!(whole.contains(part), "{part}");
            let without = whole.replace(part, other);
            assert_eq!(read(&without).unwrap(), "none", "{part}");
        }
        for (part, other) in [
            ("binding=\"tns:b\"", "binding=\" b \""),
            ("soap/http", "SOAP/HTTP"),
            ("ws-trust/200512/RST/Issue", "WS-Trust/200512/rst/issue"),
            ("<p:All>", "<p:All><p:All/></p:All><p:All>"),
            ("sp:SignedEncryptedSupportingTokens", "sp:SignedSupportingTokens"),
        ] {
            assert!(whole.contains(part) && read(&whole.replace(part, other)).is_ok(), "{part}");
        }
    }

    #[test]
    fn what_is_no_description_is_said() {
        assert_eq!(
            read("<md:EntityDescriptor xmlns:md='u'/>").unwrap_err(),
            "it describes no services: it is a document of the kind EntityDescriptor"
        );
        let source = Url::parse("https://sts.example/mex").unwrap();
        let of_status = |status: u16, body: &str| endpoint(&of(status, body), &source).unwrap_err();
        assert_eq!(of_status(404, "<html><title>Not found</title>"), "it is not XML (status 404): Not found");
        assert_eq!(of_status(503, &with_ports(&port("b", "https://sts.example/13"))), "its status is 503");
    }
}
