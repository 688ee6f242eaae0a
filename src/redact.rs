//! What may be seen of a request, an answer, and text that others wrote.
//!
//! Three tools: `Masks` takes known secrets out of a text, `foreign` makes text from elsewhere harmless to a terminal and
//! to a CI system that reads commands from logs, and `form` and `json` show the shape of a message with values masked
//! by default: only names known to be harmless keep theirs.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Write as _;

use zeroize::Zeroizing;

use crate::secret::Secret;

/// What stands for a value that is not shown.
const MASK: &str = "***";

/// Members of requests and answers whose values say nothing secret. What is not listed is masked.
const HARMLESS: &[&str] = &[
    "account_type",
    "client_assertion_type",
    "client_id",
    "client_info",
    "cloud_audience_urn",
    "cloud_instance_name",
    "correlation_id",
    "domain_name",
    "error",
    "error_codes",
    "error_description",
    "error_uri",
    "expires_in",
    "ext_expires_in",
    "federation_active_auth_url",
    "federation_brand_name",
    "federation_metadata_url",
    "federation_protocol",
    "grant_type",
    "issuer",
    "refresh_in",
    "scope",
    "suberror",
    "timestamp",
    "token_endpoint",
    "token_type",
    "trace_id",
];

/// Members whose value is harmless in a request only: an answer's `client_info` names a person.
const HARMLESS_SENT_ONLY: &[&str] = &["client_info"];

/// The most bytes of foreign text that are shown in one place.
const FOREIGN_LIMIT: usize = 300;

/// The largest answer that is traced, in bytes.
const TRACE_LIMIT: usize = 64 << 10;
/// The most members of an answer that are traced.
const MEMBERS_LIMIT: usize = 32;

/// The secrets that this command holds, and every form in which a server might send them back. The forms are made when the first
/// text is shown: most commands show none.
#[derive(Debug, Default)]
pub(crate) struct Masks {
    secrets: RefCell<Vec<Secret>>,
    forms: RefCell<Option<Vec<Secret>>>,
}

impl Masks {
    /// Remembers a secret. One of less than four characters hides nothing, and masking it would take every text apart.
    pub(crate) fn add(&self, secret: &Secret) {
        if secret.expose().chars().count() >= 4 {
            self.secrets.borrow_mut().push(secret.clone());
            self.forms.take();
        }
    }

    /// The text without the secrets; nothing of it where it holds one in an encoding that is not among their usual forms, or in one
    /// within another.
    pub(crate) fn apply(&self, text: &str) -> String {
        let masked = self.apply_to_forms(text);
        let is_encoded = masked.contains(['%', '&', '\\']);
        let reveals = |secret: &Secret| decodings(&masked).iter().any(|text| text.contains(secret.expose()));
        match is_encoded && self.secrets.borrow().iter().any(reveals) {
            true => MASK.to_owned(),
            false => masked,
        }
    }

    /// The text without the usual forms of the secrets.
    pub(crate) fn apply_to_forms(&self, text: &str) -> String {
        let mut forms = self.forms.borrow_mut();
        let forms = forms.get_or_insert_with(|| all_forms(&self.secrets.borrow()));
        forms.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), MASK))
    }
}

/// The forms of secrets, the longest first, so that none is left half masked by a shorter one.
fn all_forms(secrets: &[Secret]) -> Vec<Secret> {
    let mut all = Vec::new();
    for form in secrets.iter().flat_map(|secret| forms(secret.expose())) {
        if !all.contains(&form) {
            all.push(form);
        }
    }
    all.sort_by_key(|form| std::cmp::Reverse(form.expose().len()));
    all
}

/// What a text stands for, if it is decoded once and again; also where a plus is a blank.
fn decodings(text: &str) -> Vec<Zeroizing<String>> {
    const ROUNDS: usize = 3;
    let mut all = Vec::new();
    let mut text = Zeroizing::new(text.to_owned());
    for _ in 0..ROUNDS {
        let next = decoded(&text);
        if next == text {
            break;
        }
        // In a form a plus is a blank, unless it is encoded itself.
        if text.contains('+') {
            all.push(decoded(&text.replace('+', " ")));
        }
        all.push(next.clone());
        text = next;
    }
    all
}

/// A text without percent-encoding (RFC 3986 section 2.1), references of XML and HTML, and escapes of JSON (RFC 8259 section 7).
fn decoded(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = rest.find(['%', '&', '\\']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let (bytes, length) = escaped(rest).unwrap_or_else(|| (rest.as_bytes()[..1].to_vec(), 1));
        out.extend_from_slice(&bytes);
        rest = &rest[length..];
    }
    out.extend_from_slice(rest.as_bytes());
    Zeroizing::new(String::from_utf8_lossy(&out).into_owned())
}

