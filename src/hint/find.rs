//! Finding what can be explained in a text: a code, an error message, a JSON answer, a page of a log.
//!
//! The text is looked at as it stands, whatever it is part of: JSON that is pretty-printed, cut off, escaped in another text or
//! follows a log's time reads the same. Only what is recognised leaves this module, and nothing else of the text: it may hold
//! tokens and passwords.

use super::code::{Code, SUBERRORS};
use super::{Values, values};

/// The most codes that are explained at once.
const MOST: usize = 100;

/// What a text holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its codes, each once, in their order, those that only frame others last.
    pub(crate) codes: Vec<Code>,
    /// The suberror, where it names one.
    pub(crate) suberror: Option<&'static str>,
    /// Whether it holds a claims challenge.
    pub(crate) has_claims: bool,
    /// What the request asked with.
    pub(crate) values: Values,
}

/// Finds what can be explained in a text.
pub(crate) fn found(text: &str) -> Found {
    let codes = alone(text).unwrap_or_else(|| {
        let lower = text.to_ascii_lowercase();
        let mut codes = numbered(&lower);
        codes.extend(of_federation(&lower));
        codes.extend(named(&lower, Code::is_of_msal));
        codes.extend(said(&lower));
        if codes.is_empty() {
            codes = named(&lower, |_| true);
        }
        codes.sort_by_key(|(at, _)| *at);
        codes.into_iter().map(|(_, code)| code).collect()
    });
    let mut each: Vec<Code> = Vec::new();
    for code in codes {
        if each.len() < MOST && !each.contains(&code) {
            each.push(code);
        }
    }
    let (frames, mut codes): (Vec<Code>, Vec<Code>) = each.into_iter().partition(|code| code.is_frame());
    codes.extend(frames);
    Found { codes, suberror: suberror(text), has_claims: has_claims(text), values: values::of(text) }
}

/// The first code of B2C or of a federation server in a description.
pub(super) fn first(description: &str) -> Option<Code> {
    let lower = description.to_ascii_lowercase();
    // At the beginning of a fault a number is a code, whether it is known or not.
    let begins = lower.split_once(':').and_then(|(code, _)| code.strip_prefix("id")).filter(|digits| digits.len() == 4);
    let begins = begins.and_then(digits).map(Code::Wif);
    begins.or_else(|| of_federation(&lower).into_iter().min_by_key(|(at, _)| *at).map(|(_, code)| code))
}

/// The codes of a text that consists of nothing else; a number alone is one of Entra's.
fn alone(text: &str) -> Option<Vec<Code>> {
    let is_between = |character: char| character.is_whitespace() || "[](),;\"'`\u{feff}".contains(character);
    let words = text.split(is_between).filter(|word| !word.is_empty());
    let codes: Option<Vec<Code>> = words.map(whole).take(MOST).collect();
    codes.filter(|codes| !codes.is_empty())
}

/// A word that is a code as a whole.
fn whole(word: &str) -> Option<Code> {
    let lower = word.trim_end_matches([':', '.']).to_ascii_lowercase();
    let number = |prefix: &str| lower.strip_prefix(prefix).filter(|digits| is_digits(digits)).and_then(|digits| digits.parse().ok());
    let bare = |number: &u32| (SMALLEST..100_000_000).contains(number);
    number("aadsts")
        .or_else(|| number("").filter(bare))
        .map(Code::Aadsts)
        .or_else(|| number("aadb2c").map(Code::B2c))
        .or_else(|| number("msis").map(Code::Msis))
        .or_else(|| number("id").filter(|number| *number < 10_000).map(Code::Wif))
        .or_else(|| Code::named(&lower))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

type Places = Vec<(usize, Code)>;

/// Entra's own codes: behind their prefix, in a list of `error_codes`, and behind the words that pages and logs of Microsoft's have
/// before them. Any other number is a time, a port, a part of an id.
fn numbered(lower: &str) -> Places {
    let mut places = Vec::new();
    // A letter is lost easily, and Microsoft's own pages have lost it.
    for (at, prefix) in lower.match_indices("adsts") {
        let rest = lower[at + prefix.len()..].trim_start_matches([' ', ':', '-', '_']);
        places.extend(digits(rest).map(|number| (at, Code::Aadsts(number))));
    }
    for (at, key) in lower.match_indices("error_codes").take(MOST) {
        places.extend(list(&lower[at + key.len()..]).map(|number| (at, Code::Aadsts(number))));
    }
    for key in ["error?code", "error code", "errorcode", "resulttype", "error"] {
        for (at, key) in lower.match_indices(key) {
            let is_word = !lower[..at].ends_with(|character: char| character.is_alphanumeric() || character == '_');
            let rest = lower[at + key.len()..].trim_start_matches(|character: char| " :=\"'\\".contains(character));
            let code = digits(rest).filter(|number| SMALLEST <= *number && *number < 100_000_000).map(Code::Aadsts);
            // Errors of others have numbers too.
            let is_sure = |code: &Code| matches!(key, "error?code" | "resulttype") || code.explanation().is_some();
            places.extend(code.filter(|code| is_word && is_sure(code)).map(|code| (at, code)));
        }
    }
    places
}

/// The smallest of Entra's codes.
const SMALLEST: u32 = 16_000;

/// What Microsoft's libraries and pages say without a code.
const SAYINGS: &[(&str, Code)] = &[
    ("could not identify the user logged", Code::Name("unknown_user")),
    ("security token could not be authenticated or authorized", Code::Wif(3242)),
    ("unsupported user type", Code::Name("unknown_user_type")),
];

/// The failures that a text speaks of in words.
fn said(lower: &str) -> Places {
    SAYINGS.iter().filter_map(|(saying, code)| Some((lower.find(saying)?, *code))).collect()
}

/// The number that a text begins with, where a number is all that stands there.
fn digits(text: &str) -> Option<u32> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let is_word = text[end..].starts_with(|character: char| character.is_alphanumeric() || "_-.".contains(character));
    // A sentence may end behind the code, or its ids begin.
    let goes_on = is_word && !text[end..].starts_with(['.', '-']) && !text[end..].starts_with("aadsts");
    if goes_on { None } else { text[..end].parse().ok() }
}

