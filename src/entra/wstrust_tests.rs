//! Requests byte for byte, and answers in the shapes that federation services give them.

use proptest::prelude::*;

use super::super::mex;
use super::super::reply::of;
use super::*;

const SAML11: &str = "urn:oasis:names:tc:SAML:1.0:assertion";
const SAML20: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

fn endpoint(version: Version) -> Endpoint {
    let path = if version == Version::V13 { "13" } else { "2005" };
    Endpoint { address: Url::parse(&format!("https://sts.contoso.com/adfs/services/trust/{path}/usernamemixed")).unwrap(), version }
}

fn issue(endpoint: &Endpoint, username: &str, password: &str, audience: &str) -> Request {
    let issue = Issue {
        endpoint,
        username,
        password: &Secret::new(password.to_owned()),
        audience,
        message_id: Uuid::from_u128(0xff),
        created: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_255_199_999),
        caller: Caller { request_id: Uuid::from_u128(0x11), os: "linux" },
    };
    issue.to_http()
}

fn body(version: Version, username: &str, password: &str) -> String {
    let request = issue(&endpoint(version), username, password, "urn:federation:MicrosoftOnline");
    String::from_utf8(request.body.to_vec()).unwrap()
}

/// The message, with what differs between the versions left out.
const WHOLE: &str = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
    xmlns:wsa=\"http://www.w3.org/2005/08/addressing\" \
    xmlns:wsu=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\">\
    <s:Header><wsa:Action s:mustUnderstand=\"1\">ACTION</wsa:Action>\
    <wsa:MessageID>urn:uuid:00000000-0000-0000-0000-0000000000ff</wsa:MessageID>\
    <wsa:ReplyTo><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address></wsa:ReplyTo>\
    <wsa:To s:mustUnderstand=\"1\">https://sts.contoso.com/adfs/services/trust/PATH/usernamemixed</wsa:To>\
    <wsse:Security s:mustUnderstand=\"1\" \
    xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">\
    <wsu:Timestamp wsu:Id=\"_0\"><wsu:Created>2026-11-21T09:59:59Z</wsu:Created>\
    <wsu:Expires>2026-11-21T10:09:59Z</wsu:Expires></wsu:Timestamp>\
    <wsse:UsernameToken wsu:Id=\"_1\"><wsse:Username>USER</wsse:Username><wsse:Password>PASSWORD</wsse:Password>\
    </wsse:UsernameToken></wsse:Security></s:Header>\
    <s:Body><wst:RequestSecurityToken xmlns:wst=\"NAMESPACE\">\
    <wsp:AppliesTo xmlns:wsp=\"http://schemas.xmlsoap.org/ws/2004/09/policy\"><wsa:EndpointReference>\
    <wsa:Address>urn:federation:MicrosoftOnline</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>\
    <wst:KeyType>KEY</wst:KeyType><wst:RequestType>REQUEST</wst:RequestType></wst:RequestSecurityToken></s:Body></s:Envelope>";

#[test]
fn requests_of_both_versions_byte_for_byte() {
    let filled = |values: [&str; 7]| {
        let names = ["ACTION", "PATH", "USER", "PASSWORD", "NAMESPACE", "KEY", "REQUEST"];
        names.iter().zip(values).fold(WHOLE.to_owned(), |text, (name, value)| text.replacen(name, value, 1))
    };
    assert_eq!(
        body(Version::V13, "zoë.o'neil+1@contoso.com", "]]><a>&\"'\t\r\n€𝄞 "),
        filled([
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue",
            "13",
            "zoë.o&apos;neil+1@contoso.com",
            "]]&gt;&lt;a&gt;&amp;&quot;&apos;&#9;&#13;&#10;€𝄞 ",
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512",
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer",
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue",
        ])
    );
    assert_eq!(
        body(Version::V2005, "CONTOSO\\zoe", "p"),
        filled([
            "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue",
            "2005",
            "CONTOSO\\zoe",
            "p",
            "http://schemas.xmlsoap.org/ws/2005/02/trust",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
            "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue",
        ])
    );
}