/// The bytes that an escape at the beginning of a text stands for, and its length.
fn escaped(text: &str) -> Option<(Vec<u8>, usize)> {
    let hex = |range: std::ops::Range<usize>| u32::from_str_radix(text.get(range)?, 16).ok();
    let utf8 = |number: u32| char::from_u32(number).map(|character| character.to_string().into_bytes());
    match text.as_bytes() {
        [b'%', ..] => Some((vec![u8::try_from(hex(1..3)?).ok()?], 3)),
        [b'\\', b'u', ..] => Some((utf8(hex(2..6)?)?, 6)),
        [b'\\', other @ (b'"' | b'\\' | b'/' | b'\''), ..] => Some((vec![*other], 2)),
        [b'&', ..] => {
            let (name, _) = text[1..].split_once(';').filter(|(name, _)| name.len() <= 8)?;
            let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => number.parse().ok(),
            });
            let character = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => char::from_u32(number?)?,
            };
            Some((character.to_string().into_bytes(), name.len() + 2))
        }
        _ => None,
    }
}

/// A secret as it is; encoded for a form, for a URL (only what must be, or every byte), for JSON and for XML; in hexadecimal; in
/// base64, wherever in the encoded text it begins; and backwards.
fn forms(value: &str) -> Vec<Secret> {
    let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let percent = form.replace('+', "%20");
    let whole: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let hexadecimal: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let json = serde_json::Value::from(value).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let mut forms = vec![value.to_owned(), lower_case_escapes(&percent), lower_case_escapes(&whole), hexadecimal.to_uppercase()];
    let ampersand = value.replace('&', "&amp;");
    let text = ampersand.replace('<', "&lt;").replace('>', "&gt;");
    forms.push(ampersand.replace('<', "&lt;"));
    forms.push(text.replace('"', "&quot;").replace('\'', "&apos;"));
    forms.push(text.replace('"', "&quot;").replace('\'', "&#39;"));
    forms.extend([text, form, percent, whole, hexadecimal, json, value.chars().rev().collect()]);
    let utf16: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, shift) in (0..6).map(|at| (if at < 3 { value.as_bytes() } else { &utf16 }, at % 3)) {
        let standard = base64_inside(bytes, shift);
        // A few letters, or none, would be found in every text.
        if standard.len() < 8 {
            continue;
        }
        forms.push(standard.replace('+', "-").replace('/', "_"));
        forms.push(standard);
    }
    forms.into_iter().map(Secret::new).collect()
}

/// The part of a base64 text that these bytes alone decide when so many bytes (modulo three) stand before them.
fn base64_inside(bytes: &[u8], shift: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // Bytes before the first whole group of three share a character with strangers.
    let aligned = bytes.get((3 - shift) % 3..).unwrap_or_default();
    let groups = aligned.as_chunks::<3>().0;
    let bits = groups.iter().map(|[a, b, c]| u32::from(*a) << 16 | u32::from(*b) << 8 | u32::from(*c));
    bits.flat_map(|bits| [18, 12, 6, 0].map(|at| char::from(ALPHABET[(bits >> at & 63) as usize]))).collect()
}

/// `%2F` as `%2f`, which some servers write.
fn lower_case_escapes(text: &str) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while let Some(at) = rest.find('%') {
        let end = (at + 3).min(rest.len());
        out.push_str(&rest[..at]);
        out.push_str(&rest[at..end].to_ascii_lowercase());
        rest = &rest[end..];
    }
    out + rest
}

/// Text from elsewhere, made harmless: one line, bounded, without control or invisible characters, and without what
/// GitHub Actions (`::command::`, `##[command]`) and Azure Pipelines (`##vso[command]`) would take for a command.
pub(crate) fn foreign(text: &str) -> String {
    let mut out = String::new();
    for character in without_tokens(text.trim()).chars() {
        if out.len() > FOREIGN_LIMIT {
            out.push('…');
            break;
        }
        match character {
            '\r' | '\n' | '\t' if out.ends_with(' ') => {}
            '\r' | '\n' | '\t' => out.push(' '),
            ':' if out.ends_with(':') => out.push_str("\\u{3a}"),
            '[' if out.ends_with("##") || out.ends_with("##vso") => out.push_str("\\u{5b}"),
            other => push_printable(&mut out, other),
        }
    }
    out
}