/// The numbers of a list that follows its key, in JSON, in JSON within a text, or as Python prints it.
fn list(rest: &str) -> impl Iterator<Item = u32> {
    const LONGEST: usize = 512;
    let rest = &rest[..rest.floor_char_boundary(LONGEST)];
    let rest = rest.trim_start_matches(|character: char| character.is_whitespace() || "\\\"':=".contains(character));
    let inside = rest.strip_prefix('[').map_or("", |inside| inside.split(']').next().unwrap_or_default());
    inside.split(|character: char| !character.is_ascii_digit()).filter_map(|number| number.parse().ok())
}

/// The codes of B2C, AD FS and Windows Identity Foundation.
fn of_federation(lower: &str) -> Places {
    let mut places = Vec::new();
    for prefix in ["aadb2c", "msis"] {
        let family = if prefix == "msis" { Code::Msis } else { Code::B2c };
        for (at, prefix) in lower.match_indices(prefix) {
            places.extend(digits(&lower[at + prefix.len()..]).map(|number| (at, family(number))));
        }
    }
    for (at, prefix) in lower.match_indices("id") {
        // `ID` and digits are common elsewhere, so only those that are known count, and as a word.
        let before = &lower[..at];
        let is_word = !before.ends_with(|character: char| character.is_alphanumeric() || "_-".contains(character));
        let is_escaped = ["\\n", "\\r", "\\t", "%3a", "%20"].iter().any(|end| before.ends_with(end));
        let code = digits(&lower[at + prefix.len()..]).map(Code::Wif).filter(|code| code.explanation().is_some());
        places.extend(code.filter(|_| is_word || is_escaped).map(|code| (at, code)));
    }
    places
}

/// The words that are names of the table, of those that are wanted.
fn named(lower: &str, is_wanted: impl Fn(Code) -> bool) -> Places {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut places = Vec::new();
    let mut at = 0;
    for word in lower.split(|character| !is_part(character)) {
        let start = at;
        at = start + word.len() + lower[start + word.len()..].chars().next().map_or(0, char::len_utf8);
        if word.len() <= LONGEST_NAME && word.contains('_') {
            places.extend(Code::named(word).filter(|code| is_wanted(*code)).map(|code| (start, code)));
        }
    }
    places
}

/// The length of the longest name.
const LONGEST_NAME: usize = 40;

/// The suberror, where a text names one as such.
fn suberror(text: &str) -> Option<&'static str> {
    let (_, rest) = text.split_once("suberror").or_else(|| text.split_once("SubError"))?;
    let rest = rest.trim_start_matches(|character: char| character.is_whitespace() || "\\\"':=".contains(character));
    let end = rest.find(|character: char| !character.is_ascii_lowercase() && character != '_').unwrap_or(rest.len());
    SUBERRORS.iter().find(|name| **name == &rest[..end]).copied()
}

/// Whether a text holds a claims challenge: a member of that name that is no null.
fn has_claims(text: &str) -> bool {
    text.match_indices("\"claims").any(|(at, key)| {
        let rest = text[at + key.len()..].trim_start_matches(|character: char| character.is_whitespace() || "\\\":".contains(character));
        rest.starts_with('{')
    })
}

#[cfg(test)]
mod tests {
    use super::super::names;
    use super::*;