#[test]
fn a_federation_service_learns_no_more_than_it_has_to() {
    let headers = |request: &Request| {
        let shown: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{request:?}\n{}", shown.join("\n")).replace(&format!("({} bytes)", request.body.len()), "(body)")
    };
    assert_eq!(
        headers(&issue(&endpoint(Version::V2005), "zoe@contoso.com", "hunter2", "urn:x")),
        "POST https://sts.contoso.com/adfs/services/trust/2005/usernamemixed (body)\naccept: */*\naccept-encoding: identity\n\
         client-request-id: 00000000-0000-0000-0000-000000000011\ncontent-type: application/soap+xml; charset=utf-8\n\
         soapaction: http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue"
    );
    let url = Url::parse("https://sts.contoso.com/adfs/services/trust/mex").unwrap();
    assert_eq!(
        headers(&mex_request(&url, Caller { request_id: Uuid::nil(), os: "linux" })),
        "GET https://sts.contoso.com/adfs/services/trust/mex (body)\naccept: */*\naccept-encoding: identity\n\
         client-request-id: 00000000-0000-0000-0000-000000000000"
    );
}

#[test]
fn a_message_is_written_without_growing() {
    for value in ["\"", "\u{10ffff}", "é", "a"] {
        let value = value.repeat(5_000);
        let request = issue(&endpoint(Version::V13), &value, &value, &value);
        let longest = 4_096 + 6 * (3 * value.len() + request.url.as_str().len());
        assert_eq!(request.body.capacity(), longest);
    }
    let fixed = issue(&endpoint(Version::V2005), "", "", "").body.len();
    assert!(fixed < 2_048, "{fixed}");
}