/// The text with each JWT masked: one begins with the base64url of `{"`.
fn without_tokens(text: &str) -> Cow<'_, str> {
    if !text.contains("eyJ") {
        return Cow::Borrowed(text);
    }
    let is_part = |character: char| character.is_ascii_alphanumeric() || "-_.=".contains(character);
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("eyJ") {
        let end = rest[at..].find(|character| !is_part(character)).map_or(rest.len(), |length| at + length);
        out.push_str(&rest[..at]);
        out.push_str(if end - at > 20 { MASK } else { &rest[at..end] });
        rest = &rest[end..];
    }
    Cow::Owned(out + rest)
}

/// A line for a person, without control or invisible characters, however it came together.
pub(crate) fn printable(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for character in line.chars() {
        push_printable(&mut out, character);
    }
    out
}

fn push_printable(out: &mut String, character: char) {
    match character {
        // `escape_debug` knows what is printable, and also escapes these three, which are harmless here.
        '\'' | '"' | '\\' => out.push(character),
        other => out.extend(other.escape_debug()),
    }
}

/// A form body with the values of all but harmless fields masked.
pub(crate) fn form(body: &[u8]) -> String {
    let mut out = String::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        let shown = if HARMLESS.contains(&&*name) { printable(&value) } else { MASK.to_owned() };
        let separator = if out.is_empty() { "" } else { "&" };
        // Writing to a string cannot fail.
        let _ = write!(out, "{separator}{}={shown}", printable(&name));
    }
    out
}

/// A JSON answer with the values of all but harmless members masked; for anything else, its size only.
pub(crate) fn json(body: &[u8]) -> String {
    // A token's answer has some kilobytes, and a person reads no more.
    if body.len() > TRACE_LIMIT {
        return format!("({} bytes)", body.len());
    }
    let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(body) else {
        return format!("({} bytes that are not a JSON object)", body.len());
    };
    let mut out = String::new();
    for (name, value) in members.iter().take(MEMBERS_LIMIT) {
        let harmless = HARMLESS.contains(&name.as_str()) && !HARMLESS_SENT_ONLY.contains(&name.as_str());
        let shown = match value {
            _ if !harmless => MASK.to_owned(),
            serde_json::Value::String(text) => foreign(text),
            other => foreign(&other.to_string()),
        };
        let separator = if out.is_empty() { "" } else { ", " };
        let _ = write!(out, "{separator}{}: {shown}", foreign(name));
    }
    format!("{{{out}}}")
}