    fn codes(text: &str) -> String {
        found(text).codes.iter().map(Code::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_are_not_longer_than_what_is_looked_at() {
        assert!(names::TABLE.iter().all(|entry| entry.code.to_string().len() <= LONGEST_NAME));
    }

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for (text, expected) in [
            ("AADSTS50126", "AADSTS50126"),
            ("50126", "AADSTS50126"),
            ("aadsts50126", "AADSTS50126"),
            ("AADSTS 50126", "AADSTS50126"),
            ("AADSTS50126.", "AADSTS50126"),
            ("AADSTS: 50126", "AADSTS50126"),
            ("AADSTS50126AADSTS65001", "AADSTS50126 AADSTS65001"),
            ("AADSTS-50126", "AADSTS50126"),
            ("ADSTS50034: To sign into this application", "AADSTS50034"),
            ("\u{feff}50126", "AADSTS50126"),
            ("error 50126", "AADSTS50126"),
            ("Error Code: 53003\nRequest Id: 1", "AADSTS53003"),
            ("Sign-in error code: 50126", "AADSTS50126"),
            ("ResultType: 50126", "AADSTS50126"),
            ("{\"ResultType\":\"50126\"}", "AADSTS50126"),
            ("Unsupported User Type 'Unknown'. Please see https://aka.ms/msal-net-up", "unknown_user_type"),
            ("Could not identify the user logged into the OS.", "unknown_user"),
            ("ID3242: The security token could not be authenticated or authorized.", "ID3242"),
            ("50126 65001, [70002]", "AADSTS50126 AADSTS65001 AADSTS70002"),
            ("AADB2C90118", "AADB2C90118"),
            ("msis7068", "MSIS7068"),
            ("id3242", "ID3242"),
            ("ID1234", "ID1234"),
            ("unknown_user_type", "unknown_user_type"),
            ("Unknown_User", "unknown_user"),
            ("AADSTS99999999", "AADSTS99999999"),
            ("https://login.microsoftonline.com/error?code=50126", "AADSTS50126"),
            ("error_uri: https://login.microsoftonline.com/error?code=50126&x=1", "AADSTS50126"),
            ("redirect#error_description=AADSTS50011%3a+The+redirect&state=1", "AADSTS50011"),
            ("{\"status\":{\"errorCode\":53003,\"failureReason\":\"x\"}}", "AADSTS53003"),
        ] {
            assert_eq!(codes(text), expected, "{text}");
        }
    }

    #[test]
    fn codes_come_in_their_order_each_once_and_frames_last() {
        for (text, expected) in [
            ("AADSTS70002: Error validating credentials. AADSTS50126: Invalid username", "AADSTS50126 AADSTS70002"),
            ("AADSTS65001: x\r\nAADSTS50076 y AADSTS65001", "AADSTS65001 AADSTS50076"),
            ("70002 AADSTS50126", "AADSTS50126 AADSTS70002"),
            ("parsing_wstrust_response_failed: ID3242: The security token", "parsing_wstrust_response_failed ID3242"),
            ("AADSTS50012 and MSIS7068", "AADSTS50012 MSIS7068"),
        ] {
            assert_eq!(codes(text), expected, "{text}");
        }
    }

    #[test]
    fn json_is_read_wherever_it_stands() {
        let plain = r#"{"error":"invalid_grant","error_codes":[70002,50126],"suberror":"basic_action","claims":"{}","id":"50034"}"#;
        let pretty = plain.replace(',', ",\n    ").replace('[', " [\n    ").replace(':', " : ");
        let escaped = format!("2026-11-21 08:00:00.50034 ERROR body={plain:?} port 50034");
        for text in [plain, &pretty, &escaped] {
            let found = found(text);
            assert_eq!((codes(text).as_str(), found.suberror), ("AADSTS50126 AADSTS70002", Some("basic_action")), "{text}");
            assert!(found.has_claims, "{text}");
        }
        let python = "{'error': 'invalid_grant', 'error_codes': [65001], 'suberror': 'consent_required', 'claims': None}";
        assert_eq!((codes(python).as_str(), found(python).suberror), ("AADSTS65001", Some("consent_required")));
        assert!(!found(r#"{"error_codes":[1],"claims":null,"suberror":null}"#).has_claims);
    }

    #[test]
    fn other_numbers_and_words_are_no_codes() {
        for text in [
            "",
            "no code at all",
            "at 50126 on port 50034, 2026-11-21 02:09:00Z",
            "Trace ID: 50126000-0000-0000-0000-000000000000 status code=404",
            "order ID1234 and void3242 and grid4063",
            "code=0.AXEA50126-xyz code=50126abc",
            "exit code=50126 postcode=65001&x zipcode=90210 /callback?code=90210 terror 50126",
            "{\"errorCode\":\"10054\"} error 98765 Error code 40613: Database is not currently available ErrorCode=30008",
            "404",
            "AADSTS",
            "AADSTSx",
            "AADSTS99999999999999999999",
        ] {
            assert_eq!(codes(text), "", "{text}");
        }
    }

    #[test]
    fn the_names_of_oauth_count_only_where_there_is_no_code() {
        assert_eq!(codes("{\"error\":\"invalid_grant\",\"error_description\":\"x\"}"), "invalid_grant");
        assert_eq!(codes("invalid_grant: AADSTS50126: x"), "AADSTS50126");
        assert_eq!(codes("it said login_required, then server_error"), "login_required server_error");
    }
}