#[test]
fn a_time_that_no_calendar_has_does_no_harm() {
    assert_eq!(time(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00Z");
    assert_eq!(time(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 50)), "1970-01-01T00:00:00Z");
    assert_eq!(time(SystemTime::UNIX_EPOCH - Duration::from_millis(1)), "1970-01-01T00:00:00Z");
}

#[test]
fn xml_carries_all_but_control_characters() {
    for text in ["", "a", "\t\r\n", "]]><a>&\"'", "é€𝄞\u{10ffff}", "\u{7f}\u{85}\u{2028}\u{fffd}\u{feff}"] {
        assert!(is_sendable(text), "{text:?}");
    }
    for text in ["\0", "a\u{8}", "\u{b}", "\u{c}", "\u{1b}[2J", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
        assert!(!is_sendable(text), "{text:?}");
    }
}

#[test]
fn an_address_tells_its_version_by_its_path() {
    let version = |url: &str| Endpoint::of_active_url(&Url::parse(url).unwrap()).map(|endpoint| endpoint.version);
    assert_eq!(version("https://sts.contoso.com/adfs/services/trust/13/usernamemixed"), Some(Version::V13));
    assert_eq!(version("https://sts.contoso.com/adfs/services/trust/2005/UsernameMixed/?a=b"), Some(Version::V2005));
    for other in [
        "https://sts.contoso.com/adfs/services/trust/2005/windowstransport",
        "https://sts.contoso.com/adfs/ls/?trust=/trust/13/usernamemixed",
        "https://sts.contoso.com/trust/14/usernamemixed",
        "https://sts.contoso.com/",
    ] {
        assert_eq!(version(other), None, "{other}");
    }
}

fn read(status: u16, body: &str) -> Result<Assertion, String> {
    assertion(&of(status, body)).map_err(|error| match error {
        IssueError::Fault(fault) => format!("{}: {}", fault.kind().unwrap_or("-"), fault.reason),
        IssueError::Unreadable(what) => what,
    })
}

/// Documents of the folder `tests/federation`: their names, their texts, and what they are read as.
macro_rules! documents {
    ($(($file:literal, $expected:expr $(,)?)),* $(,)?) => {
        [$(($file, include_str!(concat!("../../tests/federation/", $file)), $expected)),*]
    };
}

#[test]
fn documents_of_federation_services_are_read() {
    let rows = documents![
        ("fault-id3242.xml", "FailedAuthentication: ID3242: The security token could not be authenticated or authorized."),
        ("fault-msis3127.xml", "RequestFailed: MSIS3127: The specified request failed."),
        ("fault-soap11.xml", "FailedAuthentication: Authentication failed & the account may be locked."),
        ("mex-adfs-2012r2.xml", "WS-Trust 1.3 https://sts.contoso.com/adfs/services/trust/13/usernamemixed"),
        ("mex-adfs-2016.xml", "WS-Trust 1.3 https://fs.fabrikam.example/adfs/services/trust/13/usernamemixed"),
        ("mex-adfs-2019-2022.xml", "WS-Trust 1.3 https://adfs.woodgrove.example/adfs/services/trust/13/usernamemixed"),
        ("mex-federation-metadata.xml", "it describes no services: it is a document of the kind EntityDescriptor"),
        ("mex-leaf-namespaces.xml", "WS-Trust 1.3 https://leaf.contoso.com/trust/13?tenant=a&realm=b"),
        ("mex-no-username.xml", "none"),
        ("mex-only-13.xml", "WS-Trust 1.3 https://new.contoso.com/adfs/services/trust/13/usernamemixed"),
        ("mex-only-2005.xml", "WS-Trust 2005 https://old.contoso.com/adfs/services/trust/2005/usernamemixed"),
        (
            "mex-only-http.xml",
            "its WS-Trust endpoint for user names is at http://plain.contoso.com/adfs/services/trust/2005/usernamemixed, \
             which is not https",
        ),
        ("mex-several-ports.xml", "WS-Trust 1.3 https://a.contoso.com/adfs/services/trust/13/usernamemixed"),
        ("mex-soap-envelope.xml", "WS-Trust 1.3 https://proxy.contoso.com/adfs/services/trust/13/usernamemixed"),
        ("mex-third-party.xml", "WS-Trust 1.3 https://sso.idp.example/idp/sts/13/usernamemixed"),
        ("mex-without-soap12.xml", "WS-Trust 1.3 https://mixed.contoso.com/adfs/services/trust/13/usernamemixed"),
        ("rstr-13-encrypted.xml", "it has no TokenType, and its token is of the kind EncryptedData"),
        ("rstr-13-jwt.xml", "its TokenType is unknown: urn:ietf:params:oauth:token-type:jwt"),
        ("rstr-13-no-token-type.xml", "Saml11"),
        ("rstr-13-saml11.xml", "Saml11"),
        ("rstr-13-saml20.xml", "Saml20"),
        ("rstr-13-two-tokens.xml", "Saml11"),
        ("rstr-2005-saml11.xml", "Saml11"),
        ("rstr-2005-saml20.xml", "Saml20"),
    ];
    let source = Url::parse("https://sts.contoso.com/adfs/services/trust/mex").unwrap();
    for (file, text, expected) in rows {
        let shown = match file.split('-').next() {
            Some("mex") => mex::endpoint(&of(200, text), &source)
                .map(|found| found.map_or_else(|| "none".to_owned(), |found| format!("{} {}", found.version.name(), found.address))),
            kind => read(if kind == Some("fault") { 500 } else { 200 }, text).map(|found| {
                let parts: Vec<&str> = text.split("RequestedSecurityToken>").collect();
                // The last one is what is preferred where there are several.
                let inside = parts[parts.len() - 2].strip_suffix("</trust:").unwrap();
                assert_eq!(found.xml.expose(), inside, "{file}");
                assert_eq!(URL_SAFE_NO_PAD.decode(found.base64url().expose()).unwrap(), inside.as_bytes(), "{file}");
                format!("{:?}", found.kind)
            }),
        };
        assert_eq!(shown.unwrap_or_else(|what| what), expected, "{file}");
    }
}

/// An answer with these elements in its response.
fn answer(elements: &str) -> String {
    let namespace = Version::V13.namespace();
    format!("<t:RequestSecurityTokenResponse xmlns:t='{namespace}'>{elements}</t:RequestSecurityTokenResponse>")
}

fn token(inner: &str) -> String {
    format!("<t:RequestedSecurityToken>{inner}</t:RequestedSecurityToken>")
}

#[test]
fn an_assertion_is_cut_out_to_the_byte_whatever_it_holds() {
    let start = format!("<Assertion xmlns='{SAML11}'");
    for inner in [
        format!("{start}/>"),
        format!("\r\n\t{start}   a = \"x\"  ></Assertion  >\r\n"),
        format!(
            "<!-- </t:RequestedSecurityToken> -->{start}><![CDATA[</t:RequestedSecurityToken>]]></Assertion>\
             <?p </t:RequestedSecurityToken>?>"
        ),
        format!("{start} a='>&lt;/' b=\"'>\">é€𝄞 &#13;&#xE9;\r\n</Assertion>"),
        format!("{start}><t:RequestedSecurityToken xmlns:t='{}'><t:Fault/></t:RequestedSecurityToken></Assertion>", TRUST[0]),
    ] {
        let whole = answer(&format!("<t:RequestedSecurityToken a='/>' b=\"></\" >{inner}</t:RequestedSecurityToken\n>"));
        let whole = whole.replace("b=\"></\"", "b=\">/\"");
        assert_eq!(read(200, &whole).unwrap().xml.expose(), inner, "{inner}");
    }
}

#[test]
fn a_token_type_decides_and_must_fit() {
    let [old, new] = [SAML11, SAML20].map(|namespace| token(&format!("<a:Assertion xmlns:a='{namespace}'/>")));
    let sealed = token(&format!("<a:EncryptedAssertion xmlns:a='{SAML20}'/>"));
    let typed = |name: &str, token: &str| read(200, &answer(&format!("{token}<t:TokenType>{name}</t:TokenType>"))).map(|found| found.kind);
    let profile = |kind: &str| format!("http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#{kind}");
    for (name, token, kind) in [
        (SAML11, &old, AssertionKind::Saml11),
        (&profile("SAMLV1.1"), &old, AssertionKind::Saml11),
        (SAML20, &new, AssertionKind::Saml20),
        (&format!("\r\n  {} ", profile("SAMLV2.0")), &new, AssertionKind::Saml20),
        ("", &new, AssertionKind::Saml20),
        (SAML20, &sealed, AssertionKind::Saml20),
    ] {
        assert_eq!(typed(name, token), Ok(kind), "{name}");
    }
    assert_eq!(typed("urn:x\u{202e}", &old).unwrap_err(), "its TokenType is unknown: urn:x\\u{202e}");
    assert_eq!(typed(SAML20, &old).unwrap_err(), "its TokenType is not that of its assertion");
    assert_eq!(typed("", &sealed).unwrap_err(), "it has no TokenType, and its token is of the kind EncryptedAssertion");
    assert_eq!(AssertionKind::Saml11.grant_type(), "urn:ietf:params:oauth:grant-type:saml1_1-bearer");
    assert_eq!(AssertionKind::Saml20.grant_type(), "urn:ietf:params:oauth:grant-type:saml2-bearer");
}

#[test]
fn a_response_without_exactly_one_assertion_is_refused() {
    let one = format!("<Assertion xmlns='{SAML11}'/>");
    let several = "its RequestedSecurityToken holds more than one assertion, or text beside it";
    let none = "its RequestedSecurityToken holds no assertion";
    for (elements, what) in [
        (String::new(), "its response holds no RequestedSecurityToken"),
        ("<t:RequestedSecurityToken/>".to_owned(), none),
        ("<t:RequestedSecurityToken a='>' />".to_owned(), none),
        (token(""), none),
        (token("  <!-- x -->\n"), none),
        (token("QUJD"), none),
        (token(&format!("{one}{one}")), several),
        (token(&format!("{one} x")), several),
        (format!("{0}{0}", token(&one)), "its response holds more than one RequestedSecurityToken"),
    ] {
        assert_eq!(read(200, &answer(&elements)).unwrap_err(), what, "{elements}");
    }
    // What is declared around it is not written into it.
    for (outside, inside) in [("xmlns", "<Assertion/>"), ("xmlns:s", " <s:Assertion a='1' /> ")] {
        let elements = format!("<t:RequestedSecurityToken {outside}='{SAML11}'>{inside}</t:RequestedSecurityToken>");
        assert_eq!(read(200, &answer(&elements)).unwrap().xml.expose(), inside);
    }
    let fine = answer(&token(&one));
    assert!(read(200, &format!("<r>{}{fine}</r>", answer(""))).is_ok());
    assert!(read(500, &fine).is_ok());
}

#[test]
fn of_several_responses_that_of_saml_11_is_preferred() {
    let [old, new] = [SAML11, SAML20].map(|namespace| answer(&token(&format!("<a:Assertion xmlns:a='{namespace}'/>"))));
    let later = new.replace("<a:Assertion ", "<a:Assertion ID='2' ");
    let kind = |all: &[&str]| read(200, &format!("<r>{}</r>", all.concat())).map(|found| (found.kind, found.xml.expose().contains("ID")));
    assert_eq!(kind(&[&new, &old, &later]), Ok((AssertionKind::Saml11, false)));
    assert_eq!(kind(&[&new, &later]), Ok((AssertionKind::Saml20, false)));
    assert_eq!(kind(&[&answer("<x/>"), &later, &new]), Ok((AssertionKind::Saml20, true)));
    assert_eq!(kind(&[&answer(&token("")), &answer("")]).unwrap_err(), "its RequestedSecurityToken holds no assertion");
}

#[test]
fn a_fault_may_lack_any_part() {
    let soap = |version: usize, inner: &str| {
        let body = format!("<s:Envelope xmlns:s='{}'><s:Body><s:Fault>{inner}</s:Fault></s:Body></s:Envelope>", SOAP[version]);
        match assertion(&of(500, body)) {
            Err(IssueError::Fault(fault)) => (fault.subcode.clone(), fault.reason.clone(), fault.kind().map(str::to_owned)),
            other => panic!("{other:?}"),
        }
    };
    let some = |text: &str| Some(text.to_owned());
    let code = "<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>\n a:Expired\n</s:Value></s:Subcode></s:Code>";
    let reasons = "<s:Reason><s:Text xml:lang='de'>Nein.</s:Text><s:Text xml:lang='en-GB'>No.</s:Text></s:Reason>";
    assert_eq!(soap(0, ""), (None, String::new(), None));
    assert_eq!(soap(0, code), (some("a:Expired"), String::new(), some("Expired")));
    assert_eq!(soap(0, &format!("{code}{reasons}")), (some("a:Expired"), "No.".to_owned(), some("Expired")));
    assert_eq!(soap(0, "<s:Reason><s:Text>Ja &amp; nein</s:Text></s:Reason>").1, "Ja & nein");
    assert_eq!(soap(0, "<s:Code><s:Subcode/></s:Code><s:Reason/>"), (None, String::new(), None));
    assert_eq!(soap(0, "<s:Reason><s:Text/></s:Reason>"), (None, String::new(), None));
    assert_eq!(soap(1, "<faultcode>wst:BadRequest</faultcode>"), (some("wst:BadRequest"), String::new(), some("BadRequest")));
    assert_eq!(soap(1, "<faultcode>s:Client</faultcode><faultstring>No</faultstring>"), (None, "No".to_owned(), None));
    let long = soap(0, &format!("<s:Reason><s:Text>{}</s:Text></s:Reason>", "é".repeat(1 << 20))).1;
    assert_eq!(long.len(), LONGEST_TEXT);
    let odd = soap(1, &format!("<faultcode>{}</faultcode>", "a".repeat(5_000))).0;
    assert_eq!(odd.map(|code| code.len()), Some(LONGEST_TEXT));
}

#[test]
fn what_is_no_answer_is_said() {
    assert_eq!(read(503, "<html><title>Off</title></html>").unwrap_err(), "it is not XML (status 503): Off");
    assert_eq!(read(200, "<a/>").unwrap_err(), "it holds neither an assertion nor a fault (status 200)");
    let debug = format!("{:?}", read(200, &answer(&token(&format!("<a:Assertion xmlns:a='{SAML11}'/>")))).unwrap());
    assert_eq!(debug, "Assertion { kind: Saml11, xml: [redacted] }");
}

proptest! {
    // A failing input goes into a test of its own, not into a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_is_what_was_given(username in any::<String>(), password in any::<String>(), audience in "[ -~é\t\r\n]{0,40}") {
        prop_assume!(is_sendable(&username) && is_sendable(&password));
        let request = issue(&endpoint(Version::V13), &username, &password, &audience);
        let text = std::str::from_utf8(&request.body).expect("it is UTF-8");
        let document = Document::parse(text).expect("it is XML");
        let value = |name: &str| {
            let nodes: Vec<_> = document.descendants().filter(|node| node.has_tag_name(name) || node.tag_name().name() == name).collect();
            nodes.last().and_then(Node::text).unwrap_or_default().to_owned()
        };
        prop_assert_eq!(value("Username"), username);
        prop_assert_eq!(value("Password"), password);
        prop_assert_eq!(value("Address"), audience);
        prop_assert_eq!(document.descendants().filter(Node::is_element).count(), 21);
    }

    #[test]
    fn an_assertion_comes_back_as_it_was(text in any::<String>(), space in "[ \t\r\n]{0,4}") {
        let text: String = text.chars().filter(|character| is_sendable(&character.to_string()) && !"<&]".contains(*character)).collect();
        let inner = format!("{space}<a:Assertion{space} xmlns:a='{SAML11}'{space}>{text}</a:Assertion{space}>{space}");
        let found = read(200, &answer(&token(&inner)));
        prop_assert_eq!(found.as_ref().map(|found| found.xml.expose()), Ok(inner.as_str()));
    }

    #[test]
    fn any_answer_is_read_without_a_panic(
        status in 100_u16..600, at in 0_usize..4_000, put in "[<>/'\"a:=!\\-\\[\\]?& ]{0,3}", cut in 0_usize..3,
    ) {
        let mut text = include_str!("../../tests/federation/rstr-13-two-tokens.xml").to_owned();
        let at = text.floor_char_boundary(at.min(text.len()));
        let end = text.floor_char_boundary((at + cut).min(text.len()));
        text.replace_range(at..end, &put);
        if let Err(what) = read(status, &text) {
            prop_assert!(!what.contains(char::is_control), "{}", what);
        }
        let source = Url::parse("https://sts.contoso.com/mex").expect("a URL");
        drop(mex::endpoint(&of(status, text), &source));
    }
}