/// The beginning of a text answer, for a person to recognise a proxy's page by: a title where there is one, and
/// nothing that is long enough to be a token.
pub(crate) fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    let title = between(&text, "<title>", "</title>").or_else(|| between(&text, "<TITLE>", "</TITLE>"));
    let words = title.unwrap_or(&text).split_whitespace().take(24);
    let shown: Vec<&str> = words.map(|word| if word.len() > 24 { MASK } else { word }).collect();
    foreign(&shown.join(" "))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_invisible_characters_are_escaped() {
        assert_eq!(foreign("a\u{1b}]52;c;QQ==\u{7}b"), "a\\u{1b}]52;c;QQ==\\u{7}b");
        assert_eq!(foreign("x\u{202e}y\u{2028}z\u{9b}"), "x\\u{202e}y\\u{2028}z\\u{9b}");
        assert_eq!(foreign("it's a \"문자\" \\ 繁體"), "it's a \"문자\" \\ 繁體");
        assert_eq!(foreign("one\r\ntwo"), "one two");
    }

    #[test]
    fn ci_commands_are_defused() {
        for command in ["::set-env name=A::b", "x\n::add-mask::y", "##vso[task.setvariable]", "a ##[error]b"] {
            let shown = foreign(command);
            assert!(!shown.contains("::") && !shown.contains("##vso[") && !shown.contains("##["), "{shown}");
        }
    }

    #[test]
    fn foreign_text_is_bounded() {
        assert!(foreign(&"a".repeat(1 << 20)).len() < FOREIGN_LIMIT + 10);
        assert!(foreign(&"\u{1}".repeat(1 << 20)).len() < FOREIGN_LIMIT + 20);
    }

    #[test]
    fn a_secret_is_masked_in_each_form() {
        let masks = Masks::default();
        masks.add(&Secret::new("a/b+c \"~é".to_owned()));
        let every = "%61%2F%62%2B%63%20%22%7E%C3%A9";
        let hexadecimal = "612f622b6320227ec3a9";
        let plain = ["a/b+c \"~é", "a%2Fb%2Bc+%22%7E%C3%A9", "a%2fb%2bc%20%22%7e%c3%a9", "a/b+c \\\"~é", "é~\" c+b/a"];
        for form in plain.into_iter().chain([every, &every.to_lowercase(), hexadecimal, &hexadecimal.to_uppercase()]) {
            assert_eq!(masks.apply(&format!("<{form}>")), "<***>", "{form}");
        }
    }

    #[test]
    fn a_secret_is_found_however_it_is_encoded() {
        let secret = "Pa(55)~w*rd&'<\"1+2 /é";
        let masks = Masks::default();
        masks.add(&Secret::new(secret.to_owned()));
        for text in [
            // By the unreserved characters of RFC 3986, by encodeURIComponent, by encodeURI, with a plus for a blank.
            "Pa%2855%29~w%2Ard%26%27%3C%221%2B2%20%2F%C3%A9",
            "Pa(55)~w*rd%26'%3C%221%2B2%20%2F%c3%a9",
            "Pa(55)~w*rd&'%3C%221+2%20/%C3%A9",
            "Pa%2855%29~w%2Ard%26%27%3C%221%2B2+%2F%C3%A9",
            // As Python, Go and .NET write it in HTML, and twice.
            "Pa(55)~w*rd&amp;&#x27;&lt;&quot;1+2 /é",
            "Pa(55)~w*rd&amp;&#39;&lt;&#34;1+2 /&#233;",
            "Pa(55)~w*rd&amp;amp;&amp;apos;&amp;lt;&amp;quot;1+2 /é",
            // As .NET, Go and PHP write it in JSON, and that in a form.
            r"Pa(55)~w*rd\u0026\u0027\u003C\u00221\u002B2 /\u00e9",
            r#"Pa(55)~w*rd&'<\"1+2 \/\u00E9"#,
            "Pa(55)~w*rd%5Cu0026%5Cu0027%5Cu003c%5Cu00221+2%20/%C3%A9",
        ] {
            let shown = masks.apply(&format!("The value {text} is bad"));
            assert!(!shown.contains("55") && shown.contains(MASK), "{text}: {shown}");
        }
        for text in ["100% & more; \\u12 &#; %zz \\", "%C3%A9", "&lt;b&gt;"] {
            assert_eq!(masks.apply(text), text);
        }
        let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, utf16);
        assert!(!masks.apply(&encoded).contains(&encoded[4..40]));
    }

    #[test]
    fn a_secret_is_masked_in_base64_wherever_it_begins() {
        use base64::Engine as _;
        let secret = "local~daemon.PtYgjmUh_Bel31i>?>?";
        let masks = Masks::default();
        masks.add(&Secret::new(secret.to_owned()));
        for before in ["", "x", "id", "id:", "user"] {
            for engine in [base64::engine::general_purpose::STANDARD, base64::engine::general_purpose::URL_SAFE_NO_PAD] {
                let shown = masks.apply(&engine.encode(format!("{before}{secret}")));
                assert!(shown.contains(MASK) && shown.len() < MASK.len() + 14, "{before}: {shown}");
            }
        }
    }

    #[test]
    fn a_short_secret_leaves_other_text_alone() {
        for length in 4..12 {
            let masks = Masks::default();
            masks.add(&Secret::new("Zq7Q~CNRYaB3"[..length].to_owned()));
            assert_eq!(masks.apply("Connection refused by proxy"), "Connection refused by proxy", "{length}");
        }
    }

    #[test]
    fn a_token_in_a_text_is_masked() {
        assert_eq!(foreign("its eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhIn0.c2ln, eyJ x"), "its ***, eyJ x");
    }

    #[test]
    fn only_harmless_values_are_shown() {
        assert_eq!(
            form(b"client_id=app&client_secret=s3&grant_type=password&odd=1"),
            "client_id=app&client_secret=***&grant_type=password&odd=***"
        );
        assert_eq!(
            json(br#"{"access_token":"eyJ","expires_in":3599,"client_info":"eyJ1","token_type":"Bearer"}"#),
            "{access_token: ***, client_info: ***, expires_in: 3599, token_type: Bearer}"
        );
        assert_eq!(json(b"<html>"), "(6 bytes that are not a JSON object)");
    }

    #[test]
    fn the_beginning_of_a_page_is_its_title_and_holds_no_token() {
        assert_eq!(beginning(b"<html><title>Access denied</title>"), "Access denied");
        assert_eq!(beginning(b"oops eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhIn0.c2ln end"), "oops *** end");
    }
}
