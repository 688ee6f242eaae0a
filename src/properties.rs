//! What holds for every input, tried with inputs that nobody thought of.

use std::path::Path;
use std::time::SystemTime;

use proptest::prelude::*;
use url::Url;
use uuid::Uuid;

use crate::cli::parameters;
use crate::cli::placeholder;
use crate::entra::authority::{Authority, Endpoint};
use crate::entra::client_auth::ClientAuth;
use crate::entra::cloud::Cloud;
use crate::entra::grant::{Caller, Grant, TokenRequest};
use crate::entra::reply::Reply;
use crate::entra::scope::{self, Scopes};
use crate::entra::{refusal, resource, token};
use crate::hint;
use crate::output::explanation;
use crate::redact::{self, Masks};
use crate::secret::Secret;

/// JSON, cut, garbled, or no JSON at all.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let whole = r#"{"error":"a","error_description":"AADSTS1: b","error_codes":[1],"access_token":"c","token_type":"Bearer","expires_in":1,"x":[{}]}"#;
    let cut = (0..whole.len()).prop_map(move |end| whole.as_bytes()[..end].to_vec());
    let garbled = (0..whole.len(), any::<u8>()).prop_map(move |(at, byte)| {
        let mut bytes = whole.as_bytes().to_vec();
        bytes[at] = byte;
        bytes
    });
    prop_oneof![any::<Vec<u8>>(), cut, garbled]
}

/// Texts about errors, whole and in pieces.
fn texts_with_codes() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[ -~]{0,20}",
        "(AADSTS|aadb2c|MSIS|ID| id|code=|error_codes\":\\[|tenant '|the scope |scope='|directory '|\\\\u0027)",
        "[0-9]{1,12}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "(é|문자|\u{1b}\\[2J|::set-env name=a::|##vso\\[x\\]|\n)",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    // A failing input goes into a test of its own, not into a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn foreign_text_is_harmless_and_bounded(text in any::<String>()) {
        let shown = redact::foreign(&text);
        prop_assert!(!shown.contains(char::is_control) && shown.len() < 320);
        prop_assert!(!shown.contains("::") && !shown.contains("##[") && !shown.contains("##vso["));
        prop_assert!(!redact::printable(&text).contains(char::is_control));
    }

    #[test]
    fn masked_text_holds_no_secret(secret in "[ -~é]{4,40}", before in "[a-z]{0,5}", after in "[a-z]{0,5}") {
        let masks = Masks::default();
        masks.add(&Secret::new(secret.clone()));
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let text = masks.apply(&format!("{before}{secret}{after} {encoded}"));
        prop_assert!(!text.contains(&secret) && !text.contains(&encoded), "{}", text);
    }

    #[test]
    fn any_answer_is_read_without_a_panic_and_described_without_control_characters(status in 100_u16..600, body in bodies()) {
        let reply = Reply { status, body: body.into(), received_at: SystemTime::UNIX_EPOCH };
        drop(refusal::refusal(&reply));
        if let Err(token::ReplyError::Unreadable(what)) = token::tokens(&reply) {
            prop_assert!(!what.contains(char::is_control), "{}", what);
        }
        drop((redact::json(&reply.body), redact::beginning(&reply.body)));
    }

    #[test]
    fn any_parameters_file_is_read_or_refused(text in prop_oneof![any::<String>(), "[{}\\[\\]\",:a-z_/* ]{0,60}"]) {
        if let Err(error) = parameters::parse("p.json", &text, Path::new("")) {
            prop_assert!(error.what.contains("p.json"), "{}", error.what);
        }
    }

    #[test]
    fn an_authority_keeps_its_host_and_sends_nowhere_else(text in "https://[a-z.@:\\\\/?#%é0-9]{0,40}") {
        if let Ok(authority) = Authority::parse(&text) {
            let url = Url::parse(&text).expect("an authority is a URL");
            prop_assert_eq!(Some(authority.host()), url.host_str());
            prop_assert!(url.username().is_empty() && !text.contains(['@', '\\', '#', '%']));
            if let Some(endpoint) = authority.with_tenant("t.example").endpoint(Endpoint::Token) {
                prop_assert_eq!(endpoint.host_str(), url.host_str());
                prop_assert_eq!(endpoint.port_or_known_default(), url.port_or_known_default());
            }
        }
    }

    #[test]
    fn settings_of_any_text_are_looked_at_without_a_panic(text in any::<String>()) {
        drop((placeholder::is_placeholder(&text), scope::suggestion(&text), resource::scope(&text, Cloud::UsGov)));
        let scopes = Scopes::new([text]);
        drop((scopes.not_default().map(str::to_owned), scopes.two_resources().is_some()));
    }

    #[test]
    fn any_text_is_searched_for_codes_and_nothing_else_of_it_is_shown(text in texts_with_codes(), odd in "[QZ~^]{8}") {
        let found = hint::found(&format!("{odd} {text} {odd}"));
        for shown in [explanation::text(&found), explanation::json(&found)] {
            prop_assert!(!shown.contains(|character: char| character.is_control() && character != '\n'), "{}", shown);
            prop_assert!(!shown.contains("::") && !shown.contains("##") && !shown.contains(&odd), "{}", shown);
        }
        prop_assert!(found.codes.len() <= 100);
        for (at, code) in found.codes.iter().enumerate() {
            prop_assert!(!found.codes[..at].contains(code), "{} is there twice", code);
        }
    }

    #[test]
    fn what_is_sent_is_what_was_given(client_id in any::<String>(), secret in any::<String>(), asked in any::<String>()) {
        let endpoint = Url::parse("https://login.microsoftonline.com/t/oauth2/v2.0/token").expect("a URL");
        let auth = ClientAuth::Secret(Secret::new(secret.clone()));
        let scopes = Scopes::new([asked.clone()]);
        let request = TokenRequest {
            endpoint: &endpoint, client_id: &client_id, auth: &auth, grant: Grant::ClientCredentials, scopes: &scopes, claims: None,
            caller: Caller { request_id: Uuid::nil(), os: "linux" },
        };
        let sent = request.to_http();
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&sent.body).into_owned().collect();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        prop_assert_eq!(field("client_id"), Some(client_id));
        prop_assert_eq!(field("client_secret"), Some(secret));
        prop_assert_eq!(field("scope"), Some(asked));
        prop_assert!(sent.body.is_ascii());
    }
}
